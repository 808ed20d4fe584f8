"""Sightings get their stamps, which no feed carries: they are asked for right after.

The directory goes on while a look is read. A stamp of a write after the look is not that of the value it showed: the
attribute has none that is known until the next look, which shows both. Where a look ends is known after its last entry
only, so what was written lately waits for that; all else goes on at once, and memory stays small.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from adpersist.directory.schema import Schema
from adpersist.directory.wire.replication_metadata import PackedWrites, packed_writes
from adpersist.directory.wire.stored_stamps import StoredLinks, StoredStamps
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import AttributeStamps
from adpersist.model.objects.rows.attribute_row import RowHeader, header_of
from adpersist.model.objects.rows.stamp_row import StampRow, packed_row
from adpersist.model.objects.sighting import Sighting
from adpersist.model.objects.stamps import EVER

TOGETHER: Final = 250
"""Objects asked for at once: while some are looked up, the next are read."""
_NAME: Final = "name"
_NONE: Final = PackedWrites()

Answer = Callable[[], Mapping[Guid, StoredStamps]]
Names = Callable[[int], str]


class StampSource(Protocol):
    """Where stamps are looked up."""

    def learn(self, schema: Schema) -> None:
        """Know attributes that were defined meanwhile: links among them have stamps of their own."""

    def ask(self, nc: str, guids: Collection[Guid], *, since: Usn, floor: Usn) -> Answer:
        """Ask for the stamps of some objects.

        Args:
            nc: The naming context they lie in.
            guids: objectGUIDs.
            since: Of links, those written after it.
            floor: What is looked at knows all writes up to it.

        Returns:
            Hands out those that are there; answers are taken in the order of the questions.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A sighting, and all that is stamped of it.

    Attributes:
        links: By attribute.
        links_stamped: They are all that there are.
    """

    sighting: Sighting
    attributes: PackedWrites = _NONE
    links: Mapping[str, StoredLinks] = field(default_factory=dict)
    links_stamped: bool = False

    def is_newer(self, usn: Usn) -> bool:
        """Something of it was written after that."""
        usns = self.attributes.usns
        return (bool(usns) and max(usns) > usn) or any(each.is_newer(usn) for each in self.links.values())


class Stamping:
    """One page of a look on its way.

    Args:
        source: Where stamps are looked up.
        names: The name of an attribute id.
        nc: The naming context.
        since: The page shows what was written after it, of links, too; EVER: everything.
        floor: The DC's USN before it thought about the page: what was written until then, the page shows.
        unseen: Attributes whose values this session cannot see.
    """

    def __init__(
        self, source: StampSource, names: Names, *, nc: str, since: Usn, floor: Usn, unseen: Collection[str]
    ) -> None:
        self._source = source
        self._names = names
        self._nc = nc
        self._since = since
        self._floor = floor
        self._unseen = unseen
        self._headers: dict[tuple[int, ...], RowHeader] = {}
        self._batch: list[Sighting] = []
        self._asked: list[tuple[list[Sighting], Answer]] = []
        self._late: list[_Seen] = []

    def take(self, sighting: Sighting) -> Iterator[Sighting]:
        """Take a sighting, and hand out those whose stamps are here."""
        self._batch.append(sighting)
        if len(self._batch) >= TOGETHER:
            self._ask()
            if len(self._asked) > 1:
                for seen in self._answered():
                    if seen.is_newer(self._floor):
                        self._late.append(seen)
                    else:
                        yield self._stamped(seen, self._floor)

    def rest(self, through: Usn | None) -> Iterator[Sighting]:
        """All others, once it is known up to which USN the page shows what was written; None: nobody says."""
        shown = self._floor if through is None else through
        if self._batch:
            self._ask()
        while self._asked:
            yield from (self._stamped(seen, shown) for seen in self._answered())
        yield from (self._stamped(seen, shown) for seen in self._late)
        self._late.clear()

    def _ask(self) -> None:
        batch, self._batch = self._batch, []
        guids = dict.fromkeys(sighting.guid for sighting in batch)
        self._asked.append((batch, self._source.ask(self._nc, guids.keys(), since=self._since, floor=self._floor)))

    def _answered(self) -> Iterator[_Seen]:
        batch, answer = self._asked.pop(0)
        found = dict(answer())
        del answer  # of a large group it is megabytes, which go as they were read
        last = {sighting.guid: place for place, sighting in enumerate(batch)}
        for place, sighting in enumerate(batch):
            take = found.pop if place == last[sighting.guid] else found.get
            yield _seen(sighting, take(sighting.guid, None), self._since)

    def _stamped(self, seen: _Seen, through: Usn) -> Sighting:
        if not seen.attributes.attids and not seen.links:
            return seen.sighting
        return replace(
            seen.sighting,
            stamps=self._attributes(seen, through),
            link_stamps={name: row for name, each in seen.links.items() if (row := each.through(through)) is not None},
            links_stamped=seen.links_stamped,
        )

    def _attributes(self, seen: _Seen, through: Usn) -> AttributeStamps:
        kept = seen.attributes
        if kept.usns and max(kept.usns) > through:
            kept = kept.through(through)
        row = self._row(kept)
        if not seen.sighting.whole:
            return _of_what_is_shown(seen.sighting, row)
        if self._unseen:
            return packed_row({name: write for name, write in row.writes().items() if name not in self._unseen})
        return row

    def _row(self, kept: PackedWrites) -> StampRow:
        header = self._headers.get(kept.attids)
        if header is None:
            names = tuple(map(self._names, kept.attids))
            if len(frozenset(names)) < len(names):  # two ids of one attribute, which a damaged schema leaves behind
                return packed_row(dict(zip(names, kept.writes, strict=True)))
            header = self._headers[kept.attids] = header_of(names)
        return StampRow(header, kept.writes)


def _seen(sighting: Sighting, stored: StoredStamps | None, since: Usn) -> _Seen:
    if stored is None:
        return _Seen(sighting=sighting)
    # a look also shows some values that were written before it began: instanceType is always there
    attributes = packed_writes(stored.blob) if stored.blob else _NONE
    if not sighting.whole and since != EVER and stored.created > since:
        # made since then: nothing of it is what it was, though a tombstone that is gone by now had its objectGUID
        sighting = replace(sighting, whole=True)
    return _Seen(
        sighting=sighting,
        attributes=attributes,
        links=stored.links or {},
        links_stamped=sighting.whole and stored.links is not None,
    )


def _of_what_is_shown(sighting: Sighting, row: StampRow) -> StampRow:
    """A stamp without the value it is of would be taken for that of another."""
    rdn = sighting.rdn.partition("=")[0].lower()
    return packed_row(
        {
            name: write
            for name, write in row.writes().items()
            if name in sighting.values or name == _NAME or name.lower() == rdn
        }
    )
