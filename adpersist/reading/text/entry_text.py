"""What happened, and what objects are, as documents for people and machines. A secret is told by its name alone.

Every text in a document may be an attacker's: whoever shows it escapes it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from adpersist.model.identity.dn import first, value_of
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq, guid_text
from adpersist.model.identity.reference import target_of
from adpersist.model.identity.sid import sid_text
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.use import Deed
from adpersist.model.objects.change import Kind, Stamp, Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import former_dn
from adpersist.reading.past.past import Entry, Look, changed_names, class_of
from adpersist.reading.past.sealing import is_sealed
from adpersist.reading.past.telling import Telling
from adpersist.reading.rfc3339 import rfc3339
from adpersist.reading.text.time_text import seconds_text
from adpersist.reading.text.value_text import readable, resolved
from adpersist.state.changes import change_kind
from adpersist.state.state import State

Document = dict[str, Any]

SIGNS: Final = {
    "created": "+",
    "first-seen": "+",
    "changed": "~",
    "moved": ">",
    "deleted": "-",
    "expunged": "-",
    "undeleted": "^",
    "taken-back": "<",
}
"""What stands beside a colour, for those who see none."""
_MOST_WRITES: Final = 5
"""Of one object between two points; its own page has all."""


def sid_of(item: ObjectState) -> str | None:
    """objectSid as text."""
    for value in item.values.get("objectSid", ()):
        try:
            return sid_text(value)
        except ValueError:
            return None
    return None


def label(dn: str) -> str:
    """What people call an object: the value of its DN's first component, without what a tombstone adds."""
    name = value_of(first(dn))
    return name.partition("\n")[0] or dn


def look_document(look: Look, past: Telling) -> Document:
    """A commit."""
    return {
        "seq": look.seq,
        "time": rfc3339(look.time),
        "timeline": look.timeline,
        "kind": str(look.kind),
        "changes": look.count,
        "first": look.first,
        "mark": look.mark,
        "target": look.target,
        "host": look.host or None,
        "digest": look.digest.hex(),
        "abandoned": past.is_abandoned(look.seq),
    }


def deed_document(deed: Deed, seq: Seq | None) -> Document:
    """What somebody did at a console; `seq` is the commit that has it, null: none yet."""
    return {
        "time": rfc3339(deed.time),
        "last": rfc3339(deed.last),
        "count": deed.count,
        "who": deed.who,
        "role": deed.role or None,
        "did": deed.did,
        "what": deed.what or None,
        "seq": seq,
    }


def entry_document(past: Telling, entry: Entry) -> Document:
    """What happened to one object, with values before and after."""
    seq = entry.look.seq
    was, now = past.at(Seq(seq - 1)), past.at(seq)
    here = now if entry.new is not None else was
    dn_from, dn_to = dns_of(past, entry)
    shown = entry.shown
    names = past.writers().names
    return {
        "number": entry.number,
        "guid": guid_text(entry.guid),
        "class": class_of(shown),
        "sid": sid_of(shown),
        "name": label(dn_from if shown.deleted and dn_from else dn_to or dn_from or ""),
        "dn": former_dn(here, shown) if shown.deleted and entry.guid in here else dn_to or dn_from,
        "dn_from": dn_from,
        "dn_to": dn_to,
        "attributes": {
            name: {
                **changed_document(past, name, old, new, was, now),
                **({"written": _written(entry.stamps[name], names)} if name in entry.stamps else {}),
            }
            for name, (old, new) in sorted(entry.values().items())
        },
        "links": _links_document(entry, was, now),
        "timeline": entry.look.timeline,
        **_write(past, entry),
    }


def dns_of(past: Telling, entry: Entry) -> tuple[str | None, str | None]:
    """What the object was called before and after; None: it was not there."""
    was, now = past.at(Seq(entry.look.seq - 1)), past.at(entry.look.seq)
    return (
        was.dn(entry.guid) if entry.old is not None and entry.guid in was else None,
        now.dn(entry.guid) if entry.new is not None and entry.guid in now else None,
    )


def writer(past: Telling, entry: Entry) -> Document:
    """`who` wrote it, and where that is null `why`."""
    return past.writers().person(
        entry.kind,
        [each for each in dns_of(past, entry) if each],
        entry.written(),
        lambda sids: past.accounts(sids, entry.look.seq),
        entry.look.seq,
    )


def _write(past: Telling, entry: Entry) -> Document:
    """When it happened, and who wrote it, as far as that is known."""
    return {
        "seq": entry.look.seq,
        "time": rfc3339(entry.look.time),
        "kind": entry.kind,
        "abandoned": past.is_abandoned(entry.look.seq),
        "dcs": past.writers().dcs([stamp for _, stamp in entry.written()]),
        **writer(past, entry),
    }


def changed_document(past: Telling, name: str, old: Values, new: Values, was: State, now: State) -> Document:
    """One attribute before and after; of a secret only which of the two there is."""
    if past.facts.is_secret(name) or any(map(is_sealed, (*old, *new))):
        told = "changed" if old and new else "set" if new else "cleared"
        return {"from": [], "to": [], "secret": True, "told": told}
    return {
        "from": [readable(name, value, past.facts, was) for value in old],
        "to": [readable(name, value, past.facts, now) for value in new],
    }


def _links_document(entry: Entry, was: State, now: State) -> Document:
    came, went = entry.links()
    return {
        name: {
            "added": sorted(resolved(each, now) for each in came.get(name, ())),
            "removed": sorted(resolved(each, was) for each in went.get(name, ())),
        }
        for name in sorted({*came, *went})
    }


def _written(stamp: Stamp, names: Mapping[Guid, str]) -> Document:
    return {
        "time": seconds_text(stamp.time),
        "by": names.get(stamp.origin),
        "invocation_id": guid_text(stamp.origin),
        "version": stamp.version,
        "usn": stamp.usn,
    }


def object_document(past: Telling, guid: Guid, seq: Seq) -> Document | None:
    """An object as of a commit; None: it was not there. `since` tells which commit gave each attribute its value."""
    state = past.at(seq)
    item = past.version(guid, seq)
    if item is None:
        return None
    since = _since(past.of_object(guid), seq)
    return {
        "at": seq,
        "guid": guid_text(guid),
        "sid": sid_of(item),
        "class": class_of(item),
        "dn": state.dn(guid),
        "former_dn": former_dn(state, item) if item.deleted else None,
        "name": label(former_dn(state, item) if item.deleted else state.dn(guid)),
        "deleted": item.deleted,
        "attributes": {
            name: {
                **_shown(past, name, values, state),
                "since": since.get(name),
            }
            for name, values in sorted(
                item.values.items(), key=lambda each: (each[0] != "objectClass", each[0].casefold())
            )
        },
        "links": {
            name: {"values": _ends(refs, state), "since": since.get(name)} for name, refs in sorted(item.links.items())
        },
        "backlinks": _backlinks(past, state, past.links_to(guid, seq)),
    }


def _shown(past: Telling, name: str, values: Values, state: State) -> Document:
    if past.facts.is_secret(name) or any(map(is_sealed, values)):
        return {"values": [], "secret": True}
    return {"values": [readable(name, value, past.facts, state) for value in values]}


def _ends(refs: Iterable[bytes], state: State) -> list[Document]:
    found = []
    for each in refs:
        target = target_of(each)
        found.append(
            {
                "dn": resolved(each, state),
                "guid": guid_text(target) if target else None,
                "dormant": target is not None and not state.is_live(target),
            }
        )
    return sorted(found, key=lambda each: str(each["dn"]).casefold())


def _backlinks(past: Telling, state: State, links: Iterable[tuple[str, Guid]]) -> Document:
    found: dict[str, list[Document]] = {}
    for name, source in links:
        end = {"dn": state.dn(source), "guid": guid_text(source)}
        found.setdefault(past.facts.backlink(name) or f"{name} of", []).append(end)
    return {name: sorted(ends, key=lambda each: str(each["dn"]).casefold()) for name, ends in sorted(found.items())}


def _since(entries: Iterable[Entry], seq: Seq) -> dict[str, int]:
    """By attribute, the commit that gave it the value it has at that point."""
    found: dict[str, int] = {}
    for entry in entries:
        if BEFORE_FIRST < entry.look.seq <= seq:
            found |= dict.fromkeys(entry.names, entry.look.seq)
    return found


def comparison(past: Telling, first_seq: Seq, last_seq: Seq, *, passed: int = 0, most: int | None = None) -> Document:
    """What differs between two commits, object by object; `count` tells how many where not all are told.

    Args:
        passed: So many are passed over, from the first.
        most: So many are told; None: all.
    """
    old, new = past.at(first_seq), past.at(last_seq)
    found = past.differing(first_seq, last_seq)
    shown = [guid for _, guid in found[passed:][:most]]
    past.read_ahead(shown, max(first_seq, last_seq))
    objects = [_compared(past, _difference(guid, old, new), first_seq, last_seq) for guid in shown]
    return {"from": first_seq, "to": last_seq, "count": len(found), "objects": objects}


def _difference(guid: Guid, old: State, new: State) -> Entry:
    was, now = old.get(guid), new.get(guid)
    look = Look(seq=BEFORE_FIRST, time=0, timeline=0, kind=CommitKind.LOOK, count=0, digest=b"")
    if now is None:
        kind = Kind.EXPUNGED
    else:
        moved = was is not None and (was.parent, was.rdn) != (now.parent, now.rdn)
        kind = change_kind(was.deleted if was is not None else None, now.deleted, moved=moved)
    return Entry(number=0, look=look, kind=str(kind), guid=guid, old=was, new=now, names=changed_names(was, now))


def _compared(past: Telling, entry: Entry, first_seq: Seq, last_seq: Seq) -> Document:
    old, new = past.at(first_seq), past.at(last_seq)
    dn_from, dn_to = (state.dn(entry.guid) if entry.guid in state else None for state in (old, new))
    return {
        "kind": entry.kind,
        "guid": guid_text(entry.guid),
        "class": class_of(entry.shown),
        "name": label(dn_to or dn_from or ""),
        "dn": dn_to or dn_from,
        "dn_from": dn_from,
        "dn_to": dn_to,
        "attributes": {
            name: changed_document(past, name, before, after, old, new)
            for name, (before, after) in sorted(entry.values().items())
        },
        "links": _links_document(entry, old, new),
        "writes": writes(past, entry.guid, first_seq, last_seq, most=_MOST_WRITES),
    }


def writes(past: Telling, guid: Guid, first_seq: Seq, last_seq: Seq, *, most: int | None = None) -> list[Document]:
    """Who wrote an object between two commits, in whichever order, and to which attributes: the newest first."""
    after, through = sorted((first_seq, last_seq))
    entries = past.of_object(guid, after=after, through=through, most=most)
    return [{**_write(past, entry), "names": sorted(entry.names)} for entry in reversed(entries)]
