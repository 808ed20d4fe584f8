"""Attribute values as they are kept by the hundred thousand: a row of cells under a header that many rows share. Pure.

A dictionary of tuples takes three times as much memory as what is in it, and most of the time it takes to read a
journal goes into making it.
"""

from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from itertools import chain
from typing import Final, TypeVar, overload

from adpersist.model.objects.change import Values
from adpersist.model.objects.rows.interning import WORTH_BYTES, once

T = TypeVar("T")

Cell = bytes | Values
"""What an attribute has: its one value, the rule, or all of several, or none."""


_MOST_HEADERS: Final = 4096

CLASSES: Final = "objectClass"
NEAR: Final = frozenset(
    {
        *(CLASSES, "objectSid", "sAMAccountName", "userPrincipalName", "servicePrincipalName"),
        *("isDeleted", "lastKnownParent"),
    }
)
"""Attributes that are asked for of every object there is; :class:`.spilled_row.SpilledRow` keeps them at hand."""


class RowHeader:
    """Names of attributes, in their order, and where each stands.

    Attributes:
        places: By name.
        near: Where each stands among those of :data:`NEAR` but for the classes.

    Raises:
        ValueError: One stands twice.
    """

    __slots__ = ("near", "places")

    def __init__(self, names: Sequence[str]) -> None:
        self.places: Final = {name: place for place, name in enumerate(names)}
        self.near: Final = {
            name: place for place, name in enumerate(each for each in names if each in NEAR and each != CLASSES)
        }
        if len(self.places) != len(names):
            raise ValueError("an attribute stands twice")


_headers: dict[tuple[str, ...], RowHeader] = {}


def header_of(names: tuple[str, ...]) -> RowHeader:
    """The header with these names, shared by all that ask for it."""
    found = _headers.get(names)
    if found is None:
        if len(_headers) >= _MOST_HEADERS:
            _headers.clear()  # costs memory and nothing else
        found = _headers[names] = RowHeader(names)
    return found


class AttributeRow(Mapping[str, Values]):
    """Values by attribute.

    Args:
        header: The attributes.
        cells: What each has, in the header's order; a list stands for several values. Large ones are kept once.
    """

    __slots__ = ("_cells", "_header")

    def __init__(self, header: RowHeader, cells: Sequence[object]) -> None:
        if len(cells) != len(header.places):
            raise ValueError(f"{len(cells)} cells under {len(header.places)} names")
        self._header = header
        # one short value, the rule, is told apart here: there are millions
        self._cells: tuple[Cell, ...] = tuple(
            [each if type(each) is bytes and len(each) < WORTH_BYTES else _kept(each) for each in cells]
        )

    def __getitem__(self, name: str) -> Values:
        cell = self._cells[self._header.places[name]]
        return (cell,) if type(cell) is bytes else cell  # type: ignore[return-value]  # mypy narrows no `type(...) is`

    # written out, since the mixin asks for forgiveness where a name is not there, and looks every one up by itself

    @overload
    def get(self, name: str, /) -> Values | None: ...
    @overload
    def get(self, name: str, /, default: Values | T) -> Values | T: ...
    def get(self, name: str, default: Values | T | None = None) -> Values | T | None:
        return self[name] if name in self._header.places else default

    def __contains__(self, name: object) -> bool:
        return name in self._header.places

    def __iter__(self) -> Iterator[str]:
        return iter(self._header.places)

    def __len__(self) -> int:
        return len(self._cells)

    def replacing(self, new: Mapping[str, Values]) -> "AttributeRow | None":
        """The same row but for these values; None: it has no place for all of them, or one is taken away."""
        if () in new.values() or not new.keys() <= self._header.places.keys():
            return None
        cells = list(self._cells)
        for name, values in new.items():
            cells[self._header.places[name]] = _cell(values)
        row = AttributeRow.__new__(AttributeRow)
        row._header, row._cells = self._header, tuple(cells)
        return row

    @property
    def header(self) -> RowHeader:
        """The attributes."""
        return self._header

    @property
    def cells(self) -> Sequence[Cell]:
        """What each has, in the header's order."""
        return self._cells

    def hashes(self) -> list[int]:
        """Of each attribute's values, in the header's order: see :func:`hash_of`."""
        return [hash((cell,)) if type(cell) is bytes else hash_of(cell) for cell in self._cells]  # type: ignore[arg-type]  # as above

    @property
    def clears(self) -> bool:
        """Some attribute has no value."""
        return () in self._cells

    def items(self) -> ItemsView[str, Values]:
        return self._unfolded().items()

    def values(self) -> ValuesView[Values]:
        return self._unfolded().values()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AttributeRow):
            if self._header is other._header:
                return self._cells == other._cells
            other = other._unfolded()
        return self._unfolded() == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a dictionary has none

    def __repr__(self) -> str:
        return repr(self._unfolded())

    def _unfolded(self) -> dict[str, Values]:
        values = [(cell,) if type(cell) is bytes else cell for cell in self._cells]
        return dict(zip(self._header.places, values, strict=True))  # type: ignore[arg-type]  # as above


def row_of(values: Mapping[str, Values]) -> AttributeRow:
    """The same values in a row, as they are: none of them is looked for among those that are kept once."""
    row = AttributeRow.__new__(AttributeRow)
    row._header = header_of(tuple(values))
    row._cells = tuple([each[0] if len(each) == 1 else each for each in values.values()])
    return row


def value_bytes(values: Mapping[str, Values]) -> int:
    """How many bytes all values have."""
    if isinstance(values, AttributeRow):
        return sum([len(cell) if isinstance(cell, bytes) else sum(map(len, cell)) for cell in values.cells])
    return sum(map(len, chain.from_iterable(values.values())))


def hash_of(values: Values) -> int:
    """64 bits of SipHash under a key of this process; the order of values means nothing."""
    return hash(values) if len(values) == 1 else hash(tuple(sorted(values)))


def _cell(values: Values) -> Cell:
    if len(values) != 1:
        return once(values)
    return values[0] if len(values[0]) < WORTH_BYTES else once(values[0])


def _kept(cell: object) -> Cell:
    if type(cell) is bytes:
        return once(cell)
    if type(cell) is not list or any(type(each) is not bytes for each in cell):
        raise ValueError("a value is not bytes")
    return once(tuple(cell)) if len(cell) != 1 else _kept(cell[0])
