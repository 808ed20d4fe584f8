"""What commits hold that are no look: one MessagePack list; FORMAT.md names the places."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from adpersist.journal.format.head_fields import guid, unpack_writer
from adpersist.journal.format.packing import unpack
from adpersist.journal.format.shapes import blobs, boolean, integer, items, text, texts
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Writer
from adpersist.model.plan.conflict import Conflict

FIELDS: Final = 3


class CommitNote(NamedTuple):
    """What a MARK, RESTORE_BEGIN or RESTORE_END says; the fields are those of a commit."""

    mark: str | None = None
    target: Seq | None = None
    writer: Writer | None = None
    conflicts: tuple[Conflict, ...] = ()


def unpack_note(content: bytes) -> CommitNote:
    """Read one.

    Raises:
        ValueError: Another shape.
    """
    name, target, maker, *more = items(unpack(content))
    if len(more) > 1:
        raise ValueError(f"{FIELDS + len(more)} fields, {FIELDS} or {FIELDS + 1} expected")
    return CommitNote(
        mark=None if name is None else text(name),
        target=None if target is None else Seq(integer(target)),
        writer=None if maker is None else unpack_writer(maker),
        conflicts=tuple(_conflict(each) for each in items(more[0])) if more else (),
    )


def pack_conflicts(conflicts: Sequence[Conflict]) -> list[object]:
    """The last field of a RESTORE_BEGIN, where there are any."""
    return [
        [
            each.guid,
            each.dn,
            list(each.attributes),
            [cell for name, refs in each.links.items() for cell in (name, sorted(refs))],
            each.replicated,
        ]
        for each in conflicts
    ]


def _conflict(value: object) -> Conflict:
    found, dn, attributes, links, replicated = items(value)
    cells = items(links)
    return Conflict(
        guid=guid(found),
        dn=text(dn),
        attributes=tuple(texts(attributes)),
        links={text(name): frozenset(blobs(refs)) for name, refs in zip(cells[::2], cells[1::2], strict=True)},
        replicated=boolean(replicated),
    )
