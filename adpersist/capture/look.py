"""One look at the whole DC, told against the journal: changes in pieces of bounded size, as the feed brings them."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import GUID_BYTES, Guid
from adpersist.model.journal.lineage import Evidence
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.sighting import Sighting, sighted
from adpersist.restore.live_state import FullLook
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.inherited_rights import DESCRIPTOR, hands_down

PIECE_BYTES: Final = 5 * 1024 * 1024
"""About how much memory what is told at once takes: an agent's follows this, not the directory. Of people it is a
little less than what fills a frame."""
_VALUE_BYTES: Final = 128
"""What each attribute takes besides its values; a schema has little else."""


class Look:
    """A look from some cookies on, or at everything when there are none; or one that was taken already.

    Between two pieces the caller makes the last one durable and folds it into ``traces``, which the next one is told
    against.

    Args:
        prove: Asks for the evidence, and for the stamps of what changed; raises when the DC is not the journal's.
        shown: A look at everything that was taken already, instead of one now; its news are news to ``traces``.

    Attributes:
        full: It is a look at everything.
        cookies: Where the next look begins, by naming context; whole once everything was told.
        asked_s: How long the DC thought about its answers.
        sighted: How many objects it showed.
    """

    def __init__(
        self,
        dc: DomainController,
        traces: FingerprintIndex,
        since: Mapping[str, bytes],
        prove: Callable[[Collection[Change]], Evidence],
        shown: FullLook | None = None,
    ) -> None:
        self._dc = dc
        self._prove = prove
        self._traces = traces
        self._since = since
        self._shown = shown
        self._undeleted = False
        self._seen = bytearray()
        self._opened: set[Guid] = set()
        self._proven: Evidence | None = None
        self.full = not since
        self.cookies: dict[str, bytes] = {}
        self.asked_s = 0.0
        self.sighted = 0

    def pieces(self) -> Iterator[tuple[list[Change], Evidence, bool]]:
        """The changes, what the DC said of itself after it had shown them, and whether they are the last ones.

        Raises:
            RevertedError, DirectoryError, DirectoryUnreachableError.
        """
        last: list[Sighting] = []
        for batch, more in _batches(self._sightings()):
            if not more:
                last = batch
            elif news := self._news(batch):
                batch.clear()
                yield news, self._proof(news), False
                news.clear()  # the caller is done with it, and the next one wants its room
        if not self.full and self._undeleted:
            # a reanimated object lost its links when it was deleted, and no feed says so
            if news := self._news(last):
                yield news, self._proof(news), False
            self._since, self.full = {}, True
            yield from self.pieces()
            return
        news = self._news(last)
        if self.full:
            news += self._expunged()
        news = self._with_inherited(news)
        yield news, self._proof(news), True

    def _taken(self) -> None:
        """A part of a look at everything came; later the DC is busy with the next one, and nothing is asked of it."""
        if self.full:
            self._proven = self._prove(())

    def _proof(self, news: Collection[Change]) -> Evidence:
        return self._proven if self.full and self._proven else self._prove(news)

    def _sightings(self) -> Iterator[Sighting]:
        if self._shown is not None:
            self._taken()
            self.cookies = dict(self._shown.cookies)
            self.sighted = len(self._shown.state)
            self._seen += b"".join(self._shown.state)
            yield from map(sighted, self._shown.news)
            return
        for look in self._dc.feed.looks(self._since, self._taken):
            began = time.monotonic()
            for sighting in look:
                if began:
                    # Samba says nothing before it has thought of everything
                    self.asked_s, began = self.asked_s + time.monotonic() - began, 0.0
                self.sighted += 1
                if self.full:
                    self._seen += sighting.guid
                elif sighting.values.get("isDeleted") == ():
                    self._undeleted = True
                yield sighting
            if began:
                self.asked_s += time.monotonic() - began
            self.cookies[look.nc] = look.cookie

    def _news(self, sightings: Iterable[Sighting]) -> list[Change]:
        newest = {sighting.guid: sighting for sighting in sightings}.values()
        changes = [change for sighting in newest if (change := self._traces.news(sighting)) is not None]
        self._opened.update(change.guid for change in changes if self._opens(change))
        return containers_first(changes, self._traces)

    def _opens(self, change: Change) -> bool:
        """Something may have been handed down that no feed tells of; a full look shows it by itself."""
        old = self._traces.get(change.guid)
        return not self.full and old is not None and hands_down(change, old.parent)

    def _with_inherited(self, news: list[Change]) -> list[Change]:
        """The same, with the access rights that changed because a container's did."""
        if not self._opened:
            return news
        occupied = {trace.parent for trace in self._traces.values()}
        found = {change.guid: change for change in news}
        for container in self._opened & occupied:
            for guid, descriptor in self._dc.descriptors(container):
                change = found.get(guid)
                if change is not None:
                    found[guid] = replace(change, values={**change.values, DESCRIPTOR: (descriptor,)})
                elif guid in self._traces and not self._traces.holds(guid, DESCRIPTOR, (descriptor,)):
                    nc = self._traces[guid].nc
                    found[guid] = Change(kind=Kind.CHANGED, guid=guid, nc=nc, values={DESCRIPTOR: (descriptor,)})
        return list(found.values())

    def _expunged(self) -> list[Change]:
        # kept in a row until now: as objects of their own they would lie between all others
        seen = {bytes(self._seen[at : at + GUID_BYTES]) for at in range(0, len(self._seen), GUID_BYTES)}
        gone = [guid for guid in self._traces if guid not in seen]
        return [Change(kind=Kind.EXPUNGED, guid=guid, nc=self._traces[guid].nc) for guid in gone]


def containers_first(changes: Iterable[Change], traces: FingerprintIndex) -> list[Change]:
    """No object stands before its container, as far as both are in one piece."""
    found = {change.guid: change for change in changes}

    def depth(change: Change) -> int:
        count, above = 0, parent(change)
        while above is not None and above in found:
            count, above = count + 1, parent(found[above])
        return count if above is None else count + 1 + traces.depth(above)

    def parent(change: Change) -> Guid | None:
        trace = traces.get(change.guid)
        return change.parent if change.parent is not None or trace is None else trace.parent

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
