"""The directory as the journal tells it: commits folded into object states."""

from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Change
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.state.changes import evolve


class State(Mapping[Guid, ObjectState]):
    """Every object at one moment, tombstones included, by objectGUID.

    Attributes:
        gone: Objects that once were no more, not even as tombstones; a reverted DC may have brought one back.
    """

    def __init__(self, objects: Iterable[ObjectState | Gone] = ()) -> None:
        self._objects: dict[Guid, ObjectState] = {}
        self._containers: dict[Guid, str] = {}
        self.gone: set[Guid] = set()
        for item in objects:
            if isinstance(item, Gone):
                self.gone.add(item.guid)
            else:
                self._objects[item.guid] = item

    def __getitem__(self, guid: Guid) -> ObjectState:
        return self._objects[guid]

    def __iter__(self) -> Iterator[Guid]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    # written out, since the mixin looks every object up by itself

    def __contains__(self, guid: object) -> bool:
        return guid in self._objects

    def items(self) -> ItemsView[Guid, ObjectState]:
        return self._objects.items()

    def values(self) -> ValuesView[ObjectState]:
        return self._objects.values()

    def unlike(self, other: "State") -> Iterator[Guid]:
        """Objects that are not the very same value in both, or are in one of them alone."""
        theirs = other._objects
        yield from (guid for guid, item in self._objects.items() if theirs.get(guid) is not item)
        yield from (guid for guid in theirs if guid not in self._objects)

    def everything(self) -> Iterator[ObjectState | Gone]:
        """What a checkpoint holds: every object, then those that are gone."""
        yield from self._objects.values()
        for guid in sorted(self.gone - self._objects.keys()):
            yield Gone(guid=guid)

    def put(self, item: ObjectState) -> None:
        """Take an object as it is now."""
        self._containers.clear()
        self._objects[item.guid] = item

    def take(self, guid: Guid) -> ObjectState | None:
        """Hand an object out and forget it; None when it is not here."""
        self._containers.clear()
        return self._objects.pop(guid, None)

    def apply(self, changes: Iterable[Change]) -> "State":
        """Fold changes in, in order; returns itself."""
        self._containers.clear()
        for change in changes:
            new = evolve(self._objects.get(change.guid), change)
            if new is None:
                self._objects.pop(change.guid, None)
                self.gone.add(change.guid)
            else:
                self._objects[change.guid] = new
        return self

    def is_live(self, guid: Guid | None) -> bool:
        """The object is here and is no tombstone."""
        item = self._objects.get(guid) if guid is not None else None
        return item is not None and not item.deleted

    def may_be_meant(self, guid: Guid) -> bool:
        """A value may refer to it: it lives, or is where deleted objects lie, which wellKnownObjects names."""
        item = self._objects.get(guid)
        return item is not None and (not item.deleted or item.is_bin)

    def dn(self, guid: Guid) -> str:
        """The object's DN, from its own name and those of the containers above it."""
        known = self._containers.get(guid)
        if known is not None:
            return known
        item = self._objects[guid]
        above = self._container(item.parent)
        return f"{item.rdn},{above}" if above else item.rdn

    def _container(self, guid: Guid | None) -> str:
        """The DN of something that others lie in, held once for all that name it; empty when it is not here."""
        way: dict[Guid, None] = {}
        while guid is not None and guid in self._objects and guid not in self._containers and guid not in way:
            way[guid] = None
            guid = self._objects[guid].parent
        dn = self._containers.get(guid, "") if guid is not None else ""
        for each in reversed(way):
            rdn = self._objects[each].rdn
            dn = self._containers[each] = f"{rdn},{dn}" if dn else rdn
        return dn

    def above(self, guid: Guid) -> Iterator[Guid]:
        """The containers an object lies in, the nearest first, as far as they are here.

        In the middle of a look one may seem to lie in itself, where containers were turned inside out.
        """
        met, parent = set[Guid](), self._objects[guid].parent
        while parent is not None and parent in self._objects and parent not in met:
            yield parent
            met.add(parent)
            parent = self._objects[parent].parent

    def depth(self, guid: Guid) -> int:
        """Containers between the object and the root of its naming context."""
        highest, count = guid, 0
        for highest in self.above(guid):  # noqa: B007 - the last one is looked at
            count += 1
        return count if self._objects[highest].parent is None else count + 1
