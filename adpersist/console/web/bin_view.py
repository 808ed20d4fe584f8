"""What was deleted and is not there any more: the bin's document."""

from typing import Any, Final

from adpersist.console.web.record import Record
from adpersist.model.identity.ids import guid_text
from adpersist.reading.past.line import Line
from adpersist.reading.text.entry_text import label
from adpersist.reading.text.line_text import line_document

Document = dict[str, Any]

MOST: Final = 200
_DAY_S: Final = 86_400
_DEFAULT_DAYS: Final = 60
"""Where the attribute has no value, [MS-ADTS] 6.1.1.2.4.1.1."""


def bin_document(record: Record, what: str, now: float) -> Document:
    """Objects that are deleted at the newest commit, the one deleted last first.

    Args:
        record: What is known.
        what: Part of the DN they had; empty: all.
        now: Unix seconds.
    """
    wanted, days = what.strip().casefold(), _tombstone_days(record)
    count, found = record.lines.deletions(wanted, MOST)
    newest = record.past.at(record.past.seq)
    return {
        "what": what,
        "count": count,
        "tombstone_days": days,
        "objects": [_document(record, line, days if line.guid in newest else None, now) for line in found],
    }


def _document(record: Record, line: Line, days: int | None, now: float) -> Document:
    """Of one object.

    Args:
        days: How long its tombstone lasts; None: that is gone, too.
    """
    told, dn = line_document(record.past, line), line.dn_from or ""
    return {
        "guid": guid_text(line.guid),
        "name": label(dn),
        "class": line.object_class,
        "dn": dn,
        "seq": line.seq,
        "to": line.seq - 1,
        "time": told["time"],
        "dcs": told["dcs"],
        "who": told["who"],
        **({"why": told["why"]} if "why" in told else {}),
        "tombstone_days_left": None if days is None else max(0, round(days - (now - line.time) / _DAY_S)),
    }


def _tombstone_days(record: Record) -> int:
    """tombstoneLifetime of the forest."""
    for guid in record.past.guids_of("nTDSService"):
        item = record.past.version(guid, record.past.seq)
        for value in item.values.get("tombstoneLifetime", ()) if item is not None else ():
            if value.isdigit():
                return int(value)
    return _DEFAULT_DAYS
