"""What the journal holds, by digest: enough to tell what is new in a look, small enough for a large directory.

A value of the directory is never needed to see that it changed. What an agent keeps of an object is the place it lies
in, a digest for each attribute, and its links, which a full look must be able to name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects import link_values
from adpersist.model.objects.change import Change, Kind, Values
from adpersist.model.objects.object_state import ObjectState, created
from adpersist.model.objects.sighting import Sighting
from adpersist.state.changes import change_kind
from adpersist.state.fingerprint import NOTHING, Fingerprint, Refs, Shapes
from adpersist.state.fingerprint_table import FingerprintTable

_PLACE: Final = ""
"""Stands among the attributes for the container and the name in it."""
_DELETED: Final = "isDeleted"
_TRUE: Final = (b"TRUE",)
_NONE: Final[Refs] = frozenset()


def digest(values: Values) -> int:
    """64 bits of SipHash under a key of this process; the order of values means nothing."""
    return hash(values) if len(values) == 1 else hash(tuple(sorted(values)))


class FingerprintIndex(Mapping[Guid, Fingerprint]):
    """Every object of the journal, tombstones included."""

    def __init__(self) -> None:
        self._table = FingerprintTable()
        self._shapes: Shapes = {}

    @classmethod
    def of(cls, objects: Iterable[ObjectState]) -> "FingerprintIndex":
        """Of a whole state."""
        index = cls()
        for item in objects:
            index.put(item)
        return index

    def __getitem__(self, guid: Guid) -> Fingerprint:
        found = self._table.find(guid)
        if found is None:
            raise KeyError(guid)
        return found

    def __iter__(self) -> Iterator[Guid]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def knows(self, attribute: str) -> bool:
        """Some object has the attribute, or had."""
        return any(attribute in names for names in self._shapes)

    def put(self, item: ObjectState) -> None:
        """Take an object as it is."""
        self.apply([created(item)])

    def apply(self, changes: Iterable[Change]) -> None:
        """Fold changes in, in order."""
        for change in changes:
            if change.kind is Kind.EXPUNGED:
                self._table.remove(change.guid)
            else:
                self._table.put(change.guid, self._evolved(self._table.find(change.guid), change))

    def _evolved(self, old: Fingerprint | None, change: Change) -> Fingerprint:
        if old is None or change.kind is Kind.CREATED:
            old = NOTHING
        parent = change.parent if change.parent is not None else old.parent
        digests, deleted = old.digests, old.deleted
        links = link_values.changed_by(old.links, change.added, change.removed)
        if change.rdn is not None:
            digests[_PLACE] = _place(parent, change.rdn)
        for name, values in change.values.items():
            if len(values) == 1:
                digests[name] = hash(values)  # written out: all but a few have one value
            elif values:
                digests[name] = digest(values)
            else:
                digests.pop(name, None)
        if _DELETED in change.values:
            deleted = change.values[_DELETED] == _TRUE
        return Fingerprint.of(change.nc, parent, digests, links, deleted=deleted, shapes=self._shapes)

    def news(self, sighting: Sighting) -> Change | None:
        """What a look shows that the journal does not hold; None: nothing.

        Folding it in makes the object what the look showed; nothing is folded in here.
        """
        old = self._table.find(sighting.guid)
        was = old or NOTHING
        before = was.digests
        if before:
            values = {
                name: each
                for name, each in sighting.values.items()
                if (before.get(name) != digest(each) if each else name in before)
            }
        else:
            values = {name: each for name, each in sighting.values.items() if each}
        added, removed = _news_of_links(was.links, sighting)
        if sighting.whole:
            values |= {name: () for name in before if name not in sighting.values and name != _PLACE}
        parent = was.parent if sighting.parent is None and not sighting.whole else sighting.parent
        moved = before.get(_PLACE) != _place(parent, sighting.rdn)
        if not (values or added or removed or moved):
            return None
        deleted = values[_DELETED] == _TRUE if _DELETED in values else was.deleted
        return Change(
            kind=change_kind(None if old is None else old.deleted, deleted, moved=moved),
            guid=sighting.guid,
            nc=sighting.nc,
            parent=parent if moved else None,
            rdn=sighting.rdn if moved else None,
            values=values,
            added=added,
            removed=removed,
        )

    def holds(self, guid: Guid, name: str, values: Values) -> bool:
        """The journal has the object, with exactly these values."""
        fingerprint = self._table.find(guid)
        return fingerprint is not None and fingerprint.digests.get(name) == digest(values)

    def depth(self, guid: Guid) -> int:
        """Containers between the object and the root of its naming context."""
        count, fingerprint = 0, self._table.find(guid)
        while fingerprint is not None and fingerprint.parent is not None:
            count, fingerprint = count + 1, self._table.find(fingerprint.parent)
        return count


def _place(parent: Guid | None, rdn: str) -> int:
    return hash((parent, rdn))


def _news_of_links(was: Mapping[str, Refs], sighting: Sighting) -> tuple[dict[str, Refs], dict[str, Refs]]:
    added = {name: refs - was.get(name, _NONE) for name, refs in sighting.added.items()}
    if sighting.whole:
        removed = {name: refs - sighting.added.get(name, _NONE) for name, refs in was.items()}
    else:
        removed = {
            name: (refs - sighting.added.get(name, _NONE)) & was.get(name, _NONE)
            for name, refs in sighting.removed.items()
        }
    return {n: r for n, r in added.items() if r}, {n: r for n, r in removed.items() if r}
