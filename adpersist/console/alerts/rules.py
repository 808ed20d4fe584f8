"""What is worth telling of a change, from the change and the directory around it alone. Pure.

What never changes the directory is not seen: reads (a DCSync itself), Kerberoasting, failed logins.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Final

from adpersist.console.alerts.catalogue import MANY, RULES, WINDOW_S
from adpersist.console.alerts.descriptor import replicators
from adpersist.console.alerts.finding import Finding
from adpersist.model.identity.dn import value_of
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq, guid_text
from adpersist.model.identity.sid import rid_of
from adpersist.model.journal.commit import CommitKind
from adpersist.model.objects.change import Kind
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.secret_attributes import PASSWORD_ATTRIBUTES
from adpersist.reading.find import former_dn
from adpersist.reading.past.glimpse import Glimpse
from adpersist.reading.past.past import Entry, Look, class_of
from adpersist.reading.past.telling import Happening
from adpersist.reading.text.entry_text import entry_document, sid_of
from adpersist.reading.text.flag_names import USER_ACCOUNT_CONTROL
from adpersist.reading.text.value_text import resolved

_PRIVILEGED_RIDS: Final = frozenset({512, 516, 518, 519, 520, 521, 526, 527})
"""Domain Admins, Domain Controllers, Schema and Enterprise Admins, Policy Creators, RODCs, Key Admins
([MS-DTYP] 2.4.2.4)."""
_BUILTIN_RIDS: Final = frozenset({544, 548, 549, 550, 551, 552})
"""Administrators; Account, Server, Print and Backup Operators; Replicators."""
_PRIVILEGED_SIDS: Final = frozenset(f"S-1-5-32-{rid}" for rid in _BUILTIN_RIDS)
_DNS_ADMINS: Final = "DnsAdmins"
_KRBTGT: Final = 502
_NEAR_RIDS: Final = _PRIVILEGED_RIDS | _BUILTIN_RIDS | {_KRBTGT}
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

# --- what may fire a rule: the rest is not even read -----------------------------------------------------------------

_PEOPLE: Final = frozenset({"user", "inetOrgPerson"})
_ANY_CHANGE: Final = frozenset(
    {"trustedDomain", "nTDSDSA", "attributeSchema", "classSchema", "groupPolicyContainer", "msDS-PasswordSettings"}
)
"""Classes of which every change is looked at."""
_CONTAINERS: Final = frozenset({"group", "organizationalUnit"})
"""Classes of which the end is."""
_OF_ALL: Final[Mapping[str, frozenset[str] | None]] = {
    **dict.fromkeys(("gPLink", "gPOptions", "dSHeuristics", "fSMORoleOwner", "ms-DS-MachineAccountQuota")),
    **dict.fromkeys(_POLICY, frozenset({"domainDNS"})),
}
"""Attributes that are, and of which classes; None: of all."""
_OF_LIVING: Final[Mapping[str, frozenset[str] | None]] = {
    **dict.fromkeys(("primaryGroupID", "userAccountControl", "adminCount", "sIDHistory")),
    **dict.fromkeys(("msDS-AllowedToDelegateTo", "msDS-AllowedToActOnBehalfOfOtherIdentity")),
    **dict.fromkeys(("msDS-KeyCredentialLink", "altSecurityIdentities")),
    "servicePrincipalName": _PEOPLE,
    "nTSecurityDescriptor": frozenset({"domainDNS", "groupPolicyContainer", "container", "organizationalUnit"}),
}
"""The same of objects that are no tombstones."""
_OF_PRIVILEGED: Final = frozenset(
    {"member", *PASSWORD_ATTRIBUTES, "pwdLastSet", "userAccountControl", "servicePrincipalName"}
)
"""Attributes of whoever is in a privileged group, or ever was, and of krbtgt."""
_ATTRIBUTES: Final = frozenset({*_OF_ALL, *_OF_LIVING, *_OF_PRIVILEGED})


class Watch:
    """Goes through what happened, in order, once."""

    def __init__(self) -> None:
        self._through = BEFORE_FIRST
        self._deletes: deque[float] = deque()
        self._passwords: deque[float] = deque()

    def further(self, past: Happening) -> Iterator[Finding]:
        """What a past tells since it was asked last, oldest first; all of it is to be taken."""
        suspects: list[tuple[Glimpse, list[Told]]] = []
        near = cache(partial(past.ever_within, _NEAR_RIDS, (_DNS_ADMINS,), "member"))
        for glimpse in past.glimpses(self._through, _ATTRIBUTES, _ANY_CHANGE):
            told = list(self._bursts(glimpse))
            if told or _may_tell(glimpse, near):
                suspects.append((glimpse, told))
        looks = sorted(
            (
                look
                for kind in (CommitKind.RESTORE_BEGIN, CommitKind.RESTORE_END)
                for look in past.looks_of(kind)
                if look.seq > self._through
            ),
            key=lambda look: -look.seq,
        )
        entries = past.entries_of([glimpse for glimpse, _ in suspects])
        for (glimpse, told), entry in zip(suspects, entries, strict=True):
            while looks and looks[-1].seq <= glimpse.seq:
                yield from _of_look(looks.pop())
            yield from _of_entry(past, entry, told)
        for look in reversed(looks):
            yield from _of_look(look)
        self._through = past.seq

    def _bursts(self, glimpse: Glimpse) -> Iterator[Told]:
        for seen, name, happened in (
            (self._deletes, "mass-delete", glimpse.kind == Kind.DELETED),
            (
                self._passwords,
                "mass-passwords",
                glimpse.was_there and glimpse.is_alive and "unicodePwd" in glimpse.names,
            ),
        ):
            if not happened:
                continue
            before = len(seen)
            while seen and seen[0] < glimpse.time - WINDOW_S:
                seen.popleft()
            seen.append(glimpse.time)
            if len(seen) >= MANY and (before < MANY or len(seen) == MANY):
                yield name, f"{len(seen)} by now"


def _may_tell(glimpse: Glimpse, near: Callable[[], frozenset[Guid]]) -> bool:
    """Some rule may fire of it.

    Args:
        near: Who ever was in a privileged group, and krbtgt.
    """
    names, kind = glimpse.names, glimpse.object_class
    if kind in _ANY_CHANGE or glimpse.kind == Kind.EXPUNGED:
        return True
    if not glimpse.is_alive and kind in _CONTAINERS:
        return True
    if not (glimpse.is_alive and _OF_PRIVILEGED.isdisjoint(names)) and glimpse.guid in near():
        return True
    return any(
        name in names and (classes is None or kind in classes)
        for which in ((_OF_ALL, _OF_LIVING) if glimpse.is_alive else (_OF_ALL,))
        for name, classes in which.items()
    )


def _of_look(look: Look) -> Iterator[Finding]:
    """What a commit itself tells."""
    rule = RULES["restore-began" if look.kind is CommitKind.RESTORE_BEGIN else "restored"]
    yield Finding(rule=rule, seq=look.seq, time=look.time, detail=f"to commit {look.target}")


def _of_entry(past: Happening, entry: Entry, bursts: Sequence[Told]) -> Iterator[Finding]:
    """What one change tells."""
    told = [*(told for rule in _CHECKS for told in rule(past, entry)), *bursts]
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


def findings(past: Happening) -> Iterator[Finding]:
    """All that a past tells, oldest first."""
    return Watch().further(past)


def _lives(item: ObjectState | None) -> bool:
    return item is not None and not item.deleted


def _number(item: ObjectState | None, name: str) -> int:
    values = item.values.get(name, ()) if item is not None else ()
    try:
        return int(values[0]) if values else 0
    except ValueError:
        return 0


def _domain_rid(past: Happening, item: ObjectState, seq: Seq) -> int | None:
    """The RID of an account of the domain it lies in."""
    sids = item.values.get("objectSid", ())
    root = _root(past, item, seq)
    domain = root.values.get("objectSid", ()) if root is not None else ()
    return rid_of(sids[0], domain[0]) if sids and domain else None


def _root(past: Happening, item: ObjectState, seq: Seq) -> ObjectState | None:
    """The root of its naming context."""
    found: ObjectState | None = item
    while found is not None and found.parent is not None:
        found = past.version(found.parent, seq)
    return found


def _is_privileged_itself(past: Happening, item: ObjectState, seq: Seq) -> bool:
    if class_of(item) != "group":
        return False
    if (sid_of(item) or "") in _PRIVILEGED_SIDS or _domain_rid(past, item, seq) in _PRIVILEGED_RIDS:
        return True
    return item.values.get("sAMAccountName", ()) == (_DNS_ADMINS.encode(),)


def privileged_by(past: Happening, guid: Guid, seq: Seq) -> str | None:
    """The privileged group that an object is, or is in, directly or through others: the nearest."""
    state = past.at(seq)
    item = state.get(guid)
    if item is None:
        return None
    if _is_privileged_itself(past, item, seq):
        return value_of(item.rdn)
    ways, met = {guid} if not item.deleted else set(), {guid}
    while ways:
        ways = {group for each in ways for name, group in past.links_to(each, seq) if name == "member"} - met
        groups = [state[group] for group in ways]
        names = [value_of(group.rdn) for group in groups if _is_privileged_itself(past, group, seq)]
        if names:
            return min(names)
        met |= ways
    return None


def _groups(past: Happening, entry: Entry) -> Iterator[Told]:
    if "member" in entry.names and class_of(entry.shown) == "group":
        before, seq = Seq(entry.look.seq - 1), entry.look.seq
        of = privileged_by(past, entry.guid, seq) or privileged_by(past, entry.guid, before)
        if of is not None:
            came, went = entry.links()
            for sign, refs, state in (("+", came, past.at(seq)), ("-", went, past.at(before))):
                for ref in sorted(refs.get("member", ())):
                    yield "privileged-group", f"{of}: {sign} {resolved(ref, state)}"
    if "primaryGroupID" in entry.names and _number(entry.new, "primaryGroupID") in _PRIVILEGED_RIDS - {516, 521}:
        yield "privileged-group", f"by its primary group, {_number(entry.new, 'primaryGroupID')}"


def _passwords(past: Happening, entry: Entry) -> Iterator[Told]:
    if entry.old is None or entry.names.isdisjoint(PASSWORD_ATTRIBUTES) or not _lives(entry.new):
        return
    if _domain_rid(past, entry.shown, entry.look.seq) == _KRBTGT:
        return
    if class_of(entry.shown) != "computer" and (of := privileged_by(past, entry.guid, entry.look.seq)):
        yield "privileged-password", f"in {of}"


def _krbtgt(past: Happening, entry: Entry) -> Iterator[Told]:
    watched = {*PASSWORD_ATTRIBUTES, "pwdLastSet", "userAccountControl", "servicePrincipalName"}
    if class_of(entry.shown) == "user" and _domain_rid(past, entry.shown, entry.look.seq) == _KRBTGT:
        changed = sorted(entry.names & watched)
        if changed or not _lives(entry.new):
            yield "krbtgt", ", ".join(changed) or "deleted"


def _permissions(past: Happening, entry: Entry) -> Iterator[Told]:
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


def _account(past: Happening, sid: str, seq: Seq) -> str:
    guid = past.of_sid(sid, seq)
    return f"{past.at(seq).dn(guid)} ({sid})" if guid is not None else sid


def _accounts(_: Happening, entry: Entry) -> Iterator[Told]:
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


def _identities(_: Happening, entry: Entry) -> Iterator[Told]:
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


def _structure(_: Happening, entry: Entry) -> Iterator[Told]:
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


_CHECKS: Final[Iterable[Callable[[Happening, Entry], Iterator[Told]]]] = (
    _groups,
    _passwords,
    _krbtgt,
    _permissions,
    _accounts,
    _identities,
    _structure,
)
