"""Changes <-> bytes: columns of a frame, packed by MessagePack.

A frame's changes are turned on their side: names, naming contexts, containers and invocationIDs are written
once and referred to by number; GUIDs lie raw in a row; stamps are columns of numbers, times and USNs as the
distance from the one before. FORMAT.md lists the columns. Decoding trusts nothing: a wrong shape is a ValueError.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final

from adpersist.journal.format.packing import pack, unpack
from adpersist.journal.format.shapes import blobs, integers, items, octets, texts
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import refs, targets
from adpersist.model.objects.attribute_row import AttributeRow, RowHeader
from adpersist.model.objects.change import Change, Kind, Stamp, Values

COLUMNS: Final = 18
KINDS: Final = (Kind.CREATED, Kind.CHANGED, Kind.MOVED, Kind.DELETED, Kind.UNDELETED, Kind.EXPUNGED)
"""By number in the format; append only."""

_KIND_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}


def pack_changes(changes: Sequence[Change]) -> bytes:
    """Changes in their order; deterministic but for the order of a mapping's keys, which is kept."""
    names: dict[str, int] = {}
    contexts: dict[str, int] = {}
    parents: dict[bytes, int] = {}
    stamps = _StampColumns()
    rows = [
        (
            contexts.setdefault(change.nc, len(contexts)),
            0 if change.parent is None else 1 + parents.setdefault(change.parent, len(parents)),
            change.rdn,
            _values_row(change.values, names),
            _links_row(change.added, names),
            _links_row(change.removed, names),
            stamps.add(change.stamps, names),
        )
        for change in changes
    ]
    columns: list[list[object]] = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(7)]
    head = [
        bytes(_KIND_NUMBERS[change.kind] for change in changes),
        b"".join(change.guid for change in changes),
        list(names),
        list(contexts),
        b"".join(parents),
    ]
    return pack([*head, *columns, *stamps.columns()])


def unpack_changes(content: bytes) -> tuple[Change, ...]:
    """The reverse of :func:`pack_changes`.

    Raises:
        ValueError: The content was not made by :func:`pack_changes`.
    """
    try:
        return _unpack_changes(content)
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"columns do not fit together: {error}") from error


def _unpack_changes(content: bytes) -> tuple[Change, ...]:
    columns = items(unpack(content))
    if len(columns) != COLUMNS:
        raise ValueError(f"{len(columns)} columns, {COLUMNS} expected")
    kinds = [KINDS[number] for number in octets(columns[0])]
    guids = _guids(octets(columns[1]))
    names = texts(columns[2])
    contexts = texts(columns[3])
    parents: list[Guid | None] = [None, *_guids(octets(columns[4]))]
    rows, stamps = _Rows(names), _Stamps(columns[12:], names)
    result = tuple(
        Change(
            kind=kind,
            guid=guid,
            nc=contexts[_number(context)],
            parent=parents[_number(parent)],
            rdn=_text_or_none(rdn),
            values=rows.take(values) if values else {},
            added=_links(added, names) if added else {},
            removed=_links(removed, names) if removed else {},
            stamps=stamps.take(stamped) if stamped else {},
        )
        for kind, guid, context, parent, rdn, values, added, removed, stamped in zip(
            kinds, guids, *map(items, columns[5:12]), strict=True
        )
    )
    stamps.finish()
    return result


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("an index is not a number")
    return value


def _text_or_none(value: object) -> str | None:
    if value is None or type(value) is str:
        return value
    raise ValueError("a name is not text")


def _guids(row: bytes) -> list[Guid]:
    if len(row) == 16:
        return [Guid(row)]
    if len(row) % 16:
        raise ValueError("a row of GUIDs has a broken one")
    return [Guid(row[at : at + 16]) for at in range(0, len(row), 16)]


# --- values: rows of name, value; links: rows of name, targets, other references ------------------------------


def _values_row(values: Mapping[str, Values], names: dict[str, int]) -> list[object]:
    for name in values:
        if name not in names:
            names[name] = len(names)
    row: list[object] = [None] * (2 * len(values))
    row[::2] = map(names.__getitem__, values)
    row[1::2] = [each[0] if len(each) == 1 else list(each) for each in values.values()]
    return row


class _Rows:
    """Rows of a frame on their way in; most have the same attributes as some row before them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._headers: dict[tuple[object, ...], RowHeader] = {}

    def take(self, row: object) -> AttributeRow:
        cells = items(row)
        numbers = tuple(cells[::2])
        header = self._headers.get(numbers)
        if header is None:
            header = self._headers[numbers] = RowHeader([self._names[_number(number)] for number in numbers])
        return AttributeRow(header, cells[1::2])


def _links_row(links: Mapping[str, Iterable[bytes]], names: dict[str, int]) -> list[object]:
    """Plain references, the rule, shrink to the 16 bytes of their target; others stay as they are."""
    row: list[object] = []
    for name, references in links.items():
        plain, other = targets(sorted(references))
        row += names.setdefault(name, len(names)), plain, other
    return row


def _links(row: object, names: Sequence[str]) -> dict[str, frozenset[bytes]]:
    cells = items(row)
    links: dict[str, frozenset[bytes]] = {}
    for name, plain, other in zip(cells[::3], cells[1::3], cells[2::3], strict=True):
        links[names[_number(name)]] = frozenset(blobs(other)).union(refs(octets(plain)))
    if 3 * len(links) != len(cells):
        raise ValueError("a link attribute stands twice")
    return links


# --- stamps: columns of numbers --------------------------------------------------------------------------------


class _StampColumns:
    """Stamps of a frame on their way out."""

    def __init__(self) -> None:
        self._names: list[int] = []
        self._stamps: list[Stamp] = []

    def add(self, stamps: Mapping[str, Stamp], names: dict[str, int]) -> int:
        self._names += [names.setdefault(name, len(names)) for name in stamps]
        self._stamps += stamps.values()
        return len(stamps)

    def columns(self) -> list[object]:
        origins: dict[bytes, int] = {}
        return [
            self._names,
            [stamp.version for stamp in self._stamps],
            _distances([stamp.time for stamp in self._stamps]),
            [origins.setdefault(stamp.origin, len(origins)) for stamp in self._stamps],
            _distances([stamp.usn for stamp in self._stamps]),
            b"".join(origins),
        ]


class _Stamps:
    """Stamps of a frame on their way in, taken from the front as the changes come by."""

    def __init__(self, columns: Sequence[object], names: Sequence[str]) -> None:
        origins = _guids(octets(columns[5]))
        self._names = [names[number] for number in integers(columns[0])]
        self._stamps = [
            Stamp(version=version, time=time, origin=origins[origin], usn=Usn(usn))
            for version, time, origin, usn in zip(
                integers(columns[1]),
                accumulate(integers(columns[2])),
                integers(columns[3]),
                accumulate(integers(columns[4])),
                strict=True,
            )
        ]
        if len(self._stamps) != len(self._names):
            raise ValueError("stamps and their names differ in number")
        self._at = 0

    def take(self, count: object) -> dict[str, Stamp]:
        start, self._at = self._at, self._at + _number(count)
        return dict(zip(self._names[start : self._at], self._stamps[start : self._at], strict=True))

    def finish(self) -> None:
        if self._at != len(self._stamps):
            raise ValueError("stamps and changes differ in number")


def _distances(numbers: Sequence[int]) -> list[int]:
    return [*numbers[:1], *(later - earlier for earlier, later in pairwise(numbers))]
