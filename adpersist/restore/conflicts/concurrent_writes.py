"""What others write on an open DC while it is restored: it came after us, so it is neither lost nor fought."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.link_values import to_others, union, without
from adpersist.model.objects.object_state import CONFLICT_NAME
from adpersist.model.plan.step import Delete, Link, Move, Step
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
        self._narrowly = defaultdict[Guid, list[Link | Move]](list)
        self._keeping = set[Guid]()
        self._giving = set[Guid]()
        self._touched = set[Guid]()

    def wrote(self, objects: Iterable[Guid]) -> None:
        """These were written to, or tried, since the last look."""
        self._writing.update(objects)

    def tried(self, steps: Sequence[Step]) -> None:
        """These were carried out, or tried, since the last look: beside links and a move others may write."""
        for step in steps:
            if isinstance(step, Link | Move):
                self._narrowly[step.guid].append(step)
            else:
                self._writing.add(step.guid)
        self._keeping.update({step.guid for step in steps} - {step.guid for step in steps if isinstance(step, Delete)})

    def gave(self, objects: Iterable[Guid]) -> None:
        """The DC received these since the last look, with the stamps of whoever wrote them."""
        self._giving.update(objects)

    def arisen(self, found: Sequence[Gap]) -> Arisen:
        """What arose since the last look, and not by what was tried; at first all."""
        before, writing, giving = self._differed, self._writing, self._giving - self._writing
        narrowly, keeping = self._narrowly, self._keeping
        self._touched |= writing | giving | narrowly.keys()
        self._differed, self._writing, self._giving = {gap.guid: gap for gap in found}, set(), set()
        self._narrowly, self._keeping = defaultdict(list), set()
        elsewhere, given = list[Gap](), list[Gap]()
        for gap in found:
            if gap.guid in keeping and _died(gap, before.get(gap.guid)):
                elsewhere.append(gap)
                continue
            # the server makes a foreign principal itself when it joins a group
            if gap.guid in writing or (gap.have is not None and is_foreign(gap.have)):
                continue
            touched = self._all_touched or gap.guid in self._touched
            # who was given all that differed has what differs still, or again, from somebody
            is_closed = gap.guid in giving and not self._all_touched
            had = None if is_closed else before.get(gap.guid)
            fresh = _beside(_beyond(gap, had, touched=touched, writing=writing), narrowly.get(gap.guid, ()))
            if gap.guid not in giving:
                elsewhere += fresh
            elif gap.wanted_live:
                given += (_without_conflict_name(each) for each in fresh)
        return Arisen(elsewhere, given)


def _died(gap: Gap, before: Gap | None) -> bool:
    """It is to live, and became a tombstone: nothing but a delete makes it one."""
    was_one = before is not None and before.have is not None and before.have.deleted
    return gap.wanted_live and gap.have is not None and gap.have.deleted and not was_one


def _beside(fresh: Iterable[Gap], steps: Collection[Link | Move]) -> Iterator[Gap]:
    """What of it the steps did not try."""
    for gap in fresh:
        rest = gap
        for step in steps:
            match step:
                case Move():
                    rest = replace(rest, moved=False)
                case Link():
                    tried = union(step.added, step.removed)
                    rest = replace(rest, added=without(rest.added, tried), removed=without(rest.removed, tried))
        if rest is gap or rest.is_open:
            yield rest


def _without_conflict_name(gap: Gap) -> Gap:
    """The server gives such a name while it receives, if two have one."""
    if gap.have is not None and CONFLICT_NAME in gap.have.rdn:
        return replace(gap, moved=False)
    return gap


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
