"""Stamps of an object's links as they are kept: a group has thousands of members. Pure.

The links of one attribute lie in a row, sorted by target. What came later lies beside it until it is an eighth of it,
so that one member more does not turn over all the others.
"""

from array import array
from bisect import bisect_left
from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from itertools import chain, pairwise
from typing import Final

from adpersist.model.identity.ids import GUID_BYTES
from adpersist.model.identity.reference import refs, targets
from adpersist.model.objects.change import LinkStamp, LinkStamps
from adpersist.model.objects.rows.stamp_row import Write, numbered, split, unpacked_write, write_at, write_of

_TOGETHER: Final = 1000
"""References made at once."""
_FEW: Final = 32
"""So many that came later are no burden, however short the row is."""

LinkWrite = tuple[Write, bool]
"""The last write to a link, packed, and whether it made the link."""
PackedRow = tuple[bytes, list[bytes], bytes, bytes, bytes]
"""Targets of plain references and all others; of each, which write it has, and whether that made it; the writes."""


class LinkStampRow(Mapping[bytes, LinkStamp]):
    """Stamps by link value, of one attribute.

    Args:
        guids: Targets of plain references, one behind the other.
        others: All other references.
        writes: What each has, in that order.
    """

    __slots__ = ("_count", "_guids", "_later", "_others", "_places", "_present", "_writes")

    def __init__(self, guids: bytes, others: Sequence[bytes], writes: Sequence[LinkWrite]) -> None:
        self._fill(guids, others, writes)
        if self._count != len(writes):
            raise ValueError("a link stands twice")

    @classmethod
    def with_last(cls, guids: bytes, others: Sequence[bytes], writes: Sequence[LinkWrite]) -> "LinkStampRow":
        """The same; where a link stands several times, it has the last."""
        row = cls.__new__(cls)
        row._fill(guids, others, writes)
        return row

    def _fill(self, guids: bytes, others: Sequence[bytes], writes: Sequence[LinkWrite]) -> None:
        count, rest = divmod(len(guids), GUID_BYTES)
        if rest or count + len(others) != len(writes):
            raise ValueError(f"{len(writes)} stamps for {count} targets and {len(others)} other links")
        plain = _sorted([_guid(guids, number) for number in range(count)])
        odd = _sorted(others)
        self._guids = b"".join(_guid(guids, number) for number in plain)
        self._others = tuple(others[number] for number in odd)
        ordered = [*plain, *(count + number for number in odd)]
        self._places, self._writes = numbered(writes[number][0] for number in ordered)
        self._present = bytes(writes[number][1] for number in ordered)
        self._later: dict[bytes, LinkWrite | None] = {}
        self._count = len(ordered)

    @classmethod
    def of(cls, writes: Mapping[bytes, LinkWrite]) -> "LinkStampRow":
        """The row that has just these."""
        guids, others = targets(writes)
        odd = set(others)
        plain = [write for link, write in writes.items() if link not in odd]
        return cls(guids, others, [*plain, *map(writes.__getitem__, others)])

    def __getitem__(self, link: bytes) -> LinkStamp:
        return link_stamp_of(self._write(link))

    def __contains__(self, link: object) -> bool:
        if link in self._later:
            return self._later[link] is not None
        return isinstance(link, bytes) and self._place(link) is not None

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.writes())

    def __len__(self) -> int:
        return self._count

    # written out, since the mixin looks every one up by itself, and most links have one of a few writes

    def items(self) -> ItemsView[bytes, LinkStamp]:
        return self._unfolded().items()

    def values(self) -> ValuesView[LinkStamp]:
        return self._unfolded().values()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LinkStampRow):
            return self._packed() == other._packed() or self.writes() == other.writes()
        return dict(self.items()) == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a dictionary has none

    def __repr__(self) -> str:
        return repr(dict(self.items()))

    def writes(self) -> dict[bytes, LinkWrite]:
        """All of them, packed; equal writes are the same bytes."""
        return dict(self.pairs())

    def pairs(self) -> Iterator[tuple[bytes, LinkWrite]]:
        """The same one after another: not all references are made at once."""
        later, step = self._later, _TOGETHER * GUID_BYTES
        some = (refs(self._guids[at : at + step]) for at in range(0, len(self._guids), step))
        for link, write in zip(chain(chain.from_iterable(some), self._others), self._numbered(), strict=True):
            if link not in later:
                yield link, write
        for link, last in later.items():
            if last is not None:
                yield link, last

    def columns(self) -> tuple[bytes, Sequence[bytes], Sequence[LinkWrite]]:
        """Targets of plain references, all other references, and what each has, in that order."""
        row = LinkStampRow.of(self.writes()) if self._later else self
        return row._guids, row._others, row._numbered()

    def _numbered(self) -> list[LinkWrite]:
        """What each had before some came later; equal writes are the same."""
        there, gone = ([(write, present) for write in split(self._writes)] for present in (True, False))
        return [(there if present else gone)[at] for at, present in zip(self._places, self._present, strict=True)]

    def changed_by(self, lost: Collection[bytes], new: Mapping[bytes, LinkWrite]) -> "LinkStampRow":
        """Without those that are lost, and with the new ones."""
        later = {**self._later, **dict.fromkeys(lost), **new}
        if len(later) > max(len(self._places) // 8, _FEW):
            links = {**self.writes(), **dict.fromkeys(lost), **new}
            return LinkStampRow.of({link: write for link, write in links.items() if write is not None})
        row = LinkStampRow.__new__(LinkStampRow)
        row._guids, row._others = self._guids, self._others
        row._places, row._present, row._writes = self._places, self._present, self._writes
        row._later = later
        row._count = len(self._places) + sum(
            (write is not None) - (self._place(link) is not None) for link, write in later.items()
        )
        return row

    def packed(self) -> PackedRow:
        """All of it, in few pieces."""
        row = LinkStampRow.of(self.writes()) if self._later else self
        places = row._places.tobytes() if isinstance(row._places, array) else bytes(row._places)
        return row._guids, list(row._others), places, row._present, row._writes

    @classmethod
    def unpacked(cls, packed: PackedRow) -> "LinkStampRow":
        """The reverse of :meth:`packed`."""
        row = cls.__new__(cls)
        row._guids, others, places, row._present, row._writes = packed
        row._others = tuple(others)
        row._places = places if len(places) == len(row._present) else array("I", places)
        row._later, row._count = {}, len(row._present)
        return row

    def _unfolded(self) -> dict[bytes, LinkStamp]:
        writes, stamps = self.writes(), dict[LinkWrite, LinkStamp]()
        for write in writes.values():
            if write not in stamps:
                stamps[write] = link_stamp_of(write)
        return {link: stamps[write] for link, write in writes.items()}

    def _packed(self) -> tuple[object, ...]:
        return self._guids, self._others, self._places, self._present, self._writes, self._later

    def _write(self, link: bytes) -> LinkWrite:
        found = self._later.get(link)
        if found is None:
            place = None if link in self._later else self._place(link)
            if place is None:
                raise KeyError(link)
            found = write_at(self._writes, self._places[place]), self._present[place] > 0
        return found

    def _place(self, link: bytes) -> int | None:
        """Where it stands in the row; None: nowhere."""
        guid, odd = targets((link,))
        count = len(self._guids) // GUID_BYTES
        if odd:
            at = bisect_left(self._others, link)
            return count + at if self._others[at : at + 1] == (link,) else None
        at = bisect_left(range(count), guid, key=lambda number: _guid(self._guids, number))
        return at if at < count and _guid(self._guids, at) == guid else None


def _sorted(links: Sequence[bytes]) -> list[int]:
    """Their numbers in their order; of equal ones the last."""
    ordered = sorted(range(len(links)), key=links.__getitem__)
    return [one for one, after in pairwise([*ordered, -1]) if after < 0 or links[one] != links[after]]


def _guid(guids: bytes, number: int) -> bytes:
    return guids[number * GUID_BYTES : (number + 1) * GUID_BYTES]


def link_write_of(stamp: LinkStamp) -> LinkWrite:
    """A link's stamp, packed."""
    return write_of(stamp), stamp.present


def link_stamp_of(write: LinkWrite) -> LinkStamp:
    """The reverse of :func:`link_write_of`."""
    version, time, origin, usn = unpacked_write(write[0])
    return LinkStamp(version=version, time=time, origin=origin, usn=usn, present=write[1])


def link_row_of(stamps: Mapping[bytes, LinkStamp]) -> LinkStampRow:
    """The row of one attribute's links, however their stamps are kept."""
    return stamps if isinstance(stamps, LinkStampRow) else LinkStampRow.of(link_writes_of(stamps))


def link_pairs_of(stamps: Mapping[bytes, LinkStamp]) -> Iterable[tuple[bytes, LinkWrite]]:
    """See :meth:`LinkStampRow.pairs`."""
    return stamps.pairs() if isinstance(stamps, LinkStampRow) else link_writes_of(stamps).items()


def link_writes_of(stamps: Mapping[bytes, LinkStamp]) -> dict[bytes, LinkWrite]:
    """All stamps of one attribute's links, packed."""
    if isinstance(stamps, LinkStampRow):
        return stamps.writes()
    return {link: link_write_of(stamp) for link, stamp in stamps.items()}


def changed_by(old: LinkStamps, lost: Mapping[str, Collection[bytes]], new: LinkStamps) -> LinkStamps:
    """The old stamps without those that are lost, and with the new ones; untouched attributes are not copied."""
    if not new and not any(name in old for name in lost):
        return old
    left: dict[str, Mapping[bytes, LinkStamp]] = dict(old)
    for name in {**lost, **new}:
        row, gone, come = left.get(name), lost.get(name, ()), new.get(name, {})
        if row is None:
            left[name] = link_row_of(come)
        else:
            left[name] = link_row_of(row).changed_by(gone, link_writes_of(come))
    return {name: row for name, row in left.items() if row}
