"""From the feed to the journal: look, tell what is new, make it durable, go on."""

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

from adpersist.agent.checkpoint_thread import CheckpointThread
from adpersist.capture.look import Look
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.canary import Canary
from adpersist.directory.lineage.witnesses import choose_witnesses, merge_witnesses, newest_written
from adpersist.errors import FencedError, NotPrivilegedError, RevertedError, StoreError
from adpersist.journal.holder import give_way, handed_back
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Usn
from adpersist.model.journal.head import Head, Phase, Position, Writer
from adpersist.model.journal.lineage import Evidence, Lineage, Verdict
from adpersist.model.objects.change import Change, Stamp
from adpersist.model.objects.stamps import Stamps
from adpersist.restore.live_state import FullLook
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.fold import fold_fingerprints, without_gc
from adpersist.system.memory import give_back
from adpersist.telemetry import logger

_RECENT_USNS: Final = 100
"""After a full look the newest writes are called as witnesses: those of the last so many USNs."""

SECRET: Final = "unicodePwd"  # noqa: S105 - an attribute every domain has: krbtgt's
_ASKED_LATELY: Final = 10

log = logger("capture")


class Capture:
    """One agent's hold on one journal."""

    def __init__(
        self,
        dc: DomainController,
        journal: Journal,
        writer: Writer,
        *,
        traces: FingerprintIndex,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dc = dc
        self._journal = journal
        self._writer = writer
        self._traces = traces
        self._clock = clock
        self._full_look_due = False
        self._invocation: Guid | None = None
        self._canary: Canary | None = None
        """What this agent had the directory remember last."""
        self.lineage = Lineage(verdict=Verdict.SAME, evidence="proven when the journal was claimed")
        """The last verdict; only a proven DC is captured."""
        self._asked: deque[float] = deque(maxlen=_ASKED_LATELY)

    @classmethod
    def begin(
        cls,
        dc: DomainController,
        journal: Journal,
        writer: Writer,
        *,
        again: bool = False,
        accept_store_behind: bool = False,
        traces: FingerprintIndex | None = None,
    ) -> "Capture":
        """Prove that the DC is the journal's, claim the journal, and fold it.

        Args:
            traces: What it holds at its head, when that is known already.
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
        if not dc.privileged:
            require_secrets_seen(dc, held=(traces or fold_fingerprints(journal)).knows(SECRET))
        journal.claim(writer, now=time.time())
        if traces is None:
            traces = fold_fingerprints(journal)
        log.info("capture.began", seq=journal.head.seq, objects=len(traces), timeline=journal.head.timeline)
        capture = cls(dc, journal, writer, traces=traces)
        # what was captured over the network lacks every secret, and no feed tells them by themselves
        capture._full_look_due = behind or (dc.privileged and bool(traces) and not traces.knows(SECRET))
        capture.leave_canary()
        return capture

    @property
    def asked_s(self) -> float:
        """How long a look for changes keeps the DC busy: the least of the last ones, since the rest was waiting."""
        return min(self._asked, default=0.0)

    @property
    def head(self) -> Head:
        """The journal's head."""
        return self._journal.head

    def leave_canary(self) -> None:
        """Have the directory remember the newest commit, so that it shows when either of them goes back."""
        newest = Canary.of(self._journal.seed, self.head.seq, self.head.digest)
        if newest != self._canary:
            self._dc.leave_canary(newest)
        self._canary = newest

    def tend(self, saver: CheckpointThread) -> None:
        """Have a checkpoint written when one is due."""
        saver.tend(self._journal)

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

    def look(self, usn: Usn | None = None, *, proof: FullLook | None = None) -> int:
        """Look once; returns how many changes became durable.

        The lineage is proven between what was looked at and its commit: what a reverted DC shows never reaches the
        journal. A large look becomes several commits; the position moves with the last one only.

        Args:
            usn: The DC's, read just before; None: it is read here.
            proof: A look at everything that was taken just now, after a restore to what the journal holds; what came
                since shows up in the next.

        Raises:
            RevertedError, FencedError, StoreError, DirectoryError.
        """
        with without_gc():
            return self._look(self._dc.usn() if usn is None else usn, proof)

    def _look(self, usn: Usn, proof: FullLook | None = None) -> int:
        if self._invocation is None:
            self._invocation = self._dc.evidence().invocation
        position, invocation = self.head.position, self._invocation
        # cookies of another invocationID hide writes stamped with the old one
        known = position is not None and position.invocation == invocation and not self._full_look_due
        cookies = position.cookies if position is not None and known else {}
        if proof is not None and not known:
            usn = proof.usn
        look = Look(self._dc, self._traces, cookies, self._prove, shown=None if known else proof)
        calls: Mapping[Guid, Stamps] = {}
        count = 0
        for changes, seen, is_last in look.pieces():
            if seen.invocation != invocation:
                self._invocation = seen.invocation
                return count + self._look(usn)
            if not look.sighted:
                break
            stamps: Mapping[Guid, Stamps] = {change.guid: seen.stamps.get(change.guid, {}) for change in changes}
            if look.full:
                # nothing carries a full look's stamps; the newest ones are called as witnesses
                stamps = self._dc.stamps_since(Usn(max(usn - _RECENT_USNS, 0))) if is_last else {}
            calls = newest_written({**calls, **stamps})
            self._commit(
                changes if look.full else [_stamped(change, stamps[change.guid]) for change in changes],
                Position(
                    cookies=look.cookies,
                    invocation=invocation,
                    usn=usn,
                    rid_next=seen.last_given_rid,
                    canary=self._canary.seq if self._canary else BEFORE_FIRST,
                ),
                choose_witnesses(calls),
                ends_look=is_last,
            )
            count += len(changes)
        if look.sighted:
            self.leave_canary()
        if look.full:
            give_back()
        else:
            self._asked.append(look.asked_s)
        self._full_look_due = False
        return count

    def _prove(self, changes: Collection[Change]) -> Evidence:
        """Prove the lineage, and ask for the stamps of what changed on the way. Raises: RevertedError."""
        witnesses = [witness.guid for witness in self.head.witnesses]
        since = self.head.position.usn if self.head.position else Usn(0)
        seen = self._dc.evidence(witnesses, (change.guid for change in changes), since=since)
        self.lineage = require_same(self._dc, self._journal, seen)
        return seen

    def _commit(
        self,
        changes: list[Change],
        position: Position,
        calls: list[tuple[Guid, str, Stamp]],
        *,
        ends_look: bool,
    ) -> None:
        before = self.head.position
        self._journal.commit(
            changes,
            position=position,
            usn_from=before.usn if before else Usn(0),
            witnesses=merge_witnesses(self.head.witnesses, calls),
            complete=True,
            now=self._clock(),
            ends_look=ends_look,
        )
        self._traces.apply(changes)
        log.info(
            "commit.appended", seq=self.head.seq, changes=len(changes), objects=len(self._traces), usn=position.usn
        )


def last_commit_time(journal: Journal) -> float | None:
    """When the last commit was made; the head's own time moves without one. None for an empty journal."""
    if (made := journal.last_time()) is not None:
        return made
    head = journal.head
    return next((each.time for each in head.checkpoints if each.seq == head.seq), None)


def require_secrets_seen(dc: DomainController, *, held: bool) -> None:
    """A journal with passwords in it is kept by sessions that see them; with others it would keep old ones for new.

    Args:
        held: There are passwords in it.

    Raises:
        NotPrivilegedError: This one does not.
    """
    if held and not dc.privileged:
        raise NotPrivilegedError(
            "the journal holds passwords, which this session can neither follow nor restore",
            hint="Capture and restore over the privileged socket on the domain controller itself; "
            "`plan` and `verify` work here too.",
        )


def _stamped(change: Change, written: Stamps) -> Change:
    return replace(change, stamps={name: written[name].stamp for name in change.values if name in written})


def unfinished_restore(head: Head) -> Lineage | None:
    """The verdict on a DC that a restore was begun on, until it ends; None: there is none under way."""
    if head.phase is not Phase.RESTORING:
        return None
    evidence = f"a restore to commit {head.target} was begun and has not ended"
    return Lineage(verdict=Verdict.REVERTED, evidence=evidence)


def require_same(dc: DomainController, journal: Journal, seen: Evidence | None = None) -> Lineage:
    """The lineage, when it is ``same``; from evidence gathered already, if there is any.

    Raises:
        RevertedError: It is not, or a restore is under way.
    """
    head = journal.head
    if (unfinished := unfinished_restore(head)) is not None:
        raise RevertedError(
            unfinished.evidence,
            hint="Run `adpersist guard --on-revert restore`: it goes on where the restore stopped.",
        )
    lineage = lineage_of(dc, journal, seen)
    refuse_store_behind(lineage)
    if lineage.verdict is not Verdict.SAME:
        raise RevertedError(
            f"the domain controller is {lineage.verdict}: {lineage.evidence}",
            hint="Nothing of it was captured. `adpersist plan` shows what was lost, `adpersist guard` restores it.",
        )
    return lineage


def lineage_of(dc: DomainController, journal: Journal, seen: Evidence | None = None) -> Lineage:
    """Whether the DC is the one the journal was taken from; the journal is read again where it may have grown.

    The head was read before the DC was asked. An agent that committed in between has told the DC of a newer commit than
    that head, which must not pass for a store that went back.
    """
    lineage = dc.lineage(journal.head, journal.seed, seen)
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
