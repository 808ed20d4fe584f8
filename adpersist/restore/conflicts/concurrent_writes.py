"""What others write on an open DC while it is restored: it came after us, so it is neither lost nor fought."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.link_values import without
from adpersist.restore.plan.identities.foreign_principals import is_foreign
from adpersist.state.differences import Gap

_HANDED_DOWN = frozenset({"nTSecurityDescriptor"})


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
        self._touched = set[Guid]()

    def wrote(self, objects: Iterable[Guid]) -> None:
        """These were written to, or tried, since the last look."""
        self._writing.update(objects)

    def arisen(self, found: Sequence[Gap]) -> list[Gap]:
        """The gaps, or parts of them, that arose since the last look, and not by what was tried; at first all."""
        before, writing = self._differed, self._writing
        self._touched |= writing
        self._differed, self._writing = {gap.guid: gap for gap in found}, set()
        return [
            fresh
            for gap in found
            # the server makes a foreign principal itself when it joins a group
            if gap.guid not in writing and not (gap.have is not None and is_foreign(gap.have))
            for fresh in _beyond(gap, before.get(gap.guid), touched=self._all_touched or gap.guid in self._touched)
        ]


def _beyond(gap: Gap, before: Gap | None, *, touched: bool) -> Iterator[Gap]:
    """What the gap has more than before.

    Args:
        touched: We wrote to the object, so its late stamps may be our own, and descriptors handed down to it, or links
            that went with what was deleted, prove nobody else.
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
        added={} if touched else without(gap.added, before.added if before is not None else {}),
        removed={} if touched else without(gap.removed, before.removed if before is not None else {}),
        moved=gap.moved and (before is None or not _same_place(gap, before)),
    )
    if fresh.values or fresh.added or fresh.removed or fresh.moved or before is None:
        yield fresh


def _same_place(gap: Gap, before: Gap) -> bool:
    one, other = gap.have, before.have
    return one is not None and other is not None and (one.parent, one.rdn) == (other.parent, other.rdn)
