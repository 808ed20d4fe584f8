"""What the journal holds, by digest: enough to tell what is new in a look, small enough for a large directory.

A value of the directory is never needed to see that it changed. What an agent keeps of an object is the place it lies
in, a digest for each attribute, of its values and its stamp together, and its links, which a full look must be able to
name, each with a digest of its stamp.
"""

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import AttributeStamps, Change, Kind, LinkStamp, LinkStamps, Stamp, Values
from adpersist.model.objects.object_state import ObjectState, created
from adpersist.model.objects.rows.attribute_row import AttributeRow, RowHeader, hash_of
from adpersist.model.objects.rows.link_stamp_row import LinkStampRow, LinkWrite, link_pairs_of, link_writes_of
from adpersist.model.objects.rows.stamp_row import StampRow, Write, packed_row, write_of, writes_of
from adpersist.model.objects.sighting import Sighting
from adpersist.state.changes import NAME, change_kind, difference, evolve, observe
from adpersist.state.fingerprint import NOTHING, UNKNOWN, Fingerprint, LinkDigests, Shapes, packed, shape
from adpersist.state.fingerprint_table import FingerprintTable, Rows

_PLACE: Final = ""
"""Stands among the attributes for the container and the name in it."""
_EMPTY: Final = "-"
"""Before the name of an attribute that has a stamp and no value."""
_DELETED: Final = "isDeleted"
_TRUE: Final = (b"TRUE",)

_NO_STAMPS: Final = packed_row({})
_MOST_PLANS: Final = 512

Links = dict[str, frozenset[bytes]]


def digest(values: Values, write: Write | None) -> int:
    """64 bits of SipHash under a key of this process.

    Those of values and stamp are added up bit by bit, so that a stamp can be learnt of values that are not at hand.
    """
    found = hash_of(values)
    return found if write is None else found ^ hash(write)


def _link_digest(write: LinkWrite) -> int:
    return hash(write) or ~UNKNOWN


class FingerprintIndex(Mapping[Guid, Fingerprint]):
    """Every object of the journal, tombstones included.

    Args:
        known: What it holds, if that is in memory anyway and stays as it is: most of it nobody will ask for.
        rows: Where all else lies; None: in memory.
    """

    def __init__(self, known: Mapping[Guid, ObjectState] | None = None, *, rows: Rows | None = None) -> None:
        self._known: Mapping[Guid, ObjectState] = known if known is not None else {}
        self._outdated = set[Guid]()
        """Of what is known, what is not so any more."""
        self._restamped: dict[Guid, ObjectState] = {}
        """Of what is known, what is so but for its stamps or its place: as it is now."""
        self._table = FingerprintTable(rows)
        self._shapes: Shapes = {}
        self._plans: dict[tuple[RowHeader, tuple[str, ...]], _Plan] = {}

    @classmethod
    def of(cls, objects: Iterable[ObjectState], *, rows: Rows | None = None) -> "FingerprintIndex":
        """Of a whole state."""
        index = cls(rows=rows)
        for item in objects:
            index.put(item)
        return index

    def __getitem__(self, guid: Guid) -> Fingerprint:
        found = self._find(guid)
        if found is None:
            raise KeyError(guid)
        return found

    def __contains__(self, guid: object) -> bool:
        # written out, since the mixin would make what was asked for
        return (guid in self._known and guid not in self._outdated) or guid in self._table

    def __iter__(self) -> Iterator[Guid]:
        yield from self._table
        yield from (item.guid for item in self._untouched())

    def __len__(self) -> int:
        return len(self._table) + len(self._known) - len(self._outdated)

    def knows(self, attribute: str) -> bool:
        """Some object has the attribute, or had."""
        return any(attribute in names for names in self._shapes) or any(
            attribute in item.values for item in self._known.values()
        )

    @property
    def is_stamped(self) -> bool:
        """Every object has a stamp, which all have that are captured where stamps are seen."""
        return all(_EMPTY + NAME in each.names for each in self._kept()) and all(
            NAME in item.stamps for item in self._untouched()
        )

    @property
    def has_stamped_links(self) -> bool:
        """Some link has a stamp, or there is none."""
        rows = [row for each in self._kept() for row in (each.packed_links or {}).values()]
        if any(digests or any(odd.values()) for _, digests, odd in rows):
            return True
        untouched = list(self._untouched())
        return any(item.link_stamps for item in untouched) or not (rows or any(item.links for item in untouched))

    def put(self, item: ObjectState) -> None:
        """Take an object as it is."""
        self._put(item.guid, self._created(created(item)))

    def apply(self, changes: Iterable[Change]) -> None:
        """Fold changes in, in order."""
        for change in changes:
            if change.kind is Kind.EXPUNGED:
                self._put(change.guid, None)
            elif change.kind is Kind.CREATED:
                self._put(change.guid, self._created(change))
            elif not self._is_restamped(change) and not self._revised(change):
                self._put(change.guid, self._evolved(self._find(change.guid), change))

    def _put(self, guid: Guid, fingerprint: Fingerprint | None) -> None:
        if fingerprint is None:
            self._table.remove(guid)
        else:
            self._table.put(guid, fingerprint)
        if guid in self._known:
            self._outdated.add(guid)
            self._restamped.pop(guid, None)

    def _find(self, guid: Guid) -> Fingerprint | None:
        found = self._table.find(guid)
        if found is None and (item := self._known_still(guid)) is not None:
            return self._created(created(item))
        return found

    def _known_still(self, guid: Guid) -> ObjectState | None:
        """The object, if it is in memory as it is now."""
        if guid in self._outdated:
            return None
        return self._restamped.get(guid) or self._known.get(guid)

    def _kept(self) -> Iterator[Fingerprint]:
        """Those of what is not known, or no longer so."""
        return filter(None, map(self._table.find, self._table))

    def _untouched(self) -> Iterator[ObjectState]:
        """What is known and still so."""
        for guid, item in self._known.items():
            if guid not in self._outdated:
                yield self._restamped.get(guid, item)

    def _created(self, change: Change) -> Fingerprint:
        values, stamps = change.values, change.stamps or _NO_STAMPS
        if isinstance(values, AttributeRow) and isinstance(stamps, StampRow) and change.rdn and not values.clears:
            return self._traced(change, values, stamps)
        return self._evolved(None, change)

    def _traced(self, change: Change, values: AttributeRow, stamps: StampRow) -> Fingerprint:
        """What :meth:`_evolved` makes of a created object: there are hundreds of thousands, of a few shapes."""
        digests, places = values.hashes(), values.header.places
        without_values: dict[str, int] = {}
        for name, found in stamps.hashes():
            if name in places:
                digests[places[name]] ^= found
            else:
                without_values[name] = found
        plan = self._plan(values.header, tuple(without_values))
        digests += without_values.values()
        digests.append(_place(change.parent, change.rdn))
        links = _evolved_links(NOTHING, change) if change.added or change.link_stamps else None
        packed_digests = plan.packing.pack(*plan.in_order(digests))
        deleted = values.get(_DELETED) == _TRUE
        return Fingerprint(change.nc, change.parent, plan.names, packed_digests, links, deleted=deleted)

    def _plan(self, header: RowHeader, without_values: tuple[str, ...]) -> "_Plan":
        key = header, without_values
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()  # costs time and nothing else
            names = (*header.places, *(_EMPTY + name for name in without_values), _PLACE)
            plan = self._plans[key] = _Plan(names, self._shapes)
        return plan

    def _is_restamped(self, change: Change) -> bool:
        """The rule of what a heal brought back: its values are in memory as they are, and only stamps are others."""
        item = self._known_still(change.guid)
        if item is None or change.values or change.added or change.removed:
            return False
        now = evolve(item, change)
        assert now is not None  # noqa: S101 - only what is expunged is no more
        self._restamped[change.guid] = now
        return True

    def _revised(self, change: Change) -> bool:
        """The rule, a few new values of an object that has had such: their digests are set where they lie."""
        if (
            change.rdn is not None
            or change.parent is not None
            or _DELETED in change.values
            or change.added
            or change.removed
            or change.link_stamps
        ):
            return False
        writes = writes_of(change.stamps)
        digests = {name: digest(values, writes.pop(name, None)) for name, values in change.values.items() if values}
        if writes or len(digests) < len(change.values):
            return False
        return self._table.revise(change.guid, change.nc, digests)

    def _evolved(self, old: Fingerprint | None, change: Change) -> Fingerprint:
        if old is None:
            old = NOTHING
        parent = change.parent if change.parent is not None else old.parent
        digests, deleted = old.digests, old.deleted
        writes = writes_of(change.stamps)
        if change.rdn is not None:
            digests[_PLACE] = _place(parent, change.rdn)
            digests.pop(_EMPTY + NAME, None)
        for name, values in change.values.items():
            write = writes.pop(name, None)
            digests.pop(_EMPTY + name, None)
            if values:
                found = hash(values) if len(values) == 1 else hash(tuple(sorted(values)))  # written out: there are many
                digests[name] = found if write is None else found ^ hash(write)
            else:
                digests.pop(name, None)
                if write is not None:
                    digests[_EMPTY + name] = hash(write)
        for name, write in writes.items():
            if name in digests:
                digests[name] ^= hash(write)  # told without the values, so nobody knew one
            else:
                digests[_EMPTY + name] = hash(write)
        if _DELETED in change.values:
            deleted = change.values[_DELETED] == _TRUE
        links = _evolved_links(old, change)
        return Fingerprint.of(change.nc, parent, digests, links, deleted=deleted, shapes=self._shapes)

    def news(self, sighting: Sighting) -> Change | None:
        """What a look shows that the journal does not hold; None: nothing.

        Folding it in makes the object what the look showed; nothing is folded in here.
        """
        if sighting.whole and self.has_values_of(sighting):
            item = self._known_still(sighting.guid)
            return difference(item, observe(item, sighting))
        old = self._find(sighting.guid)
        if old is None and sighting.whole and isinstance(sighting.values, AttributeRow) and not sighting.values.clears:
            return created(observe(None, sighting))
        was = old or NOTHING
        before, writes = was.digests, writes_of(sighting.stamps)
        values, fresh = _news_of_values(before, sighting, writes)
        added, removed, link_stamps = _news_of_links(was, sighting)
        parent = was.parent if sighting.parent is None and not sighting.whole else sighting.parent
        moved = before.get(_PLACE) != _place(parent, sighting.rdn)
        told = moved or (sighting.whole and _EMPTY + NAME in before and NAME not in writes)
        if told and NAME in writes:
            fresh.add(NAME)
        if not (values or added or removed or told or fresh or link_stamps):
            return None
        deleted = values[_DELETED] == _TRUE if _DELETED in values else was.deleted
        return Change(
            kind=change_kind(None if old is None else old.deleted, deleted, moved=moved),
            guid=sighting.guid,
            nc=sighting.nc,
            parent=parent if told else None,
            rdn=sighting.rdn if told else None,
            values=values,
            added=added,
            removed=removed,
            stamps=_those(sighting.stamps, writes, fresh),
            link_stamps=link_stamps,
        )

    def has_values_of(self, shown: ObjectState | Sighting) -> bool:
        """Its values are, as they lie in memory, those that are known: there are no news of them."""
        item = self._known_still(shown.guid)
        return item is not None and item.values is shown.values

    def holds(self, guid: Guid, name: str, values: Values, stamp: Stamp | None) -> bool:
        """The journal has the object, with exactly these values, written by just that write."""
        fingerprint = self._find(guid)
        write = write_of(stamp) if stamp is not None else None
        return fingerprint is not None and fingerprint.digests.get(name) == digest(values, write)

    def parent(self, guid: Guid) -> Guid | None:
        """The object's container; None: it is the root of a naming context, or not here."""
        found: Fingerprint | ObjectState | None = self._table.find(guid)
        if found is None:
            found = self._known_still(guid)
        return found.parent if found is not None else None

    def depth(self, guid: Guid) -> int:
        """Containers between the object and the root of its naming context.

        In the middle of a look one may seem to lie in itself, where containers were turned inside out.
        """
        above, parent = set[Guid](), self.parent(guid)
        while parent is not None and parent not in above:
            above.add(parent)
            parent = self.parent(parent)
        return len(above)


class _Plan:
    """In which order the digests lie of all objects that have them of the same attributes, as they come.

    Attributes:
        names: As of a :class:`Fingerprint`.
        packing: Of so many digests.
        in_order: Takes them as they come.
    """

    __slots__ = ("in_order", "names", "packing")

    def __init__(self, names: tuple[str, ...], shapes: Shapes) -> None:
        self.names: Final = shape(names, shapes)
        self.packing: Final = struct.Struct(f"{len(names)}q")
        places = [names.index(name) for name in self.names]
        self.in_order: Final[Callable[[list[int]], Sequence[int]]] = itemgetter(*places) if len(places) > 1 else list


def _place(parent: Guid | None, rdn: str | None) -> int:
    return hash((parent, rdn))


def _those(stamps: AttributeStamps, writes: Mapping[str, Write], names: Collection[str]) -> AttributeStamps:
    """The stamps of these; all of them, the rule, are not copied."""
    left = {name: write for name, write in writes.items() if name in names}
    if len(left) == len(writes):
        return stamps
    return packed_row(left) if left else {}


def _news_of_values(
    before: Mapping[str, int], sighting: Sighting, writes: Mapping[str, Write]
) -> tuple[dict[str, Values], set[str]]:
    """Attributes whose values are to be told, and those whose stamps are."""
    shown = dict(sighting.values.items())
    if not before:
        return {name: each for name, each in shown.items() if each}, set(writes)
    values: dict[str, Values] = {}
    fresh: set[str] = set()
    for name, each in shown.items():
        write, known = writes.get(name), before.get(name)
        if not each:
            if known is not None or (write is None and _EMPTY + name in before):
                values[name] = each
        elif known != digest(each, write):
            if write is None or known != digest(each, None):
                values[name] = each
            fresh.add(name)
    if sighting.whole:
        for name in before:
            plain = name.removeprefix(_EMPTY)
            if plain not in shown and plain not in (_PLACE, NAME) and (name == plain or plain not in writes):
                values[plain] = ()
    for name, write in writes.items():
        if name in values or (not shown.get(name) and name not in before and before.get(_EMPTY + name) != hash(write)):
            fresh.add(name)
    return values, fresh


def _evolved_links(old: Fingerprint, change: Change) -> dict[tuple[str, bool], tuple[bytes, bytes, LinkDigests]]:
    links = dict(old.packed_links or {})
    for name in {**change.added, **change.removed, **change.link_stamps}:
        there, gone = dict(old.links(name)), dict(old.links(name, present=False))
        for link in change.removed.get(name, ()):
            there.pop(link, None)
            gone.pop(link, None)
        for link in change.added.get(name, ()):
            there[link] = UNKNOWN
            gone.pop(link, None)
        for link, write in link_pairs_of(change.link_stamps.get(name, {})):
            (there if link in there else gone)[link] = _link_digest(write)
        for present, found in ((True, there), (False, gone)):
            links.pop((name, present), None)
            if found:
                links[name, present] = packed(found)
    return links


def _news_of_links(was: Fingerprint, sighting: Sighting) -> tuple[Links, Links, LinkStamps]:
    """Links to add and to remove, and stamps to tell."""
    added: Links = {}
    removed: Links = {}
    stamps: dict[str, Mapping[bytes, LinkStamp]] = {}
    known = was.linked if sighting.whole else ()
    for name in dict.fromkeys((*sighting.added, *sighting.removed, *sighting.link_stamps, *known)):
        there, gone = was.links(name), was.links(name, present=False)
        shown, seen = sighting.added.get(name, frozenset()), sighting.link_stamps.get(name, {})
        went = sighting.removed.get(name, frozenset()) if not sighting.whole else there.keys() | gone.keys()
        writes = link_writes_of(seen)
        come, away = shown - there.keys(), (went & there.keys()) - shown
        if not sighting.whole or sighting.tells_link_stamps:
            come |= {link for link in shown & there.keys() if there[link] != UNKNOWN and link not in writes}
            away |= (went & gone.keys()) - writes.keys() - shown
        told = come | away
        fresh = {
            link: write
            for link, write in writes.items()
            if link in told or (there[link] if link in there else gone.get(link)) != _link_digest(write)
        }
        for links, found in ((added, come), (removed, away)):
            if found:
                links[name] = frozenset(found)
        if fresh:
            stamps[name] = seen if len(fresh) == len(writes) else LinkStampRow.of(fresh)
    return added, removed, stamps
