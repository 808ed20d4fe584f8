"""A row whose values lie elsewhere, and are fetched when somebody asks for them. Pure: where is for others to say.

What a restore folds is most of a directory, and most of that stays as it is: it is compared once, and never looked
into. What each object is told apart by is looked at again and again, and stays here.
"""

import marshal
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

from adpersist.model.objects.change import LinkStamps, Values
from adpersist.model.objects.link_values import Links
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.attribute_row import NEAR, AttributeRow, Cell
from adpersist.model.objects.rows.interning import WORTH_BYTES, once
from adpersist.model.objects.rows.stamp_row import header_of

_FORMAT: Final = 2
"""Of marshal: the last one in which equal values are equal bytes."""

_NO_LINKS: Final[Links] = {}
_NO_LINK_STAMPS: Final[LinkStamps] = {}
"""Most objects have no links: they share the lack."""


class Spill(Protocol):
    """Where values lie that are not kept in memory."""

    def put(self, content: bytes) -> int | None:
        """Keep some bytes; where they are. None: there is no more room, so whoever has them keeps them."""

    def get(self, place: int) -> bytes:
        """The bytes that were put there."""


class SpilledRow(AttributeRow):
    """Values by attribute, of which only a few are in memory.

    A digest of the others is: 64 bits of SipHash under a key of this process, as a fingerprint has, so that two rows
    are compared without fetching any.
    """

    __slots__ = ("_digest", "_near", "_place", "_spill")

    _digest: int
    _near: tuple[Cell, ...]
    _place: int
    _spill: Spill

    @classmethod
    def of(cls, values: Mapping[str, Values], spill: Spill) -> Mapping[str, Values]:
        """The same values, spilled; as they are where there is no room for them."""
        row = values if isinstance(values, AttributeRow) else _row(values)
        if isinstance(row, SpilledRow):
            return row
        cells = row._cells
        content = marshal.dumps(cells, _FORMAT)
        place = spill.put(content)
        if place is None:
            return values
        spilled = cls.__new__(cls)
        header = spilled._header = row._header
        spilled._near = tuple(cell for name, cell in zip(header.places, cells, strict=True) if name in NEAR)
        spilled._digest = hash(content)
        spilled._place, spilled._spill = place, spill
        return spilled

    @property
    def _cells(self) -> tuple[Cell, ...]:  # type: ignore[override]  # a slot of the class above
        cells: tuple[Cell, ...] = marshal.loads(self._spill.get(self._place))  # noqa: S302 - this process put it there
        return cells

    def __getitem__(self, name: str) -> Values:
        if name not in NEAR:
            values = super().__getitem__(name)
            # security descriptors, the rule: many objects have one
            return (once(values[0]),) if len(values) == 1 and len(values[0]) >= WORTH_BYTES else values
        cell = self._near[self._header.near[name]]
        return cell if isinstance(cell, tuple) else (cell,)

    def __len__(self) -> int:
        return len(self._header.places)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SpilledRow) and self._header is other._header:
            return self._digest == other._digest
        if not isinstance(other, Mapping):
            return NotImplemented
        if len(other) != len(self) or not other.keys() <= self._header.places.keys():
            return False
        cells = tuple([_cell(other[name]) for name in self._header.places])
        return hash(marshal.dumps(cells, _FORMAT)) == self._digest

    __hash__ = None


def spilled(item: ObjectState, spill: Spill) -> ObjectState:
    """The same object, its values spilled; itself where they are, or where there is no room for them."""
    values = SpilledRow.of(item.values, spill) if item.values else item.values
    if values is item.values:
        return item
    return replace(item, values=values, links=item.links or _NO_LINKS, link_stamps=item.link_stamps or _NO_LINK_STAMPS)


def _row(values: Mapping[str, Values]) -> AttributeRow:
    cells = [list(each) if len(each) != 1 else each[0] for each in values.values()]
    return AttributeRow(header_of(tuple(values)), cells)


def _cell(values: Values) -> Cell:
    return values[0] if len(values) == 1 else tuple(values)
