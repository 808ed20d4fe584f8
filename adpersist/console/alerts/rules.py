"""What is worth telling of a change, from the change and the directory around it alone. Pure.

What never changes the directory is not seen: reads (a DCSync itself), Kerberoasting, failed logins.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from adpersist.console.alerts.catalogue import MANY, RULES, WINDOW_S
from adpersist.console.alerts.descriptor import replicators
from adpersist.console.alerts.finding import Finding
from adpersist.model.identity.ids import Guid, Seq, guid_text
from adpersist.model.identity.reference import target_of
from adpersist.model.identity.sid import rid_of
from adpersist.model.journal.commit import CommitKind
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.secret_attributes import PASSWORD_ATTRIBUTES
from adpersist.reading.find import former_dn
from adpersist.reading.past import Entry, Look, Past, StateAt, class_of
from adpersist.reading.text.entry_text import entry_document, sid_of
from adpersist.reading.text.flag_names import USER_ACCOUNT_CONTROL
from adpersist.reading.text.value_text import resolved

_PRIVILEGED_RIDS: Final = frozenset({512, 516, 518, 519, 520, 521, 526, 527})
"""Domain Admins, Domain Controllers, Schema and Enterprise Admins, Policy Creators, RODCs, Key Admins
([MS-DTYP] 2.4.2.4)."""
_PRIVILEGED_SIDS: Final = frozenset(f"S-1-5-32-{rid}" for rid in (544, 548, 549, 550, 551, 552))
"""Administrators; Account, Server, Print and Backup Operators; Replicators."""
_KRBTGT: Final = 502
_DELEGATION: Final = 0x80000 | 0x1000000
_WEAK: Final = 0x20 | 0x80 | 0x200000 | 0x400000
"""No password needed, reversible, DES alone, no pre-authentication."""
_A_DC: Final = 0x2000
_DISABLED: Final = 0x2
_POLICY: Final = frozenset(
    {"minPwdLength", "pwdProperties", "maxPwdAge", "minPwdAge", "pwdHistoryLength", "lockoutThreshold"}
)
_SHOWN: Final = 10

Told = tuple[str, str]
"""A rule's name, and what it was."""


class Watch:
    """Goes through what happened, in order, once."""

    def __init__(self) -> None:
        self._looks = self._entries = 0
        self._deletes: deque[float] = deque()
        self._passwords: deque[float] = deque()

    def further(self, past: Past) -> Iterator[Finding]:
        """What a past tells since it was asked last, oldest first."""
        while self._looks < len(past.looks):
            look = past.looks[self._looks]
            self._looks += 1
            yield from self.look(past, look)
            while self._entries < len(past.entries) and past.entries[self._entries].look is look:
                self._entries += 1
                yield from self.entry(past, past.entries[self._entries - 1])

    def look(self, past: Past, look: Look) -> Iterator[Finding]:
        """What a commit itself tells."""
        if look.kind is CommitKind.RESTORE_BEGIN:
            yield Finding(rule=RULES["restore-began"], seq=look.seq, time=look.time, detail=f"to commit {look.target}")
        elif look.kind is CommitKind.RESTORE_END:
            yield Finding(rule=RULES["restored"], seq=look.seq, time=look.time, detail=f"to commit {look.target}")

    def entry(self, past: Past, entry: Entry) -> Iterator[Finding]:
        """What one change tells."""
        if entry.kind == "taken-back":
            return
        told = [*_of_entry(past, entry), *self._bursts(entry)]
        if not told:
            return
        here = past.at(entry.look.seq if entry.new is not None else Seq(entry.look.seq - 1))
        document = entry_document(past, entry)
        dn = former_dn(here, entry.shown) if entry.shown.deleted else here.dn(entry.guid)
        details: dict[str, list[str]] = {}
        for name, words in told:
            details.setdefault(name, []).append(words)
        for name, all_words in details.items():
            more = f" and {len(all_words) - _SHOWN} more" if len(all_words) > _SHOWN else ""
            yield Finding(
                rule=RULES[name],
                seq=entry.look.seq,
                time=entry.look.time,
                guid=guid_text(entry.guid),
                dn=dn,
                detail="; ".join(filter(None, all_words[:_SHOWN])) + more,
                dcs=tuple(document["dcs"]),
                who=document["who"],
            )

    def _bursts(self, entry: Entry) -> Iterator[Told]:
        for seen, name, happened in (
            (self._deletes, "mass-delete", entry.kind == "deleted"),
            (self._passwords, "mass-passwords", entry.old is not None and "unicodePwd" in entry.names),
        ):
            if not happened:
                continue
            before = len(seen)
            while seen and seen[0] < entry.look.time - WINDOW_S:
                seen.popleft()
            seen.append(entry.look.time)
            if len(seen) >= MANY and (before < MANY or len(seen) == MANY):
                yield name, f"{len(seen)} by now"


def findings(past: Past) -> Iterator[Finding]:
    """All that a past tells, oldest first."""
    return Watch().further(past)


def _of_entry(past: Past, entry: Entry) -> Iterator[Told]:
    for rule in _CHECKS:
        yield from rule(past, entry)


def _lives(item: ObjectState | None) -> bool:
    return item is not None and not item.deleted


def _number(item: ObjectState | None, name: str) -> int:
    values = item.values.get(name, ()) if item is not None else ()
    try:
        return int(values[0]) if values else 0
    except ValueError:
        return 0


def _domain_rid(past: Past, item: ObjectState, seq: Seq) -> int | None:
    """The RID of an account of the domain it lies in."""
    sids = item.values.get("objectSid", ())
    root = _root(past, item, seq)
    domain = root.values.get("objectSid", ()) if root is not None else ()
    return rid_of(sids[0], domain[0]) if sids and domain else None


def _root(past: Past, item: ObjectState, seq: Seq) -> ObjectState | None:
    """The root of its naming context."""
    found: ObjectState | None = item
    while found is not None and found.parent is not None:
        found = past.version(found.parent, seq)
    return found


def _is_privileged_itself(past: Past, item: ObjectState, seq: Seq) -> bool:
    if class_of(item) != "group":
        return False
    if (sid_of(item) or "") in _PRIVILEGED_SIDS or _domain_rid(past, item, seq) in _PRIVILEGED_RIDS:
        return True
    return item.values.get("sAMAccountName", ()) == (b"DnsAdmins",)


def privileged(past: Past, seq: Seq) -> dict[Guid, str]:
    """Everybody and every group that is, directly or through others, in a privileged group; by which one."""
    state = past.at(seq)
    found = {item.guid: item.rdn.partition("=")[2] for item in state.values() if _is_privileged_itself(past, item, seq)}
    waiting = list(found)
    while waiting:
        guid = waiting.pop()
        item = past.version(guid, seq)
        for ref in item.links.get("member", frozenset()) if item is not None else ():
            target = target_of(ref)
            if target is not None and target not in found and state.is_live(target):
                found[target] = found[guid]
                waiting.append(target)
    return found


def _groups(past: Past, entry: Entry) -> Iterator[Told]:
    if "member" in entry.names and class_of(entry.shown) == "group":
        before, seq = Seq(entry.look.seq - 1), entry.look.seq
        of = privileged(past, seq).get(entry.guid) or privileged(past, before).get(entry.guid)
        if of is not None:
            came, went = entry.links()
            for sign, refs, state in (("+", came, past.at(seq)), ("-", went, past.at(before))):
                for ref in sorted(refs.get("member", ())):
                    yield "privileged-group", f"{of}: {sign} {resolved(ref, state)}"
    if "primaryGroupID" in entry.names and _number(entry.new, "primaryGroupID") in _PRIVILEGED_RIDS - {516, 521}:
        yield "privileged-group", f"by its primary group, {_number(entry.new, 'primaryGroupID')}"


def _passwords(past: Past, entry: Entry) -> Iterator[Told]:
    if entry.old is None or entry.names.isdisjoint(PASSWORD_ATTRIBUTES) or not _lives(entry.new):
        return
    if _domain_rid(past, entry.shown, entry.look.seq) == _KRBTGT:
        return
    if class_of(entry.shown) != "computer" and (of := privileged(past, entry.look.seq).get(entry.guid)):
        yield "privileged-password", f"in {of}"


def _krbtgt(past: Past, entry: Entry) -> Iterator[Told]:
    watched = {*PASSWORD_ATTRIBUTES, "pwdLastSet", "userAccountControl", "servicePrincipalName"}
    if class_of(entry.shown) == "user" and _domain_rid(past, entry.shown, entry.look.seq) == _KRBTGT:
        changed = sorted(entry.names & watched)
        if changed or not _lives(entry.new):
            yield "krbtgt", ", ".join(changed) or "deleted"


def _permissions(past: Past, entry: Entry) -> Iterator[Told]:
    if "nTSecurityDescriptor" not in entry.names or not _lives(entry.old) or not _lives(entry.new):
        return
    item = entry.shown
    if _is_domain(item):
        was, now = (_replicators(each) for each in (entry.old, entry.new))
        for trustee, right in sorted(now - was):
            yield "replication-rights", f"{_account(past, trustee, entry.look.seq)}: {right}"
    rdn = item.rdn.casefold()
    if (
        _is_domain(item)
        or rdn in ("cn=adminsdholder", "ou=domain controllers")
        or class_of(item) == "groupPolicyContainer"
    ):
        yield "protected-permissions", ""


def _is_domain(item: ObjectState) -> bool:
    return item.parent is None and class_of(item) == "domainDNS" and "objectSid" in item.values


def _replicators(item: ObjectState | None) -> frozenset[tuple[str, str]]:
    values = item.values.get("nTSecurityDescriptor", ()) if item is not None else ()
    try:
        return replicators(values[0]) if values else frozenset()
    except ValueError:
        return frozenset({("", "a descriptor that is none")})


def _account(past: Past, sid: str, seq: Seq) -> str:
    state: StateAt = past.at(seq)
    return next((f"{state.dn(item.guid)} ({sid})" for item in state.values() if sid_of(item) == sid), sid)


def _accounts(_: Past, entry: Entry) -> Iterator[Told]:
    names = entry.names
    if not _lives(entry.new):
        return
    came = _number(entry.new, "userAccountControl") & ~_number(entry.old, "userAccountControl")
    is_dc = bool(_number(entry.new, "userAccountControl") & _A_DC)
    if "userAccountControl" in names:
        if came & _A_DC:
            yield "new-controller", "an account of a domain controller"
        if came & _DELEGATION and not is_dc:
            yield "delegation", _bits(came & _DELEGATION)
        if came & _WEAK and entry.old is not None:
            yield "weak-account", _bits(came & _WEAK)
    for name in ("msDS-AllowedToDelegateTo", "msDS-AllowedToActOnBehalfOfOtherIdentity"):
        if name in names and not is_dc:
            yield "delegation", name


def _identities(_: Past, entry: Entry) -> Iterator[Told]:
    names = entry.names
    if not _lives(entry.new):
        return
    for name in ("msDS-KeyCredentialLink", "altSecurityIdentities"):
        if name in names:
            yield "key-credential", name
    if "sIDHistory" in names and entry.shown.values.get("sIDHistory"):
        yield "sid-history", ""
    person = class_of(entry.shown) in ("user", "inetOrgPerson")
    if person and entry.old is not None and entry.new is not None and "servicePrincipalName" in names:
        fresh = set(entry.new.values.get("servicePrincipalName", ())) - set(
            entry.old.values.get("servicePrincipalName", ())
        )
        if fresh:
            yield "service-name-on-person", ", ".join(sorted(each.decode(errors="replace") for each in fresh))
    if "adminCount" in names and _number(entry.new, "adminCount") == 1 and entry.old is not None:
        yield "admin-count", ""


def _bits(number: int) -> str:
    return ", ".join(name for bit, name in USER_ACCOUNT_CONTROL.items() if number & bit)


def _structure(_: Past, entry: Entry) -> Iterator[Told]:
    kind, names, item = class_of(entry.shown), entry.names, entry.shown
    lived, lives = _lives(entry.old), _lives(entry.new)
    done = "made" if lives and not lived else "deleted" if lived and not lives else "changed"
    if kind == "trustedDomain":
        yield "trust", done
    if kind == "nTDSDSA" and done == "made":
        yield "new-controller", "NTDS settings"
    if kind in ("attributeSchema", "classSchema"):
        yield "schema", done
    if "gPLink" in names or ("gPOptions" in names and lived):
        tier_0 = kind in ("domainDNS", "site") or item.rdn.casefold() == "ou=domain controllers"
        yield ("policy-link" if tier_0 else "other-policy-link"), ""
    if kind == "groupPolicyContainer":
        yield "policy", done
    if "dSHeuristics" in names or ("fSMORoleOwner" in names and lived):
        yield "forest-settings", ", ".join(sorted(names & {"dSHeuristics", "fSMORoleOwner"}))
    if (kind == "domainDNS" and names & _POLICY and lived) or kind == "msDS-PasswordSettings":
        yield "password-policy", ", ".join(sorted(names & _POLICY)) or done
    if "ms-DS-MachineAccountQuota" in names and lived:
        yield "machine-quota", f"now {_number(entry.new, 'ms-DS-MachineAccountQuota')}"
    if kind in ("group", "organizationalUnit") and done == "deleted":
        yield "container-deleted", ""


_CHECKS: Final[Iterable[Callable[[Past, Entry], Iterator[Told]]]] = (
    _groups,
    _passwords,
    _krbtgt,
    _permissions,
    _accounts,
    _identities,
    _structure,
)
