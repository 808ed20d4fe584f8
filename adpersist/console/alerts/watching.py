"""Following a journal, and telling what it shows: a process of its own, so that no heal ever waits for a mail."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adpersist.audit.log import KeptLog
from adpersist.config import AlertsSection
from adpersist.console.agent_word import agent_word
from adpersist.console.alerts.catalogue import RULES, STATES
from adpersist.console.alerts.finding import Finding, Severity
from adpersist.console.alerts.outbox import Outbox
from adpersist.console.alerts.rules import Watch
from adpersist.console.alerts.ways import NotSentError, Way, send
from adpersist.errors import AdpersistError, ConfigError, PointError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.reading.past.past import Past
from adpersist.telemetry import logger

EVERY_S: Final = 5.0
_MOST_ENTRIES: Final = 20_000
"""What was looked at is forgotten when there is so much of it."""
_AT_ONCE: Final = 50

log = logger("alerts")


def told(section: AlertsSection) -> Callable[[Finding], bool]:
    """Which findings are told by a configuration.

    Raises:
        ConfigError: It names a rule there is not.
    """
    muted = {each.strip() for each in section.without.split(",") if each.strip()}
    if unknown := sorted(muted - RULES.keys() - STATES.keys()):
        raise ConfigError(f"[alerts] without names no rule: {unknown[0]}", hint="`adpersist alerts rules` lists them.")
    least = Severity(section.least).rank
    return lambda finding: finding.rule.severity.rank <= least and finding.rule.name not in muted


class AlertWatch:
    """One journal, its outbox and the ways out.

    Args:
        journal: Opened to read.
        section: What is told.
        ways: How.
        health: Where the agent answers; empty: it is not asked.
        audit_log: Samba's; None: there is none.
        clock: Unix seconds.
        alive: Called again and again while much is sent.
    """

    def __init__(
        self,
        journal: Journal,
        outbox: Outbox,
        ways: Sequence[Way],
        section: AlertsSection,
        *,
        health: str,
        audit_log: Path | None = None,
        clock: Callable[[], float] = time.time,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._journal = journal
        self._outbox = outbox
        self._ways = ways
        self._section = section
        self._is_told = told(section)
        self._health = health
        self._audit_log = KeptLog(audit_log)
        self._clock = clock
        self._alive = alive
        self._watch = Watch()
        self._unwell_since: float | None = None
        self._states: dict[str, str] = {}
        self._past = self._begin()
        outbox.handed_on(way.name for way in ways)

    def _begin(self) -> Past:
        """From where it was looked to; a journal never looked at is not told of from its beginning."""
        head, known = self._journal.head, self._outbox.looked(self._journal.id)
        seq = head.seq if known is None else known[0]
        self._states = {} if known is None else known[1]
        behind: list[Finding] = []
        if seq > head.seq:
            words = f"it ends with commit {head.seq}, and once had {seq}"
            behind = [self._state("journal-behind", words, occasion=f"{head.seq} {seq}")]
            seq = head.seq
        try:
            past = Past.of(self._journal, seq, through=seq)
        except PointError:  # pruned meanwhile
            past = Past.of(self._journal, through=head.pruned)
        if known is None or behind:
            self._put(behind, past.seq)
        return past

    def once(self) -> int:
        """Look at what is new, tell it, and send what is due; how many alerts are new.

        Raises:
            ConfigError, OutboxError: The outbox cannot be used.
        """
        now = self._clock()
        found = [*self._journal_findings(now), *self._agent_findings(now)]
        before = self._outbox.looked(self._journal.id)
        new = self._put(found, self._past.seq) if found or before != (self._past.seq, self._states) else 0
        if found:
            log.info("alerts.found", findings=len(found), new=new, seq=self._past.seq)
        self.send()
        return new

    def send(self) -> None:
        """Send what is due, by every way by itself: one that is away holds no other up."""
        for way in self._ways:
            while waiting := self._outbox.due(way.name, self._clock(), _AT_ONCE):
                self._alive()
                self._outbox.trying(waiting, self._clock())
                try:
                    send(way, [each.document for each in waiting])
                except NotSentError as error:
                    log.warning("alerts.not_sent", way=way.name, alerts=len(waiting), error=error.message)
                    self._outbox.failed(waiting, error.message)
                    break
                self._outbox.sent(waiting, self._clock())
                log.info("alerts.sent", way=way.name, alerts=len(waiting))

    def _journal_findings(self, now: float) -> Iterator[Finding]:
        try:
            self._journal.refresh()
            self._past.follow(self._journal)
            self._past.audit_log = self._audit_log.now()
        except AdpersistError as error:
            yield from self._turned("journal-unread", "journal-read", error.message, now)
            return
        yield from self._turned("journal-unread", "journal-read", "", now)
        past = self._past
        yield from self._watch.further(past)
        if len(past.entries) > _MOST_ENTRIES:
            self._past = Past.of(self._journal, past.seq, through=past.seq)

    def _agent_findings(self, now: float) -> Iterator[Finding]:
        if not self._health:
            return
        word = agent_word(self._health)
        trouble = "" if word and word["healthy"] else (word["reason"] or "no reason given") if word else "no answer"
        if not trouble:
            self._unwell_since = None
        elif self._unwell_since is None:
            self._unwell_since = now
        if not trouble or now - (self._unwell_since or now) >= self._section.patience_s:
            yield from self._turned("agent-unwell", "agent-well", trouble, now)

    def _turned(self, bad: str, good: str, trouble: str, now: float) -> Iterator[Finding]:
        """A state is told when it changes, also across restarts of this process."""
        if bool(trouble) == (bad in self._states):
            return
        if trouble:
            self._states[bad] = f"{now:.0f}"
            yield self._state(bad, trouble, occasion=f"{now:.0f}")
        else:
            since = self._states.pop(bad)
            yield self._state(good, "", occasion=since)

    def _state(self, name: str, detail: str, *, occasion: str) -> Finding:
        rule, head = STATES[name], self._journal.head
        return Finding(rule=rule, seq=head.seq, time=self._clock(), detail=detail, occasion=occasion)

    def _put(self, findings: Sequence[Finding], seq: Seq) -> int:
        return self._outbox.put(
            self._journal.id,
            filter(self._is_told, findings),
            [way.name for way in self._ways],
            seq=seq,
            states=self._states,
            more=whose(self._journal),
            now=self._clock(),
        )


def whose(journal: Journal) -> Mapping[str, Any]:
    """What every alert says of where it is from."""
    return {"dc": journal.head.identity.dns_name, "journal": journal.id}
