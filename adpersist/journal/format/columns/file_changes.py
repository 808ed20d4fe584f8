"""Changes of files <-> bytes (FORMAT.md, "Files"). Decoding trusts nothing: a wrong shape is a ValueError."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

from adpersist.errors import LimitError
from adpersist.journal.damage import NewerFormatError
from adpersist.journal.format.columns.packing import MAX_CONTENT_BYTES, compress, pack, unpack
from adpersist.journal.format.columns.shapes import index, integer, items, octets, text
from adpersist.journal.format.frame import OVERHEAD_BYTES
from adpersist.model.files.file_changes import FileChanges
from adpersist.model.files.file_state import FileKey, FileKind, FileState, Piece, Place, path_text
from adpersist.stores.port import MAX_FRAME_BYTES

PLACES: Final = (Place.SYSVOL, Place.IDMAP, Place.PRIVILEGES, Place.SHARES, Place.SETTINGS, Place.REGISTRY)
"""By number in the format; append only."""

KINDS: Final = (FileKind.DIRECTORY, FileKind.FILE, FileKind.SYMLINK, FileKind.ENTRY)
"""The same."""

FULL_BYTES: Final = 4 * 1024 * 1024
"""About how much content goes into one frame before compression."""

_ROOM_BYTES: Final = MAX_FRAME_BYTES - 128 * 1024
"""An append carries the head and, at times, its spare beside the frame."""

_AIM_BYTES: Final = _ROOM_BYTES * 85 // 100
"""Compressed: some more, or some that shrinks less than what came before it, still fits."""

_PIECE_ID_BYTES: Final = 32
Each = TypeVar("Each")
_STATE_BYTES: Final = 128
"""About what a state takes beside its attributes."""


def pack_files(changes: FileChanges) -> bytes:
    """One MessagePack list: states, what is gone, pieces."""
    return pack(
        [
            [_row(each) for each in changes.states],
            [[PLACES.index(place), path] for place, path in changes.gone],
            list(changes.pieces),
        ]
    )


def unpack_files(content: bytes) -> FileChanges:
    """The reverse of :func:`pack_files`.

    Raises:
        NewerFormatError: It tells of a place or a kind that is not known yet.
        ValueError: The content was not made by it.
    """
    states, gone, pieces = items(unpack(content))
    try:
        return FileChanges(
            states=tuple(_state(row) for row in items(states)),
            gone=tuple(_key(row) for row in items(gone)),
            pieces=tuple(octets(each) for each in items(pieces)),
        )
    except IndexError as error:
        raise NewerFormatError("a file of a place or a kind that this adpersist does not know") from error


def _row(state: FileState) -> list[object]:
    cells = [cell for pair in sorted(state.attributes.items()) for cell in pair]
    return [
        PLACES.index(state.place),
        state.path,
        KINDS.index(state.kind),
        state.uid,
        state.gid,
        state.mode,
        state.mtime_ns,
        state.size,
        b"".join(state.pieces),
        cells,
    ]


def _state(row: object) -> FileState:
    place, path, kind, uid, gid, mode, mtime_ns, size, pieces, attributes = items(row)
    names, cells = octets(pieces), items(attributes)
    if len(names) % _PIECE_ID_BYTES:
        raise ValueError("a row of pieces has a broken one")
    return FileState(
        place=PLACES[index(place)],
        path=text(path),
        kind=KINDS[index(kind)],
        uid=index(uid),
        gid=index(gid),
        mode=index(mode),
        mtime_ns=integer(mtime_ns),
        size=index(size),
        pieces=tuple(Piece(names[at : at + _PIECE_ID_BYTES]) for at in range(0, len(names), _PIECE_ID_BYTES)),
        attributes={text(name): octets(value) for name, value in zip(cells[::2], cells[1::2], strict=True)},
    )


def _key(row: object) -> FileKey:
    place, path = items(row)
    return PLACES[index(place)], text(path)


@dataclass(slots=True)
class _Filling:
    """A frame's content while it grows."""

    states: list[FileState] = field(default_factory=list)
    gone: list[FileKey] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    weight: int = 0

    def take(self, told: FileState | FileKey | bytes) -> None:
        """Put it in, and tell what it weighs: about its bytes before compression."""
        if isinstance(told, bytes):
            self.pieces.append(told)
            self.weight += len(told)
        elif isinstance(told, FileState):
            self.states.append(told)
            self.weight += _STATE_BYTES + len(told.path) + sum(map(len, told.attributes.values()))
            self.weight += _PIECE_ID_BYTES * len(told.pieces)
        else:
            self.gone.append(told)
            self.weight += len(told[1])

    def taken(self) -> FileChanges:
        return FileChanges(states=tuple(self.states), gone=tuple(self.gone), pieces=tuple(self.pieces))


def file_contents(told: Iterable[FileState | FileKey | bytes]) -> Iterator[tuple[bytes, int]]:
    """What a look at files found, cut into compressed contents of frames, and how many changes each delivers.

    Args:
        told: Pieces of content before the states that are made of them.

    Raises:
        LimitError: A single state is too large; it is named.
    """
    filling, full = _Filling(), FULL_BYTES
    packing: Future[tuple[list[tuple[bytes, int]], int]] | None = None
    with ThreadPoolExecutor(1) as beside:
        for each in told:
            filling.take(each)
            if filling.weight < full:
                continue
            if packing is not None:
                contents, full = packing.result()
                yield from contents
            # while it is compressed what follows is read, and what came before is made durable
            packing = beside.submit(_packed, filling)
            filling = _Filling()
        if packing is not None:
            yield from packing.result()[0]
    if filling.weight:
        yield from _fit(filling.taken())


def _packed(filling: _Filling) -> tuple[list[tuple[bytes, int]], int]:
    """Contents of frames; and after how many bytes to cut what follows, if that shrinks about as much."""
    contents = list(_fit(filling.taken()))
    return contents, min(FULL_BYTES, _AIM_BYTES * filling.weight // sum(len(compressed) for compressed, _ in contents))


def _fit(changes: FileChanges) -> Iterator[tuple[bytes, int]]:
    content = pack_files(changes)
    if len(content) <= MAX_CONTENT_BYTES:
        compressed = compress(content)
        if len(compressed) + OVERHEAD_BYTES <= _ROOM_BYTES:
            yield compressed, len(changes.states) + len(changes.gone)
            return
    for half in _halves(changes):
        yield from _fit(half)


def _halves(changes: FileChanges) -> tuple[FileChanges, FileChanges]:
    """Content first, so that nothing is told before what it is made of."""
    if changes.pieces and (changes.states or changes.gone):
        return FileChanges(pieces=changes.pieces), FileChanges(states=changes.states, gone=changes.gone)
    if len(changes.pieces) > 1:
        first, second = _halved(changes.pieces)
        return FileChanges(pieces=first), FileChanges(pieces=second)
    if changes.states and changes.gone:
        return FileChanges(states=changes.states), FileChanges(gone=changes.gone)
    if len(changes.states) > 1:
        states, others = _halved(changes.states)
        return FileChanges(states=states), FileChanges(states=others)
    if len(changes.gone) > 1:
        gone, rest = _halved(changes.gone)
        return FileChanges(gone=gone), FileChanges(gone=rest)
    what = next((path_text(each.path) for each in changes.states), "a piece of content")
    raise LimitError(
        f"{what} has more extended attributes than a frame of the journal can hold",
        hint="Take some of them away, with setfattr -x, or move the file out of SYSVOL.",
    )


def _halved(whole: Sequence[Each]) -> tuple[tuple[Each, ...], tuple[Each, ...]]:
    half = (len(whole) + 1) // 2
    return tuple(whole[:half]), tuple(whole[half:])
