"""What others wrote, noted look by look: at the first all of it, from then on what came since the look before."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.stamps import EVER
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.step import Step
from adpersist.restore.conflicts.concurrent_writes import ConcurrentWrites
from adpersist.restore.conflicts.late_links import written_late
from adpersist.restore.conflicts.local_writes import local_writes
from adpersist.restore.conflicts.partner_writes import Brought, partner_writes
from adpersist.restore.conflicts.resolution import beyond
from adpersist.restore.conflicts.unseen_writes import UnseenWrites
from adpersist.restore.live_state import ImageState
from adpersist.restore.plan.identities.evictions import evicted_copy
from adpersist.restore.wanted import WantedState
from adpersist.state.differences import Gap
from adpersist.state.state import State


class NotedWrites:
    """Tells others' writes on a DC from what it lost, and from our own.

    Args:
        dc: The DC, asked for the stamps of what differs.
        wanted: What the journal knows: what it saw, and what an earlier run noted.
    """

    def __init__(self, dc: DomainController, wanted: WantedState) -> None:
        self._dc = dc
        self._wanted = wanted
        self._concurrent = ConcurrentWrites(touched=wanted.begun is not None)
        self._noted: dict[tuple[Guid, bool, bool], Conflict] | None = None

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """All that was noted so far."""
        return tuple((self._noted or {}).values())

    def wrote(self, objects: Iterable[Guid]) -> None:
        """We wrote to these, or tried, since the last look."""
        self._concurrent.wrote(objects)

    def tried(self, steps: Sequence[Step]) -> None:
        """We carried these out, or tried, since the last look."""
        self._concurrent.tried(steps)

    def gave(self, objects: Iterable[Guid]) -> None:
        """The DC received these since the last look, with the stamps they had."""
        self._concurrent.gave(objects)

    def take_note(self, found: Sequence[Gap], have: State, image: ImageState | None) -> None:
        """Note what a look shows.

        Args:
            found: What differs.
            have: The DC.
            image: What it was put back to, where that is known.
        """
        arisen = self._concurrent.arisen(found)
        if self._noted is None:
            self._noted = {_key(each): each for each in self._wanted.begun or ()}
            wrote = self._written_since(found, have, image, begun=self._wanted.begun is not None, first=True)
        elif self._dc.exempt.reach.gives_identities:
            # a partner's is told from our own wherever it is, also in what we wrote to ourselves
            wrote = chain(
                self._written_since(found, have, image, partners_only=True),
                self._written_since(arisen.elsewhere, have, image),
            )
            if arisen.given:
                own = self._dc.invocation()
                wrote = chain(wrote, self._written_since(arisen.given, have, image, origin=own))
            wrote = (replace(each, meanwhile=True) for each in wrote)
        else:
            # what we made is not known again by its GUID
            ours = {guid for noted, *_ in self._noted for guid in (noted, evicted_copy(noted))}
            strangers = [gap for gap in found if self._is_stranger(gap) and gap.guid not in ours]
            wrote = self._written_since(strangers, have, image)
        for each in wrote:
            key = _key(each)
            self._noted[key] = self._noted[key].with_more(each) if key in self._noted else each

    def _written_since(
        self,
        found: Sequence[Gap],
        have: State,
        image: ImageState | None,
        *,
        begun: bool = False,
        origin: Guid | None = None,
        partners_only: bool = False,
        first: bool = False,
    ) -> Iterator[Conflict]:
        if not found:
            return
        partners, unseen = self._dc.partners(), self._unseen_writes(image)
        if partners_only and not partners:
            return
        # what it had before the look it remembers is no news to anybody, and most of it
        after = unseen.usn if unseen.usn is not None else EVER
        stamps = self._dc.stamps((gap.guid for gap in found if gap.have is not None), after=after)
        asked = {gap.guid for gap in found if partners or unseen.may_be(stamps.get(gap.guid, {}))}
        if asked:
            unseen = replace(unseen, recorded=self._wanted.recorded(asked))
        late = written_late(found, stamps, unseen)
        links = self._dc.link_stamps(late) if late else {}
        known = self._wanted.known
        news: list[Conflict] = []
        if partners:
            brought = self._brought(partners, late, first=first)
            news += partner_writes(found, have, stamps, brought=brought, known=known, unseen=unseen, links=links)
        yield from news
        if partners_only:
            return
        local = beyond(found, news)
        if begun:
            # any other late write may be the earlier run's own
            local = [gap for gap in local if self._is_stranger(gap)]
        unseen = replace(unseen, origin=origin)
        yield from local_writes(local, have, stamps, known=known, unseen=unseen, links=links)

    def _brought(self, partners: Collection[Guid], linked: Sequence[Guid], *, first: bool) -> Brought:
        own = self._dc.invocation()
        wrote = not first or own == self._wanted.head.fresh  # an earlier run did, if it came to that
        links = self._dc.links_received(linked) if linked else {}
        return Brought(partners=partners, own=own if wrote else None, links=links)

    def _unseen_writes(self, image: ImageState | None) -> UnseenWrites:
        usn, invocation = (image.usn, image.invocation) if image is not None else (None, None)
        return UnseenWrites(since=self._wanted.captured, usn=usn, invocation=invocation)

    def _is_stranger(self, gap: Gap) -> bool:
        return gap.want is None and gap.guid not in self._wanted.known


def _key(conflict: Conflict) -> tuple[Guid, bool, bool]:
    return conflict.guid, conflict.replicated, conflict.meanwhile
