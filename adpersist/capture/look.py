"""One look at the whole DC, told against the journal: news in pieces of bounded size, as the feed brings them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from adpersist.capture.full_look import FullLook
from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import GUID_BYTES, Guid, Usn
from adpersist.model.journal.lineage import Evidence
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.sighting import Sighting, sighted
from adpersist.model.objects.stamps import Stamps
from adpersist.state.changes import NAME
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.inherited_rights import DESCRIPTOR, hands_down, heirs

PIECE_BYTES: Final = 5 * 1024 * 1024
"""About how much memory what is told at once takes: an agent's follows this, not the directory. Of people it is a
little less than what fills a frame."""
_VALUE_BYTES: Final = 128
"""What each attribute takes besides its values; a schema has little else."""
_DESCRIPTORS: Final = 1000
"""Asked for, and told, at once: one may take some kilobytes."""
RECENT_USNS: Final = 100
"""What was written last before a look at everything are the writes of the last so many USNs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some of what a look found.

    Attributes:
        news: What the journal does not hold yet, containers first.
        seen: What the DC said of itself after it had shown this; None: nobody has asked it yet.
        is_last: Nothing follows.
    """

    news: list[Change]
    seen: Evidence | None
    is_last: bool


class Look:
    """A look from some cookies on, or at everything when there are none; or one that was taken already.

    Between two pieces the caller makes the last one durable and folds it into the index, which the next one is told
    against.

    Args:
        index: What the journal holds.
        since: Cookies by naming context; none: a look at everything.
        usn: The DC's before the look.
        witnesses: Objects whose stamps the evidence is to have.
        shown: A look at everything that was taken already, instead of one now; its news are news to the index.
        aside: Objects that could not be read before: what they were meanwhile, no look for changes tells.

    Attributes:
        full: It is a look at everything.
        cookies: Where the next look begins, by naming context; whole once everything was told.
        asked_s: How long the DC thought about its answers.
        sighted: How many objects it showed.
        unreadable: Those it could not show, and why; they stay what the journal has them for.
        recent: Of a look at everything, once it was told: the stamps of what was written meanwhile, and just before.
    """

    def __init__(
        self,
        dc: DomainController,
        index: FingerprintIndex,
        since: Mapping[str, bytes],
        *,
        usn: Usn,
        witnesses: Collection[Guid],
        shown: FullLook | None = None,
        aside: Collection[Guid] = (),
    ) -> None:
        self._dc = dc
        self._index = index
        self._since = since
        self._usn = usn
        self._witnesses = witnesses
        self._shown = shown
        self._evidence: Evidence | None = None
        self._all_is_needed = False
        self._seen = bytearray()
        self._opened: dict[Guid, bool] = {}
        """Objects with other access rights to hand down; whether they were moved, and got others themselves."""
        self.full = not since
        self.cookies: dict[str, bytes] = {}
        self.asked_s = 0.0
        self.sighted = 0
        self.unreadable: dict[Guid, Sighting] = {}
        self.recent: Mapping[Guid, Stamps] = {}
        self._aside = aside

    def pieces(self) -> Iterator[Piece]:
        """What is new, piece by piece.

        Raises:
            RevertedError, DirectoryError, DirectoryUnreachableError.
        """
        yield from self._pieces()
        if self._all_is_needed and not self.full:
            # what lives again lost its links when it was deleted, and no feed says so; nor what was not read before
            self._since, self.full = {}, True
            yield from self._pieces()

    def _pieces(self) -> Iterator[Piece]:
        for sightings, more in _batches(self._sightings()):
            is_last = not more and (self.full or not self._all_is_needed)
            news = self._news(sightings)
            sightings.clear()
            if is_last:
                yield from self._ending(news + self._expunged())
            elif news:
                yield Piece(news=news, seen=self._evidence, is_last=False)
                news.clear()  # the caller is done with it, and the next one wants its room

    def _ending(self, news: list[Change]) -> Iterator[Piece]:
        """The last of what was shown, with the access rights that changed because a container's did."""
        if self.full:
            self.recent = self._dc.stamps_since(Usn(max(self._usn - RECENT_USNS, 0)))
            self._opened = dict(self._opened_meanwhile())
        seen = self._evidence
        lying = ((guid, self._index.parent(guid)) for guid in self._index) if self._opened else ()
        wanted = iter(heirs(self._opened, lying))
        while some := list(islice(wanted, _DESCRIPTORS)):
            if len(news) >= _DESCRIPTORS:
                yield Piece(news=news, seen=seen, is_last=False)
                news, seen = [], None
            before = len(news)
            news = self._with_descriptors(news, some)
            seen = seen if len(news) == before else None  # it was asked before they were shown
        yield Piece(news=news, seen=seen, is_last=True)

    def _opened_meanwhile(self) -> Iterator[tuple[Guid, bool]]:
        """A container that got other access rights shows up again, in a later part; what it hands them down to does
        not, and may have been shown already."""
        for guid, stamps in self.recent.items():
            moved, changed = (name in stamps and stamps[name].local_usn > self._usn for name in (NAME, DESCRIPTOR))
            if moved or changed:
                yield guid, moved

    def _sightings(self) -> Iterator[Sighting]:
        if self._shown is not None:
            self._evidence = self._dc.evidence(self._witnesses)
            self.cookies = dict(self._shown.cookies)
            self.sighted = len(self._shown.state)
            self.unreadable = {each.guid: each for each in self._shown.unreadable}
            for item in self._shown.news:
                size = 0 if self._index.has_values_of(item) else None  # of what is told nothing of, nothing is read
                yield sighted(item, links_stamped=self._shown.links_stamped, size=size)
            return
        for part in self._dc.feed.parts(self._since):
            self.asked_s += part.waited_s
            if self.full:
                # the DC is free for this question now, and busy with the next part as soon as this one is read
                self._evidence = self._dc.evidence(self._witnesses)
            for sighting in part:
                self.sighted += 1
                if self.full:
                    self._seen += sighting.guid
                if sighting.trouble:
                    self.unreadable[sighting.guid] = sighting
                    continue
                if not self.full and (sighting.guid in self._aside or self._lives_again(sighting)):
                    self._all_is_needed = True
                yield sighting
            if part.cookie is not None:
                self.cookies[part.nc] = part.cookie

    def _lives_again(self, sighting: Sighting) -> bool:
        """It was reanimated, or made again once not even its tombstone was left."""
        if not sighting.whole:
            return sighting.reanimated
        was_deleted = sighting.guid in self._index and self._index[sighting.guid].deleted
        return was_deleted and not sighting.values.get("isDeleted")

    def _news(self, sightings: Iterable[Sighting]) -> list[Change]:
        newest = {sighting.guid: sighting for sighting in sightings}.values()
        changes = [change for sighting in newest if (change := self._index.news(sighting)) is not None]
        self._opened.update({change.guid: change.rdn is not None for change in changes if self._opens(change)})
        return containers_first(changes, self._index)

    def _opens(self, change: Change) -> bool:
        """Something may have been handed down that no feed tells of."""
        index, guid = self._index, change.guid
        return not self.full and guid in index and hands_down(change, index.parent(guid))

    def _with_descriptors(self, news: list[Change], guids: Collection[Guid]) -> list[Change]:
        """The same, and what the DC has as access rights of these objects where the journal has others."""
        found = {change.guid: change for change in news}
        for guid, descriptor, stamp in self._dc.descriptors(guids):
            values, stamps = {DESCRIPTOR: (descriptor,)}, {DESCRIPTOR: stamp} if stamp is not None else {}
            change = found.get(guid)
            if change is not None:
                kept = {name: each for name, each in change.stamps.items() if name != DESCRIPTOR}
                found[guid] = replace(change, values={**change.values, **values}, stamps={**kept, **stamps})
            elif guid in self._index and not self._index.holds(guid, DESCRIPTOR, (descriptor,), stamp):
                nc = self._index[guid].nc
                found[guid] = Change(kind=Kind.CHANGED, guid=guid, nc=nc, values=values, stamps=stamps)
        return list(found.values())

    def _expunged(self) -> list[Change]:
        if not self.full:
            return []
        if self._shown is not None:
            seen: Collection[bytes] = self._shown.state
        else:  # kept in a row until now: as objects of their own they would lie between all others
            seen = {bytes(self._seen[at : at + GUID_BYTES]) for at in range(0, len(self._seen), GUID_BYTES)}
        gone = [guid for guid in self._index if guid not in seen]
        return [Change(kind=Kind.EXPUNGED, guid=guid, nc=self._index[guid].nc) for guid in gone]


def containers_first(changes: Iterable[Change], index: FingerprintIndex) -> list[Change]:
    """No object stands before its container, as far as both are in one piece."""
    found = {change.guid: change for change in changes}

    def depth(change: Change) -> int:
        count, above = 0, parent(change)
        while above is not None and above in found:
            count, above = count + 1, parent(found[above])
        return count if above is None else count + 1 + index.depth(above)

    def parent(change: Change) -> Guid | None:
        return change.parent if change.parent is not None else index.parent(change.guid)

    return sorted(found.values(), key=depth)


def _batches(sightings: Iterable[Sighting]) -> Iterator[tuple[list[Sighting], bool]]:
    """Sightings in batches, and whether there are more."""
    batch: list[Sighting] = []
    weight = 0
    for sighting in sightings:
        if weight >= PIECE_BYTES:
            yield batch, True
            batch, weight = [], 0
        batch.append(sighting)
        weight += sighting.size + _VALUE_BYTES * len(sighting.values)
    yield batch, False
