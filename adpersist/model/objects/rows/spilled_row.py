"""A row whose values lie elsewhere, and are fetched when somebody asks for them. Pure: where is for others to say.

What a restore folds is most of a directory, and most of that stays as it is: it is compared once, and never looked
into. What each object is told apart by is looked at again and again, and stays here.
"""

import marshal
from collections.abc import Mapping
from typing import Any, Final, Protocol

from adpersist.model.objects.change import Values
from adpersist.model.objects.rows.attribute_row import CLASSES, NEAR, AttributeRow, Cell, RowHeader, row_of
from adpersist.model.objects.rows.interning import WORTH_BYTES, once

FORMAT: Final = 2
"""Of marshal: the last one that does not look for what it has written before, of which a row has nothing."""
_MANIFOLD: Final = "nTSecurityDescriptor"
"""Most objects have that of thousands of others: it lies by itself, once."""


class Spill(Protocol):
    """Where values lie that are not kept in memory."""

    def put(self, content: bytes) -> int | None:
        """Keep some bytes; where they are. None: there is no more room, so whoever has them keeps them."""

    def put_once(self, content: bytes) -> int | None:
        """The same of bytes that come again and again."""

    def get(self, place: int) -> bytes:
        """The bytes that were put there."""


class SpilledRow(AttributeRow):
    """Values by attribute, of which only a few are in memory.

    A digest of the others is: 64 bits of SipHash under a key of this process, as a fingerprint has, so that two rows
    are compared without fetching any. As one piece all that takes half of what it would as values of their own.
    """

    __slots__ = ("_classes", "_outline", "_spill")

    _classes: Cell
    """Those of thousands of others."""
    _outline: bytes
    """Marshalled: where the rest lies, the digest, and of what is near all but the classes."""
    _spill: Spill

    @classmethod
    def of(cls, values: Mapping[str, Values], spill: Spill) -> Mapping[str, Values]:
        """The same values, spilled; as they are where there is no room for them."""
        row = values if isinstance(values, AttributeRow) else row_of(values)
        if isinstance(row, SpilledRow):
            return row
        if row.clears:
            return values
        cells, header = row._cells, row._header
        place = spill.put(marshal.dumps(_laid_out(cells, header, spill), FORMAT))
        if place is None:
            return values
        spilled = cls.__new__(cls)
        spilled._header, spilled._spill = header, spill
        spilled._classes = cells[header.places[CLASSES]] if CLASSES in header.places else ()
        near = [cells[header.places[name]] for name in header.near]
        # copied, as what marshal gives was once larger, and where it lies stays so
        spilled._outline = bytes(memoryview(marshal.dumps((place, hash(cells), *near), FORMAT)))
        return spilled

    @property
    def _cells(self) -> tuple[Cell, ...]:  # type: ignore[override]  # a slot of the class above
        place, *_ = self._in_outline()
        cells: list[Cell] = marshal.loads(self._spill.get(place))  # noqa: S302 - this process put it there
        at = self._header.places.get(_MANIFOLD)
        if at is not None and isinstance(place := cells[at], int):
            cells[at] = self._spill.get(place)
        return tuple(cells)

    def _in_outline(self) -> tuple[Any, ...]:
        found: tuple[Any, ...] = marshal.loads(self._outline)  # noqa: S302 - this process made it
        return found

    def _digest(self) -> int:
        digest: int = self._in_outline()[1]
        return digest

    @property
    def clears(self) -> bool:
        return False  # what does is not spilled, so that nobody need look there

    def __getitem__(self, name: str) -> Values:
        if name not in NEAR:
            values = super().__getitem__(name)
            # security descriptors, the rule: many objects have one
            return (once(values[0]),) if len(values) == 1 and len(values[0]) >= WORTH_BYTES else values
        cell: Cell = self._classes if name == CLASSES else self._in_outline()[2 + self._header.near[name]]
        return cell if isinstance(cell, tuple) else (cell,)

    def __len__(self) -> int:
        return len(self._header.places)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AttributeRow) and self._header is other._header:
            return self._digest() == (other._digest() if isinstance(other, SpilledRow) else hash(other._cells))
        if not isinstance(other, Mapping):
            return NotImplemented
        if len(other) != len(self) or not other.keys() <= self._header.places.keys():
            return False
        return hash(tuple([_cell(other[name]) for name in self._header.places])) == self._digest()

    __hash__ = None


def _laid_out(cells: tuple[Cell, ...], header: RowHeader, spill: Spill) -> list[Cell | int]:
    """The cells as they are put down."""
    found: list[Cell | int] = [*cells]
    at = header.places.get(_MANIFOLD)
    if at is not None and isinstance(content := cells[at], bytes) and (place := spill.put_once(content)) is not None:
        found[at] = place
    return found


def _cell(values: Values) -> Cell:
    return values[0] if len(values) == 1 else tuple(values)
