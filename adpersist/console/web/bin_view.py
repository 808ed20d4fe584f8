"""What was deleted and is not there any more: the bin's document."""

from collections.abc import Iterator
from typing import Any, Final

from adpersist.model.identity.ids import Guid, Seq, guid_text
from adpersist.reading.past import Entry, Past, class_of
from adpersist.reading.text.entry_text import entry_document, label

Document = dict[str, Any]

MOST: Final = 200
_DAY_S: Final = 86_400
_DEFAULT_DAYS: Final = 60
"""Where the attribute has no value, [MS-ADTS] 6.1.1.2.4.1.1."""


def bin_document(past: Past, what: str, now: float) -> Document:
    """Objects that are deleted at the newest commit, the one deleted last first.

    Args:
        past: What is known.
        what: Part of the DN they had; empty: all.
        now: Unix seconds.
    """
    wanted, days = what.strip().casefold(), _tombstone_days(past)
    found = [entry for entry in _deletions(past) if wanted in _dn(past, entry).casefold()]
    return {
        "what": what,
        "count": len(found),
        "tombstone_days": days,
        "objects": [_document(past, entry, days, now) for entry in found[:MOST]],
    }


def _deletions(past: Past) -> Iterator[Entry]:
    """The last deletion of every object that is deleted or gone."""
    newest = past.at(past.seq)
    seen: set[Guid] = set()
    for entry in reversed(past.entries):
        if entry.kind not in ("deleted", "expunged", "taken-back") or entry.guid in seen or newest.is_live(entry.guid):
            continue
        if entry.old is None or entry.old.deleted:
            continue  # gone for good after it had been deleted, or never alive in what is known
        seen.add(entry.guid)
        yield entry


def _dn(past: Past, entry: Entry) -> str:
    return past.at(Seq(entry.look.seq - 1)).dn(entry.guid)


def _document(past: Past, entry: Entry, days: int, now: float) -> Document:
    item, dn = past.version(entry.guid, past.seq), _dn(past, entry)
    told = entry_document(past, entry)
    return {
        "guid": guid_text(entry.guid),
        "name": label(dn),
        "class": class_of(entry.shown),
        "dn": dn,
        "seq": entry.look.seq,
        "to": entry.look.seq - 1,
        "time": told["time"],
        "dcs": told["dcs"],
        "who": told["who"],
        **({"why": told["why"]} if "why" in told else {}),
        "tombstone_days_left": None if item is None else max(0, round(days - (now - entry.look.time) / _DAY_S)),
    }


def _tombstone_days(past: Past) -> int:
    """tombstoneLifetime of the forest."""
    for guid in past.guids_of("nTDSService"):
        item = past.version(guid, past.seq)
        for value in item.values.get("tombstoneLifetime", ()) if item is not None else ():
            if value.isdigit():
                return int(value)
    return _DEFAULT_DAYS
