"""What commits hold that are no look: one MessagePack list; FORMAT.md names the places."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from adpersist.journal.format.columns.packing import unpack
from adpersist.journal.format.columns.shapes import blobs, boolean, fields, integer, items, text, texts
from adpersist.journal.format.head_fields import guid, unpack_writer
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Writer
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.difference import Difference

FIELDS: Final = 3
MOST_DIFFERENCES: Final = 1000
"""Told of one by one."""
_LONGEST_WORDS: Final = 500


class CommitNote(NamedTuple):
    """What a MARK, RESTORE_BEGIN or RESTORE_END says; the fields are those of a commit."""

    mark: str | None = None
    target: Seq | None = None
    writer: Writer | None = None
    conflicts: tuple[Conflict, ...] = ()
    left: tuple[Difference, ...] = ()
    left_count: int = 0
    account: str = ""


def unpack_note(content: bytes, *, ends_restore: bool) -> CommitNote:
    """Read one.

    Args:
        ends_restore: It is a RESTORE_END's.

    Raises:
        NewerFormatError: It says more.
        ValueError: Another shape.
    """
    places = 3 if ends_restore else 2
    name, target, maker, *more = fields(unpack(content), FIELDS, FIELDS + places)
    account = text(more.pop()) if len(more) == places else ""
    if ends_restore and more:
        left, count = more
        return CommitNote(
            target=None if target is None else Seq(integer(target)),
            left=tuple(_difference(each) for each in items(left)),
            left_count=integer(count),
            account=account,
        )
    return CommitNote(
        mark=None if name is None else text(name),
        target=None if target is None else Seq(integer(target)),
        writer=None if maker is None else unpack_writer(maker),
        conflicts=tuple(_conflict(each) for each in items(more[0])) if more else (),
        account=account,
    )


def pack_conflicts(conflicts: Sequence[Conflict]) -> list[object]:
    """The fourth field of a RESTORE_BEGIN."""
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


def pack_differences(left: Sequence[Difference], most: int) -> list[object]:
    """The fourth and fifth fields of a RESTORE_END, where something is left: so many of it, and how many there are."""
    told = [
        [each.guid, each.dn[:_LONGEST_WORDS], each.attribute, each.kind, each.gives_more, each.reason[:_LONGEST_WORDS]]
        for each in left[:most]
    ]
    return [told, len(left)] if left else []


def _difference(value: object) -> Difference:
    found, dn, attribute, kind, gives_more, reason = fields(value, 6)
    return Difference(
        guid=guid(found),
        dn=text(dn),
        attribute=text(attribute),
        kind=text(kind),
        gives_more=boolean(gives_more),
        reason=text(reason),
    )


def _conflict(value: object) -> Conflict:
    found, dn, attributes, links, replicated = fields(value, 5)
    cells = items(links)
    return Conflict(
        guid=guid(found),
        dn=text(dn),
        attributes=tuple(texts(attributes)),
        links={text(name): frozenset(blobs(refs)) for name, refs in zip(cells[::2], cells[1::2], strict=True)},
        replicated=boolean(replicated),
    )
