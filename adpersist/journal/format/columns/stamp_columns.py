"""Stamps <-> columns of a frame: which of a change's writes each is, and the writes as columns of numbers.

A write stamps many attributes and links; its version, time, origin and USN stand there once for each change.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

from adpersist.journal.format.columns.names import Names
from adpersist.journal.format.columns.shapes import blobs, guids, index, integers, items, octets
from adpersist.model.objects.change import AttributeStamps, LinkStamps
from adpersist.model.objects.rows.attribute_row import RowHeader, header_of
from adpersist.model.objects.rows.link_stamp_row import LinkStampRow, link_row_of
from adpersist.model.objects.rows.stamp_row import StampRow, Write, packed_row, packed_write, unpacked_write, writes_of


class WriteColumns:
    """Writes of a frame on their way out."""

    def __init__(self) -> None:
        self._writes: list[Write] = []

    def add(
        self, stamps: AttributeStamps, link_stamps: LinkStamps, names: Names
    ) -> tuple[Sequence[int], Sequence[int], list[object], int]:
        """A change's stamped attributes, the number of each one's write, its links' stamps, and how many writes."""
        row = stamps if isinstance(stamps, StampRow) else packed_row(writes_of(stamps))
        places, writes = row.numbered()
        found = {write: number for number, write in enumerate(writes)}
        linked: list[object] = []
        for name, known in link_stamps.items():
            plain, other, stamped = link_row_of(known).columns()
            numbers = [2 * found.setdefault(write, len(found)) + made for write, made in stamped]
            linked += names.number(name), plain, list(other), numbers
        self._writes += found
        return names.of_header(row.header), places, linked, len(found)

    def columns(self) -> list[object]:
        origins: dict[bytes, int] = {}
        versions, times, authors, usns = (
            zip(*map(unpacked_write, self._writes), strict=True) if self._writes else [()] * 4
        )
        return [
            list(versions),
            _distances(times),
            [origins.setdefault(origin, len(origins)) for origin in authors],
            _distances(usns),
            b"".join(origins),
        ]


def _writes(columns: Sequence[object]) -> Iterator[Write]:
    """The reverse of :meth:`WriteColumns.columns`."""
    origins = guids(octets(columns[4]))
    for version, time, origin, usn in zip(
        integers(columns[0]),
        accumulate(integers(columns[1])),
        integers(columns[2]),
        accumulate(integers(columns[3])),
        strict=True,
    ):
        yield packed_write(version, time, origins[index(origin)], usn)


class Stamps:
    """Stamps of a frame on their way in, those of each change in turn."""

    def __init__(self, columns: Sequence[object], names: Sequence[str]) -> None:
        self._rows = [items(column) for column in columns[:4]]
        self._writes = list(_writes(columns[4:]))
        self._names = names
        self._headers: dict[tuple[int, ...], RowHeader] = {}

    def of(self, wanted: Iterable[bool]) -> Iterator[tuple[AttributeStamps, LinkStamps]]:
        """In their order; of changes that are not wanted none are made.

        Raises:
            ValueError: They are not as many as the changes.
        """
        at = 0
        for (attributes, places, links, count), is_wanted in zip(zip(*self._rows, strict=True), wanted, strict=True):
            start, at = at, at + index(count)
            if not is_wanted:
                yield {}, {}
                continue
            writes = self._writes[start:at]
            stamped = self._row(integers(attributes), integers(places), writes) if attributes else {}
            yield stamped, self._links(items(links), writes) if links else {}
        if at != len(self._writes):
            raise ValueError("writes and changes differ in number")

    def _row(self, attributes: Sequence[int], places: Sequence[int], writes: Sequence[Write]) -> StampRow:
        numbers = tuple(attributes)
        header = self._headers.get(numbers)
        if header is None:
            header = self._headers[numbers] = header_of(tuple([self._names[index(number)] for number in numbers]))
        if len(writes) == 1 and len(places) == len(numbers) and not any(places):  # the rule
            return StampRow.of_one(header, writes[0])
        return StampRow(header, [writes[index(place)] for place in places])

    def _links(self, cells: Sequence[object], writes: Sequence[Write]) -> dict[str, LinkStampRow]:
        links: dict[str, LinkStampRow] = {}
        for name, plain, other, places in zip(cells[::4], cells[1::4], cells[2::4], cells[3::4], strict=True):
            made = [(writes[index(place) // 2], place % 2 > 0) for place in integers(places)]
            links[self._names[index(name)]] = LinkStampRow(octets(plain), blobs(other), made)
        if 4 * len(links) != len(cells):
            raise ValueError("a link attribute stands twice")
        return links


class StampsOfVersion1:
    """The same of version 1: every stamp was a write of its own, and links had none."""

    def __init__(self, columns: Sequence[object], names: Sequence[str]) -> None:
        self._counts = items(columns[0])
        self._names = [names[index(number)] for number in integers(columns[1])]
        self._writes = list(_writes(columns[2:]))
        if len(self._writes) != len(self._names):
            raise ValueError("stamps and their names differ in number")

    def of(self, wanted: Iterable[bool]) -> Iterator[tuple[AttributeStamps, LinkStamps]]:
        """See :meth:`Stamps.of`."""
        at = 0
        for count, is_wanted in zip(self._counts, wanted, strict=True):
            start, at = at, at + index(count)
            names = self._names[start:at] if is_wanted else ()
            yield StampRow(header_of(tuple(names)), self._writes[start:at]) if names else {}, {}
        if at != len(self._names):
            raise ValueError("stamps and changes differ in number")


def _distances(numbers: Sequence[int]) -> list[int]:
    return [*numbers[:1], *(later - earlier for earlier, later in pairwise(numbers))]
