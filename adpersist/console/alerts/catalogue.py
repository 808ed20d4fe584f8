"""Every rule over the journal: what it is called, how soon somebody should look, what it means."""

from typing import Final

from adpersist.console.alerts.finding import Rule, Severity

CRITICAL, HIGH, MEDIUM = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM

MANY: Final = 25
WINDOW_S: Final = 600.0
"""So many of a kind within so many seconds are a burst."""

_RULES: Final = (
    Rule(
        name="privileged-group",
        severity=CRITICAL,
        words="Who is in a privileged group changed",
        technique="T1098.007",
    ),
    Rule(
        name="replication-rights",
        severity=CRITICAL,
        words="Somebody was given the right to read all passwords by replication",
        technique="T1003.006",
    ),
    Rule(
        name="protected-permissions",
        severity=CRITICAL,
        words="Permissions of AdminSDHolder, the domain, the Domain Controllers or a policy changed",
        technique="T1222",
    ),
    Rule(
        name="krbtgt",
        severity=CRITICAL,
        words="The account that signs every ticket changed",
        technique="T1558.001",
    ),
    Rule(
        name="sid-history",
        severity=CRITICAL,
        words="An account carries another one's SID",
        technique="T1134.005",
    ),
    Rule(
        name="trust",
        severity=CRITICAL,
        words="A trust was made, changed or deleted",
        technique="T1484.002",
    ),
    Rule(
        name="new-controller",
        severity=CRITICAL,
        words="A domain controller was added",
        technique="T1207",
    ),
    Rule(
        name="schema",
        severity=CRITICAL,
        words="The schema changed",
    ),
    Rule(
        name="policy-link",
        severity=CRITICAL,
        words="Which policies apply to the domain, its controllers or a site changed",
        technique="T1484.001",
    ),
    Rule(
        name="forest-settings",
        severity=CRITICAL,
        words="A role moved, or dSHeuristics changed",
    ),
    Rule(
        name="privileged-password",
        severity=HIGH,
        words="The password of a privileged account was set",
        technique="T1098",
    ),
    Rule(
        name="key-credential",
        severity=HIGH,
        words="Another way to log in as somebody was added",
        technique="T1556",
    ),
    Rule(
        name="delegation",
        severity=HIGH,
        words="An account may act as others",
        technique="T1558",
    ),
    Rule(
        name="weak-account",
        severity=HIGH,
        words="An account was made easy to break",
        technique="T1558.004",
    ),
    Rule(
        name="service-name-on-person",
        severity=HIGH,
        words="A person's account got a service name",
        technique="T1558.003",
    ),
    Rule(
        name="policy",
        severity=HIGH,
        words="A group policy was made, changed or deleted",
        technique="T1484.001",
    ),
    Rule(
        name="password-policy",
        severity=HIGH,
        words="The password policy changed",
        technique="T1556",
    ),
    Rule(
        name="machine-quota",
        severity=HIGH,
        words="How many machines anybody may add changed",
        technique="T1136.002",
    ),
    Rule(
        name="other-policy-link",
        severity=MEDIUM,
        words="Which policies apply to an organizational unit changed",
        technique="T1484.001",
    ),
    Rule(
        name="admin-count",
        severity=MEDIUM,
        words="An account became protected as an administrator's",
        technique="T1098",
    ),
    Rule(
        name="container-deleted",
        severity=MEDIUM,
        words="A group or an organizational unit was deleted",
        technique="T1531",
    ),
    Rule(
        name="mass-delete",
        severity=HIGH,
        words=f"{MANY} objects or more were deleted within ten minutes",
        technique="T1531",
    ),
    Rule(
        name="mass-passwords",
        severity=HIGH,
        words=f"{MANY} passwords or more were set within ten minutes",
        technique="T1531",
    ),
    Rule(
        name="restore-began",
        severity=CRITICAL,
        words="The domain controller is being restored",
    ),
    Rule(
        name="restored",
        severity=HIGH,
        words="The domain controller was restored",
    ),
)
_STATES: Final = (
    Rule(name="agent-unwell", severity=CRITICAL, words="The agent is not well, or does not answer"),
    Rule(name="agent-well", severity=HIGH, words="The agent is well again"),
    Rule(name="journal-unread", severity=CRITICAL, words="The journal cannot be read"),
    Rule(name="journal-read", severity=HIGH, words="The journal can be read again"),
    Rule(name="journal-behind", severity=CRITICAL, words="The journal ends earlier than it once did"),
)
STATES: Final = {rule.name: rule for rule in _STATES}
"""What is told of the agent and the journal themselves, by their names."""

RULES: Final = {rule.name: rule for rule in _RULES}
"""Every rule over the journal, by its name."""
