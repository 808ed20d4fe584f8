"""From the feed to the journal: look, tell what is new, make it durable, go on."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from adpersist.agent.holding import give_way, handed_back
from adpersist.agent.saving import Saver
from adpersist.agent.witnesses import choose, merge
from adpersist.directory.canary import Canary
from adpersist.directory.controller import DomainController
from adpersist.directory.stamps import Stamps
from adpersist.errors import FencedError, RevertedError, StoreError
from adpersist.journal.writer import Journal
from adpersist.model.change import Change, Kind
from adpersist.model.head import Head, Phase, Position, Writer
from adpersist.model.ids import BEFORE_FIRST, Guid, Seq, Usn
from adpersist.model.lineage import Lineage, Verdict
from adpersist.model.state import ObjectState
from adpersist.replay.diff import difference, observe
from adpersist.replay.fold import fold
from adpersist.replay.state import State
from adpersist.telemetry import logger

_RECENT_USNS: Final = 100
"""After a full look the newest writes are called as witnesses: those of the last so many USNs."""

_DESCRIPTOR: Final = "nTSecurityDescriptor"

log = logger("capture")


class Capture:
    """One agent's hold on one journal."""

    def __init__(
        self,
        dc: DomainController,
        journal: Journal,
        writer: Writer,
        *,
        state: State,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dc = dc
        self._journal = journal
        self._writer = writer
        self._state = state
        self._clock = clock
        self._full_look_due = False
        self._undeleted = False
        self._remembered = BEFORE_FIRST
        self.lineage = Lineage(verdict=Verdict.SAME, evidence="proven when the journal was claimed")
        """The last verdict; only a proven DC is captured."""
        self.asked_s = 0.0
        """How long the DC was kept busy by the last look for changes; 0 for a full one, which nothing repeats."""

    @classmethod
    def begin(
        cls,
        dc: DomainController,
        journal: Journal,
        writer: Writer,
        *,
        again: bool = False,
        accept_store_behind: bool = False,
    ) -> "Capture":
        """Prove that the DC is the journal's, claim the journal, and fold it.

        Args:
            again: This writer held the journal before: an agent that took over since keeps it.
            accept_store_behind: A store that went back is gone on with; a full look brings it up to date.

        Raises:
            RevertedError: The DC is another one, was put back, or a restore was begun and not ended.
            FencedError: Somebody else took the journal over.
        """
        lineage = lineage_of(dc, journal)
        if again:
            give_way(journal.head.writer, writer, same=lineage.verdict is Verdict.SAME)
        behind = accept_store_behind and lineage.verdict is Verdict.STORE_BEHIND
        if not behind:
            require_same(dc, journal)
        journal.claim(writer, now=time.time())
        state = fold(journal)
        log.info("capture.began", seq=journal.head.seq, objects=len(state), timeline=journal.head.timeline)
        capture = cls(dc, journal, writer, state=state)
        capture._full_look_due = behind
        capture.leave_canary()
        return capture

    @property
    def head(self) -> Head:
        """The journal's head."""
        return self._journal.head

    def leave_canary(self) -> None:
        """Have the directory remember the newest commit, so that it shows when either of them goes back."""
        newest = Canary.of(self._journal.seed, self.head.seq, self.head.digest)
        if self._dc.canary(self._journal.seed) != newest:
            self._dc.leave_canary(newest)
        self._remembered = newest.seq

    def tend(self, saver: Saver) -> None:
        """Have a checkpoint written when one is due."""
        saver.tend(self._journal, self._state)

    def check(self) -> None:
        """Prove that the DC still is the journal's, and the journal this agent's.

        Raises:
            RevertedError, FencedError.
        """
        if not self.holds():
            raise FencedError(f"the journal is held by {self.head.writer.host}, process {self.head.writer.pid}")
        self.lineage = require_same(self._dc, self._journal)

    def durable_time(self) -> float | None:
        """Unix seconds when the last commit was made; None while there is none."""
        return last_commit_time(self._journal)

    def holds(self) -> bool:
        """Whether the journal still is this agent's; reads the head again."""
        return self._journal.is_held_after_refresh()

    def hand_back(self) -> None:
        """Let whoever waits for the journal go on: what was to be done is durable."""
        try:
            self._journal.hand_back(handed_back(self._writer), now=self._clock())
        except (FencedError, StoreError) as error:
            # taken over meanwhile, or the store went away: an agent sees that this process has ended
            log.warning("journal.not_handed_back", error=error.message)

    def look(self) -> int:
        """Look once; returns how many changes became durable.

        The lineage is proven between the look and the commit: what a reverted DC shows never reaches the journal.

        Raises:
            RevertedError, FencedError, StoreError, DirectoryError.
        """
        position, usn, invocation = self.head.position, self._dc.usn(), self._dc.invocation()
        # cookies of another invocationID hide writes stamped with the old one
        full = position is None or position.invocation != invocation or self._full_look_due
        since = {} if full or position is None else position.cookies
        began = time.monotonic()
        fresh, cookies = self._sightings(since)
        self.asked_s = 0.0 if full else time.monotonic() - began
        if not full and self._undeleted:
            # a reanimated object lost its links when it was deleted, and no feed says so
            full, (fresh, cookies) = True, self._sightings({})
        if not full:
            fresh |= self._inherited(fresh)
        changes = [change for change in map(self._difference, fresh.values()) if change is not None]
        if full:
            changes += self._expunged(fresh)
        stamps = self._stamps(changes, usn, full=full)
        if not full:
            changes = [self._stamped(change, fresh, stamps) for change in changes]
        self.lineage = require_same(self._dc, self._journal)
        if fresh or full:
            self._commit(
                changes,
                fresh,
                stamps,
                Position(
                    cookies=cookies,
                    invocation=invocation,
                    usn=usn,
                    rid_next=self._dc.last_given_rid(),
                    canary=self._remembered,
                ),
            )
        self._full_look_due = False
        return len(changes)

    def _sightings(self, cookies: Mapping[str, bytes]) -> tuple[dict[Guid, ObjectState], dict[str, bytes]]:
        fresh: dict[Guid, ObjectState] = {}
        after: dict[str, bytes] = {}
        self._undeleted = False
        for nc in self._dc.feed.contexts:
            sightings, after[nc] = self._dc.feed.look(nc, cookies.get(nc))
            for sighting in sightings:
                old = fresh.get(sighting.guid) or self._state.get(sighting.guid)
                fresh[sighting.guid] = observe(old, sighting)
                self._undeleted |= not sighting.whole and sighting.values.get("isDeleted") == ()
        return fresh, after

    def _inherited(self, fresh: Mapping[Guid, ObjectState]) -> dict[Guid, ObjectState]:
        """Objects below a container whose access rights changed: theirs changed with it, and no feed says so."""
        below: dict[Guid, ObjectState] = {}
        for guid in self._containers_with_new_rights(fresh):
            for child, descriptor in self._dc.descriptors(guid):
                known = fresh.get(child) or self._state.get(child)
                if known is not None and known.values.get(_DESCRIPTOR) != (descriptor,):
                    below[child] = replace(known, values={**known.values, _DESCRIPTOR: (descriptor,)})
        return below

    def _containers_with_new_rights(self, fresh: Mapping[Guid, ObjectState]) -> list[Guid]:
        changed = {
            guid
            for guid, new in fresh.items()
            if (old := self._state.get(guid)) is not None
            and not new.deleted
            and (old.parent != new.parent or old.values.get(_DESCRIPTOR) != new.values.get(_DESCRIPTOR))
        }
        if not changed:
            return []
        occupied = {item.parent for item in self._state.values()}
        return [guid for guid in changed if guid in occupied]

    def _difference(self, new: ObjectState) -> Change | None:
        return difference(self._state.get(new.guid), new)

    def _stamped(self, change: Change, fresh: Mapping[Guid, ObjectState], stamps: Mapping[Guid, Stamps]) -> Change:
        written = {name: write.stamp for name, write in stamps.get(change.guid, {}).items()}
        return difference(self._state.get(change.guid), fresh[change.guid], written) or change

    def _expunged(self, seen: Mapping[Guid, ObjectState]) -> Iterable[Change]:
        return [
            Change(kind=Kind.EXPUNGED, guid=guid, nc=item.nc) for guid, item in self._state.items() if guid not in seen
        ]

    def _stamps(self, changes: list[Change], usn: Usn, *, full: bool) -> Mapping[Guid, Stamps]:
        if full:
            return self._dc.stamps_since(Usn(max(usn - _RECENT_USNS, 0)))
        return self._dc.stamps(change.guid for change in changes)

    def _commit(
        self,
        changes: list[Change],
        fresh: Mapping[Guid, ObjectState],
        stamps: Mapping[Guid, Stamps],
        position: Position,
    ) -> None:
        before = self.head.position
        ordered = _containers_first(changes, fresh)
        self._journal.commit(
            ordered,
            position=position,
            usn_from=before.usn if before else Usn(0),
            witnesses=merge(self.head.witnesses, choose(stamps)),
            complete=True,
            now=self._clock(),
        )
        self._state.apply(ordered)
        self.leave_canary()
        log.info("commit.appended", seq=self.head.seq, changes=len(ordered), objects=len(self._state), usn=position.usn)


def last_commit_time(journal: Journal) -> float | None:
    """When the last commit was made; the head's own time moves without one. None for an empty journal."""
    head = journal.head
    if head.seq > head.pruned:
        return next(commit.time for commit in journal.commits(after=Seq(head.seq - 1)))
    return next((each.time for each in head.checkpoints if each.seq == head.seq), None)


def require_same(dc: DomainController, journal: Journal) -> Lineage:
    """The lineage, when it is ``same``.

    Raises:
        RevertedError: It is not, or a restore is under way.
    """
    head = journal.head
    if head.phase is Phase.RESTORING:
        raise RevertedError(
            f"a restore to commit {head.target} was begun and has not ended",
            hint="Run `adpersist guard --on-revert restore`: it goes on where the restore stopped.",
        )
    lineage = lineage_of(dc, journal)
    refuse_store_behind(lineage)
    if lineage.verdict is not Verdict.SAME:
        raise RevertedError(
            f"the domain controller is {lineage.verdict}: {lineage.evidence}",
            hint="Nothing of it was captured. `adpersist plan` shows what was lost, `adpersist guard` restores it.",
        )
    return lineage


def lineage_of(dc: DomainController, journal: Journal) -> Lineage:
    """Whether the DC is the one the journal was taken from; the journal is read again where it may have grown.

    The head was read before the DC was asked. An agent that committed in between has told the DC of a newer commit than
    that head, which must not pass for a store that went back.
    """
    lineage = dc.lineage(journal.head, journal.seed)
    while lineage.verdict is Verdict.STORE_BEHIND:
        before = journal.head.seq
        if journal.refresh().seq == before:
            break
        lineage = dc.lineage(journal.head, journal.seed)
    return lineage


def refuse_store_behind(lineage: Lineage) -> None:
    """Neither capture nor restore may begin: one would hide the loss, the other take the DC back with the store.

    Raises:
        RevertedError: The store went back.
    """
    if lineage.verdict is Verdict.STORE_BEHIND:
        raise RevertedError(
            f"the store went back: {lineage.evidence}",
            hint="Put the newer store back. If what it lost is given up: `adpersist agent --accept-store-behind`.",
        )


def _containers_first(changes: list[Change], fresh: Mapping[Guid, ObjectState]) -> list[Change]:
    """A look may be split between two commits; no object stands before its container."""

    def depth(change: Change) -> int:
        count, item = 0, fresh.get(change.guid)
        while item is not None and item.parent is not None:
            count, item = count + 1, fresh.get(item.parent)
        return count

    return sorted(changes, key=depth)
