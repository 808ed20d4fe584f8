"""What others write on an open DC while it is restored: it came after us, so it is neither lost nor fought."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.link_values import to_others, without
from adpersist.restore.plan.identities.foreign_principals import is_foreign
from adpersist.state.differences import Gap

_HANDED_DOWN = frozenset({"nTSecurityDescriptor"})


class Arisen(NamedTuple):
    """Gaps, or parts of them, that arose since the last look.

    Attributes:
        elsewhere: Where nothing was tried.
        given: In objects that the DC received meanwhile: what it wrote there under its own name is somebody's.
    """

    elsewhere: list[Gap]
    given: list[Gap]


class ConcurrentWrites:
    """Compares every look with the one before it, and with the steps in between."""

    def __init__(self, *, touched: bool) -> None:
        """Begin.

        Args:
            touched: An earlier run may have written to any object.
        """
        self._all_touched = touched
        self._differed: Mapping[Guid, Gap] = {}
        self._writing = set[Guid]()
        self._giving = set[Guid]()
        self._touched = set[Guid]()

    def wrote(self, objects: Iterable[Guid]) -> None:
        """These were written to, or tried, since the last look."""
        self._writing.update(objects)

    def gave(self, objects: Iterable[Guid]) -> None:
        """The DC received these since the last look, with the stamps of whoever wrote them."""
        self._giving.update(objects)

    def arisen(self, found: Sequence[Gap]) -> Arisen:
        """What arose since the last look, and not by what was tried; at first all."""
        before, writing, giving = self._differed, self._writing, self._giving - self._writing
        self._touched |= writing | giving
        self._differed, self._writing, self._giving = {gap.guid: gap for gap in found}, set(), set()
        elsewhere, given = list[Gap](), list[Gap]()
        for gap in found:
            # the server makes a foreign principal itself when it joins a group
            if gap.guid in writing or (gap.have is not None and is_foreign(gap.have)):
                continue
            touched = self._all_touched or gap.guid in self._touched
            fresh = _beyond(gap, before.get(gap.guid), touched=touched, writing=writing)
            if gap.guid not in giving:
                elsewhere += fresh
            elif gap.wanted_live:
                # where it lies the server decides while it receives, if two have one name
                given += (replace(each, moved=False) for each in fresh)
        return Arisen(elsewhere, given)


def _beyond(gap: Gap, before: Gap | None, *, touched: bool, writing: Collection[Guid]) -> Iterator[Gap]:
    """What the gap has more than before.

    Args:
        touched: We wrote to the object, so that descriptors handed down to it prove nobody else.
        writing: What we wrote to just now: links to what is deleted go with it.
    """
    if before is not None and before.is_live != gap.is_live:
        before = None
    own: Collection[str] = _HANDED_DOWN if touched else ()
    had = before.have.values if before is not None and before.have is not None else {}
    has = gap.have.values if gap.have is not None else {}
    fresh = replace(
        gap,
        values={
            name: values
            for name, values in gap.values.items()
            if name not in own and (before is None or has.get(name) != had.get(name))
        },
        added=to_others(without(gap.added, before.added if before is not None else {}), writing),
        removed=to_others(without(gap.removed, before.removed if before is not None else {}), writing),
        moved=gap.moved and (before is None or not _same_place(gap, before)),
    )
    if fresh.values or fresh.added or fresh.removed or fresh.moved or before is None:
        yield fresh


def _same_place(gap: Gap, before: Gap) -> bool:
    one, other = gap.have, before.have
    return one is not None and other is not None and (one.parent, one.rdn) == (other.parent, other.rdn)
