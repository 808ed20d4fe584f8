"""An object's stamps as they are kept by the hundred thousand: its few writes, and which of them wrote what. Pure.

Most objects have thirty stamps of three writes. As values of their own they take ten times as much memory as a row.
"""

import struct
from array import array
from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from typing import Final, TypeVar

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import AttributeStamps, Stamp
from adpersist.model.objects.rows.attribute_row import RowHeader, header_of
from adpersist.model.objects.rows.interning import once

WRITE: Final = struct.Struct("<Iq16sQ")
"""Version, time, origin, USN: as an entry of replPropertyMetaData has them one behind the other."""

T = TypeVar("T")

Write = bytes
"""A stamp, packed."""


def packed_write(version: int, time: int, origin: Guid, usn: int) -> Write:
    """A write, packed.

    Raises:
        ValueError: A number is larger than the directory has room for.
    """
    try:
        return WRITE.pack(version, time, origin, usn)
    except struct.error as error:
        raise ValueError(f"no directory numbers a write so: {error}") from error


def unpacked_write(write: Write) -> tuple[int, int, Guid, Usn]:
    """The reverse of :func:`packed_write`."""
    version, time, origin, usn = WRITE.unpack(write)
    return version, time, Guid(origin), Usn(usn)


def write_of(stamp: Stamp) -> Write:
    """A stamp, packed. Raises: ValueError."""
    return packed_write(stamp.version, stamp.time, stamp.origin, stamp.usn)


def stamp_of(write: Write) -> Stamp:
    """The reverse of :func:`write_of`."""
    version, time, origin, usn = unpacked_write(write)
    return Stamp(version=version, time=time, origin=origin, usn=usn)


class StampRow(Mapping[str, Stamp]):
    """Stamps by attribute.

    Args:
        header: The attributes.
        writes: What each has, in the header's order.
    """

    __slots__ = ("_header", "_places", "_writes")

    def __init__(self, header: RowHeader, writes: Collection[Write]) -> None:
        if len(writes) != len(header.places):
            raise ValueError(f"{len(writes)} stamps under {len(header.places)} names")
        self._header = header
        places, self._writes = numbered(writes)
        self._places = once(places) if isinstance(places, bytes) else places

    @classmethod
    def of_one(cls, header: RowHeader, write: Write) -> "StampRow":
        """All of them the same."""
        row = cls.__new__(cls)
        row._header, row._places, row._writes = header, once(bytes(len(header.places))), write
        return row

    def __getitem__(self, name: str) -> Stamp:
        return stamp_of(write_at(self._writes, self._places[self._header.places[name]]))

    def __contains__(self, name: object) -> bool:
        return name in self._header.places

    def __iter__(self) -> Iterator[str]:
        return iter(self._header.places)

    def __len__(self) -> int:
        return len(self._header.places)

    # written out, since the mixin makes a stamp of each attribute, and most have one of three

    def items(self) -> ItemsView[str, Stamp]:
        return self._unfolded().items()

    def values(self) -> ValuesView[Stamp]:
        return self._unfolded().values()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StampRow):
            if self._header is other._header:
                return self._places == other._places and self._writes == other._writes
            return self.writes() == other.writes()
        return dict(self.items()) == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a dictionary has none

    def __repr__(self) -> str:
        return repr(dict(self.items()))

    @property
    def header(self) -> RowHeader:
        """The attributes."""
        return self._header

    def numbered(self) -> tuple[list[int], list[Write]]:
        """Of each attribute the number of its write, and the writes, each once, in the order they are met."""
        return list(self._places), split(self._writes)

    def hashes(self) -> Iterator[tuple[str, int]]:
        """Of each attribute's stamp, packed."""
        return self._spread(list(map(hash, split(self._writes))))

    def writes(self) -> dict[str, Write]:
        """All stamps, packed; equal ones are the same bytes."""
        return dict(self._spread(split(self._writes)))

    def _unfolded(self) -> dict[str, Stamp]:
        return dict(self._spread(list(map(stamp_of, split(self._writes)))))

    def _spread(self, found: Sequence[T]) -> Iterator[tuple[str, T]]:
        """By attribute what there is for each of the few writes."""
        return zip(self._header.places, [found[place] for place in self._places], strict=True)


def when_and_where(stamps: AttributeStamps) -> Iterator[tuple[int, bytes]]:
    """Time and origin of every write among stamps, as they have them; quicker than a stamp of each."""
    if isinstance(stamps, StampRow):
        for _, time, origin, _ in WRITE.iter_unpack(stamps._writes):
            yield time, origin
    else:
        for stamp in stamps.values():
            yield stamp.time, stamp.origin


def writes_of(stamps: AttributeStamps) -> dict[str, Write]:
    """All stamps by attribute, packed."""
    if isinstance(stamps, StampRow):
        return stamps.writes()
    return {name: write_of(stamp) for name, stamp in stamps.items()}


def merged(old: AttributeStamps, lost: Iterable[str], new: AttributeStamps) -> AttributeStamps:
    """The old stamps without those that are lost, and with the new ones."""
    if not old:
        return new if isinstance(new, StampRow) or not new else packed_row(writes_of(new))
    left = writes_of(old)
    for name in lost:
        left.pop(name, None)
    left.update(writes_of(new))
    return packed_row(left)


def packed_row(writes: Mapping[str, Write]) -> StampRow:
    """The row that has just these."""
    return StampRow(header_of(tuple(writes)), writes.values())


# --- runs of writes, each of them many attributes' or links' ---------------------------------------------------------


def numbered(writes: Iterable[Write]) -> tuple[Sequence[int], bytes]:
    """Which of the writes each one is, and the writes, each once, in the order they are met."""
    found: dict[Write, int] = {}
    return small([found.setdefault(write, len(found)) for write in writes]), b"".join(found)


def small(numbers: Sequence[int]) -> Sequence[int]:
    """The numbers in as little room as they take."""
    try:
        return bytes(numbers)
    except ValueError:
        return array("I", numbers)


def write_at(writes: bytes, number: int) -> Write:
    """One of the writes that lie one behind the other."""
    return writes[number * WRITE.size : (number + 1) * WRITE.size]


def split(writes: bytes) -> list[Write]:
    """All of them."""
    return [writes[at : at + WRITE.size] for at in range(0, len(writes), WRITE.size)]
