"""What happened in a span of time, from what the journal tells: the page of a day, also where nothing happened."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from adpersist import __version__
from adpersist.console.alerts.rules import findings
from adpersist.journal.journal import Journal
from adpersist.model.journal.commit import CommitKind
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.secret_attributes import PASSWORD_ATTRIBUTES
from adpersist.reading.past.past import Entry, Past, class_of
from adpersist.reading.rfc3339 import rfc3339
from adpersist.reading.text.entry_text import entry_document

Document = dict[str, Any]

_MOST: Final = 200
_DISABLED: Final = 0x2
"""ACCOUNTDISABLE, [MS-ADTS] 2.2.16."""
_ACCOUNTS: Final = frozenset({"user", "computer", "inetOrgPerson", "msDS-GroupManagedServiceAccount"})


def span_document(journal: Journal, past: Past, *, since: float, until: float) -> Document:
    """Everything the past tells; `since` and `until` are Unix seconds of what was asked for."""
    entries = past.entries
    lists: dict[str, list[Document]] = {}
    for entry in entries:
        for name in _sorts(entry):
            lists.setdefault(name, []).append(entry_document(past, entry))
    found = sorted(findings(past), key=lambda each: (each.rule.severity.rank, each.seq))
    heals = [look for look in past.looks if look.kind is CommitKind.RESTORE_END]
    names = past.databases()
    origins = Counter(names.get(each, "unknown") for entry in entries for each in entry.origins())
    return {
        "report": "span",
        "dc": journal.head.identity.dns_name,
        "journal": journal.id,
        "version": __version__,
        "from": {"seq": past.begins, "time": rfc3339(since)},
        "to": {"seq": past.seq, "time": rfc3339(until)},
        "commits": len(past.looks),
        "changes": len(entries),
        "by_kind": _by_kind(entries),
        "by_dc": [{"dc": dc, "count": count} for dc, count in sorted(origins.items())],
        "alerts": {"count": len(found), "listed": [each.document() for each in found[:_MOST]]},
        "lists": {name: {"count": len(lists.get(name, ())), "listed": lists.get(name, [])[:_MOST]} for name in TITLES},
        "heals": [
            {"seq": look.seq, "time": rfc3339(look.time), "target": look.target, "timeline": look.timeline}
            for look in heals
        ],
        "marks": [{"name": look.mark, "seq": look.seq, "time": rfc3339(look.time)} for look in past.looks if look.mark],
    }


TITLES: Final = {
    "accounts_created": "Accounts made",
    "accounts_deleted": "Accounts deleted",
    "accounts_enabled": "Accounts enabled",
    "accounts_disabled": "Accounts disabled",
    "passwords": "Passwords set",
    "memberships": "Memberships changed",
    "groups_deleted": "Groups deleted, with their last members",
    "policies": "Policies and their links",
    "permissions": "Permissions changed",
    "taken_back": "Taken back by a restore",
}
"""What of a span is told in full, in this order."""


def _sorts(entry: Entry) -> Iterable[str]:
    old, new, kind = entry.old, entry.new, class_of(entry.shown)
    lived, lives = old is not None and not old.deleted, new is not None and not new.deleted
    names = entry.names
    if entry.kind == "taken-back":
        yield "taken_back"
        return
    if kind in _ACCOUNTS:
        if lives != lived:
            yield "accounts_created" if lives else "accounts_deleted"
        elif lives and _disabled(old) != _disabled(new):
            yield "accounts_disabled" if _disabled(new) else "accounts_enabled"
        if lived and lives and not names.isdisjoint(PASSWORD_ATTRIBUTES):
            yield "passwords"
    if kind == "group" and lived and not lives:
        yield "groups_deleted"
    elif "member" in names and lives:
        yield "memberships"
    if kind == "groupPolicyContainer" or "gPLink" in names:
        yield "policies"
    if "nTSecurityDescriptor" in names and lived and lives:
        yield "permissions"


def _disabled(item: ObjectState | None) -> bool:
    values = item.values.get("userAccountControl", ()) if item is not None else ()
    try:
        return bool(int(values[0]) & _DISABLED) if values else False
    except ValueError:
        return False


def _by_kind(entries: Iterable[Entry]) -> list[Document]:
    counts = Counter((entry.kind, class_of(entry.shown)) for entry in entries)
    return [
        {"kind": kind, "class": name, "count": count}
        for (kind, name), count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    ]
