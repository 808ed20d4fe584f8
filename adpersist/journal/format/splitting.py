"""A look's changes cut into frames, each small enough for one transaction of the strictest store.

Several changes share a frame until it is full. A change too large for a frame of its own lies in a run of PART frames
closed by the LOOK that delivers it, so that neither a photo nor a group of many members is a special case when the
journal is folded.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from adpersist.errors import LimitError
from adpersist.journal.format.columns.changes import pack_changes
from adpersist.journal.format.columns.packing import MAX_CONTENT_BYTES, compress
from adpersist.journal.format.frame import OVERHEAD_BYTES
from adpersist.model.identity.ids import guid_text
from adpersist.model.journal.commit import CommitKind
from adpersist.model.objects.audit import Audited
from adpersist.model.objects.change import Change
from adpersist.model.objects.rows.attribute_row import value_bytes
from adpersist.stores.port import MAX_FRAME_BYTES

_Each = TypeVar("_Each")

FULL_BYTES: Final = 4 * 1024 * 1024
"""About how much content goes into one frame before compression."""

SLICE_BYTES: Final = MAX_FRAME_BYTES - 16_384
"""Content of one PART; still fits a frame when it cannot be compressed at all."""

MAX_CHANGE_BYTES: Final = 64 * 1024 * 1024
"""The largest single change; a reader holds this much at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The content of one frame to be.

    Attributes:
        kind: LOOK, or PART.
        part: How many PARTs right before it belong to it.
        compressed: What is to be sealed.
        changes: How many changes it delivers; 0 in a PART.
        audited: It is a LOOK that says who wrote.
    """

    kind: CommitKind
    part: int
    compressed: bytes
    changes: int
    audited: bool = False


EMPTY: Final = Piece(kind=CommitKind.LOOK, part=0, compressed=compress(pack_changes(())), changes=0)
"""A look that found nothing."""

Run = tuple[Piece, ...]
"""What becomes visible together: one LOOK, after the PARTs that belong to it."""


def runs(changes: Iterable[Change], audited: Audited | None = None) -> Iterator[tuple[Run, bool]]:
    """The runs a look is stored in, in order; the flag tells the last one.

    Args:
        changes: In their order; none makes no run.
        audited: Who wrote them, as far as a log says so: its lines are in the first runs, what else it says in all.

    Raises:
        LimitError: A change is larger than MAX_CHANGE_BYTES; it is named.
    """
    waiting: Run | None = None
    for batch in _batches(changes):
        for run in _fit(batch, audited):
            if waiting is not None:
                yield waiting, False
            waiting = run
        audited = replace(audited, lines=()) if audited is not None else None
    if waiting is not None:
        yield waiting, True


def _batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    batch: list[Change] = []
    weight = 0
    for change in changes:
        batch.append(change)
        weight += _weight(change)
        if weight >= FULL_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _weight(change: Change) -> int:
    """About how many bytes a change packs to."""
    links = sum(len(each) for each in change.added.values()) + sum(len(each) for each in change.removed.values())
    link_stamps = sum(map(len, change.link_stamps.values()))
    values = 8 * len(change.values) + value_bytes(change.values)
    return 48 + values + 24 * links + 4 * len(change.stamps) + 24 * link_stamps


def _fit(batch: Sequence[Change], audited: Audited | None) -> Iterator[Run]:
    content, told = pack_changes(batch, audited), audited is not None
    if len(content) <= MAX_CONTENT_BYTES:
        compressed = compress(content)
        if len(compressed) + OVERHEAD_BYTES <= MAX_FRAME_BYTES:
            yield (Piece(kind=CommitKind.LOOK, part=0, compressed=compressed, changes=len(batch), audited=told),)
            return
    if len(batch) < 2 and audited is not None and len(audited.lines) > 1:
        # the lines before what they tell of, so that a change is split for its own size only
        for said in _halves(audited.lines):
            yield from _fit((), replace(audited, lines=said))
        if batch:
            yield from _fit(batch, replace(audited, lines=()))
        return
    if len(batch) > 1:
        for half, said in zip(_halves(batch), _halves(audited.lines if audited is not None else ()), strict=True):
            yield from _fit(half, replace(audited, lines=said) if audited is not None else None)
        return
    if len(content) > MAX_CHANGE_BYTES:
        raise LimitError(
            f"the change of object {guid_text(batch[0].guid)} has {len(content)} bytes, limit {MAX_CHANGE_BYTES}",
            hint="Exclude the attribute that holds the large values.",
        )
    yield _parts(content, audited=told)


def _halves(row: Sequence[_Each]) -> tuple[tuple[_Each, ...], tuple[_Each, ...]]:
    half = len(row) // 2
    return tuple(row[:half]), tuple(row[half:])


def _parts(content: bytes, *, audited: bool) -> Run:
    slices = [content[at : at + SLICE_BYTES] for at in range(0, len(content), SLICE_BYTES)]
    last = len(slices) - 1
    return tuple(
        Piece(
            kind=CommitKind.LOOK if part == last else CommitKind.PART,
            part=part,
            compressed=compress(piece),
            changes=1 if part == last else 0,
            audited=audited and part == last,
        )
        for part, piece in enumerate(slices)
    )
