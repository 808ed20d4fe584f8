"""Links that lie elsewhere, and are fetched when somebody asks for them: those of large groups. Pure.

Who is a member of what would be most of a large domain's memory, and hardly any of it is looked into.
"""

import marshal
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar
from weakref import ref

from adpersist.model.identity.reference import refs, targets
from adpersist.model.objects.change import LinkStamps
from adpersist.model.objects.link_values import Links
from adpersist.model.objects.rows.link_stamp_row import LinkStampRow, link_row_of
from adpersist.model.objects.rows.spilled_row import FORMAT, Spill

_WORTH: Final = 16
"""An object with fewer links keeps them: to fetch them would cost more than they take."""

_AT_HAND: Final = 4
"""Fetched last, and held: whoever compares the links of two objects asks for one after another."""

T = TypeVar("T")


class SpilledByName(Mapping[str, T], Generic[T]):
    """What there is by attribute, of which only the names are in memory.

    Args:
        names: The attributes.
        place: Where the rest lies, marshalled, in their order.
        spill: And in what.
        unpacked: Makes of what lies there what it was.
    """

    __slots__ = ("_names", "_place", "_spill", "_unpacked")

    def __init__(self, names: Iterable[str], place: int, spill: Spill, unpacked: Callable[[Any], T]) -> None:
        self._names = tuple(names)
        self._place = place
        self._spill = spill
        self._unpacked = unpacked

    def __getitem__(self, name: str) -> T:
        if name not in self._names:
            raise KeyError(name)
        return self._unfolded()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    # written out, since the mixin fetches once for each attribute

    def items(self) -> ItemsView[str, T]:
        return self._unfolded().items()

    def values(self) -> ValuesView[T]:
        return self._unfolded().values()

    def __eq__(self, other: object) -> bool:
        return self._unfolded() == dict(other.items()) if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a dictionary has none

    def __repr__(self) -> str:
        return repr(self._unfolded())

    def _unfolded(self) -> Mapping[str, T]:
        return _fetched(ref(self._spill), self._place, self._names, self._unpacked)


@lru_cache(_AT_HAND)
def _fetched(spill: "ref[Spill]", place: int, names: tuple[str, ...], unpacked: Callable[[Any], T]) -> Mapping[str, T]:
    """Holds what was fetched, and not what it was fetched from."""
    found = spill()
    assert found is not None  # noqa: S101 - whoever asks has it
    packed = marshal.loads(found.get(place))  # noqa: S302 - this process put it there
    return dict(zip(names, map(unpacked, packed), strict=True))


def spilled_links(links: Links, spill: Spill) -> Links:
    """The same links, spilled; as they are where they are few, or where there is no room for them."""
    if isinstance(links, SpilledByName) or sum(map(len, links.values())) < _WORTH:
        return links
    place = spill.put(marshal.dumps(list(map(targets, links.values())), FORMAT))
    return links if place is None else SpilledByName(links, place, spill, _links)


def spilled_link_stamps(stamps: LinkStamps, spill: Spill) -> LinkStamps:
    """The same of their stamps."""
    if isinstance(stamps, SpilledByName) or sum(map(len, stamps.values())) < _WORTH:
        return stamps
    place = spill.put(marshal.dumps([link_row_of(each).packed() for each in stamps.values()], FORMAT))
    return stamps if place is None else SpilledByName(stamps, place, spill, LinkStampRow.unpacked)


def _links(packed: tuple[bytes, list[bytes]]) -> frozenset[bytes]:
    plain, others = packed
    return frozenset((*refs(plain), *others))
