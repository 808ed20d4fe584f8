"""A line of the list of changes as a document, without a value: those are on the change's own page."""

from collections.abc import Mapping
from typing import Any

from adpersist.model.identity.ids import guid_text
from adpersist.reading.past.line import Ends, Line
from adpersist.reading.past.telling import Telling
from adpersist.reading.rfc3339 import rfc3339
from adpersist.reading.text.entry_text import label

Document = dict[str, Any]
_NONE = Ends()


def line_document(past: Telling, line: Line) -> Document:
    """What happened to one object: its names, who wrote which attributes, and where links lead to."""
    return {
        "number": line.number,
        "guid": guid_text(line.guid),
        "class": line.object_class,
        "sid": line.sid,
        "name": label(line.dn_from if line.is_deleted and line.dn_from else line.dn_to or line.dn_from or ""),
        "dn": line.dn,
        "dn_from": line.dn_from,
        "dn_to": line.dn_to,
        "attributes": list(line.names),
        "links": {name: _ends(line.came, line.went, name) for name in sorted({*line.came, *line.went})},
        "timeline": line.timeline,
        "seq": line.seq,
        "time": rfc3339(line.time),
        "kind": line.kind,
        "abandoned": past.is_abandoned(line.seq),
        "dcs": past.writers().dcs([stamp for _, stamp in line.written]),
        **writer_of(past, line),
    }


def writer_of(past: Telling, line: Line) -> Document:
    """`who` wrote it, and where that is null `why`."""
    return past.writers().person(
        line.kind,
        [each for each in (line.dn_from, line.dn_to) if each],
        line.written,
        lambda sids: past.accounts(sids, line.seq),
        line.seq,
    )


def _ends(came: Mapping[str, Ends], went: Mapping[str, Ends], name: str) -> Document:
    added, removed = came.get(name, _NONE), went.get(name, _NONE)
    return {
        "added": list(added.listed),
        "removed": list(removed.listed),
        "added_count": added.count,
        "removed_count": removed.count,
    }
