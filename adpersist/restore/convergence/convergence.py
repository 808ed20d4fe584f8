"""Convergence: look, plan, apply, look again, until the DC is what the journal says or nothing more can be done."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from adpersist.capture.full_look import FullLook
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.write.target import Target
from adpersist.directory.write.transactional_target import TransactionalTarget
from adpersist.model.identity.ids import Guid
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.difference import Difference
from adpersist.model.plan.replicated import Replica
from adpersist.model.plan.step import Step
from adpersist.model.plan.terms import Terms
from adpersist.restore.convergence.applying import apply
from adpersist.restore.convergence.as_replica import (
    Moved,
    move_away,
    outrank_tombstones,
    receive_lacking,
    say_again,
    what_lacks,
)
from adpersist.restore.convergence.comparison import Comparison
from adpersist.restore.convergence.looks import Looks
from adpersist.restore.convergence.planning import planned
from adpersist.restore.convergence.remaining import differing, left
from adpersist.restore.convergence.restamping import other_stamps, others_writes, restamp
from adpersist.restore.outcome import RestoreOutcome
from adpersist.restore.plan.collisions import Collision, collisions
from adpersist.restore.plan.identities.reused_usns import ReusedUsns
from adpersist.restore.plan.limitations import Limitation
from adpersist.restore.plan.plan import Plan
from adpersist.restore.plan.replicated_updates import ReplicatedUpdates
from adpersist.restore.progress import Progress
from adpersist.restore.wanted import WantedState
from adpersist.state.state import State

MAX_ROUNDS: Final = 8
"""Every round closes what the one before made possible; a plan that goes on changing is a defect, not progress."""


class Convergence:
    """Brings one DC to a wanted state."""

    def __init__(
        self,
        dc: DomainController,
        wanted: WantedState,
        terms: Terms | None = None,
        progress: Progress | None = None,
        *,
        is_living: bool = False,
    ) -> None:
        """Prepare; nothing is read or written yet.

        Args:
            dc: The DC.
            wanted: What to bring it to, and what the journal knows that helps.
            terms: What may be done; None: the usual.
            progress: Told how far it has come.
            is_living: It was not put back: computers and trusts know what it says now.
        """
        self._dc = dc
        self._wanted = wanted
        self._terms = terms or Terms()
        self._progress = progress or Progress()
        self._looks = Looks(
            dc,
            wanted,
            self._terms.policy,
            keeps_machine_secrets=is_living and wanted.scope.is_everything and self._terms.keep_machine_secrets,
            looking=self._progress.looking,
        )
        self._pending: Comparison | None = None
        self._lacking: Replica | None = None
        """What the DC lacked by the last look, if that was worked out already."""

    @property
    def notes(self) -> tuple[Limitation, ...]:
        """What the looks showed that can neither be compared nor restored."""
        return self._looks.notes

    @property
    def seen(self) -> State:
        """The directory as it was looked at last."""
        return self._looks.seen

    @property
    def proof(self) -> FullLook | None:
        """What the DC had when it was last looked at, if all of it was."""
        return self._looks.proof

    def conflicts(self) -> tuple[Conflict, ...]:
        """What others wrote on the DC, so far."""
        return self._looked().resolution.conflicts

    def collisions(self) -> list[Collision]:
        """What of a part somebody else has; nothing is written."""
        if self._wanted.scope.is_everything:
            return []
        seen = self._looked()
        return list(collisions(seen.gaps, seen.want, seen.have))

    def plan(self, *, heals: bool = False) -> Plan:
        """The steps as things stand; nothing is written.

        Args:
            heals: As in :meth:`run`.
        """
        found = planned(self._dc, self._wanted, self._looked())
        if heals and any(note.received for note in found.notes) and self._dc.receives(self._terms.engine):
            return replace(found, notes=tuple(note for note in found.notes if not note.received))
        return found

    def verify(self) -> list[Difference]:
        """What differs as things stand; nothing is written."""
        # whoever goes back to an earlier point writes anew, and so does a restore until it was looked at
        looked_at = self._wanted.head.position is not None
        stamps = looked_at and self._wanted.is_newest and self._wanted.scope.is_everything
        return differing(self._dc, self._looks.look(anew=True), stamps=stamps)

    def replicated(self, partners: Collection[Guid], fresh: Guid) -> ReplicatedUpdates:
        """See :meth:`Looks.replicated`."""
        return self._looks.replicated(partners, fresh)

    def say_again(self, updates: ReplicatedUpdates) -> None:
        """Have the DC say those of the updates that are still there as its own of today."""
        if updates:
            say_again(self._dc, self.seen, updates, self._terms.engine, self._progress)

    def go_on_as(self, invocation: Guid) -> None:
        """The DC goes on under another invocationID; look at what it wrote since, and for that."""
        self._looks.go_on_as(invocation)
        self._pending = self._looks.look()

    def run(self, *, heals: bool = False, reused: ReusedUsns | None = None) -> RestoreOutcome:
        """Apply until nothing differs, or until a round brings nothing new.

        Args:
            heals: The DC was put back and is to have what it had: it receives that as a replica where it can, with the
                old stamps, and only what is left is written.
            reused: USNs of which its partners may believe to have seen what was lost.

        Raises:
            NotLocalError: The local engine was asked for and cannot be used; nothing was written.
        """
        seen, self._pending = self._looked(), None
        outcome = RestoreOutcome(lost=seen.gaps)
        if reused is not None:
            seen = self._looks.renew(seen, reused)
        linked: Collection[Guid] = ()
        # as a replica an account would come without a password, and nobody would lock it
        receives = heals and not self._looks.lacks_secrets
        if receives and self._dc.is_opening:
            self._lacking = what_lacks(self._dc, self._wanted, seen)  # while the database opens
        with self._dc.writing(self._terms.engine) as target:
            if isinstance(target, TransactionalTarget):
                if receives:
                    target.make_ready()
                target.hand_down(seen.handed_down())
                if receives:
                    seen, linked = self._receive(seen, target, outcome)
            seen = self._close(seen, target, outcome)
            self._dc.reload_zones()  # also where nothing was lacking: a run that was killed has told nobody
            if heals:
                seen, other = self._restamp(seen)
                outcome.notes += tuple(other_stamps(other))
            elif outrank_tombstones(self._dc, self._wanted, seen.have, outcome.applied, target, self._progress):
                seen = self._looks.look(anew=True)
            outcome.left = left(self._dc, seen, refusals=outcome.refusals, aside=outcome.aside, linked=linked)
        return outcome

    def _looked(self) -> Comparison:
        """A look; while nothing is written one is enough."""
        if self._pending is None:
            self._pending = self._looks.look()
        return self._pending

    def _receive(
        self, seen: Comparison, target: TransactionalTarget, outcome: RestoreOutcome
    ) -> tuple[Comparison, frozenset[Guid]]:
        """Receive as a replica, and look at everything; also the objects of which links came."""
        moved = move_away(self._dc, self._wanted, seen, target, self._progress)
        if moved.wrote:
            outcome.applied += moved.applied
            self._looks.wrote(moved.wrote)
            seen = self._looks.look()
        received = receive_lacking(
            self._dc,
            self._wanted,
            seen,
            self._what_lacks(seen, moved),
            target,
            self._progress,
            meanwhile=self._looks.look_ahead,
        )
        outcome.aside = received.aside
        outcome.applied += received.applied
        if received.lacked:
            outcome.rounds += 1
            self._looks.received(received.aside)
        target.rest()  # most often there is nothing more to write
        if received.wrote or received.given:
            self._looks.wrote(received.wrote)
            self._looks.gave(received.given)
            seen = self._looks.look(anew=True)
        return seen, received.linked

    def _what_lacks(self, seen: Comparison, moved: Moved) -> Replica:
        lacking, self._lacking = self._lacking, None
        if lacking is not None and not moved.wrote:
            return lacking
        del lacking  # another takes as much memory
        return what_lacks(self._dc, self._wanted, seen, regrouped=moved.regrouped)

    def _restamp(self, seen: Comparison) -> tuple[Comparison, list[Difference]]:
        """Give what was written the stamps it had, and look again; also the stamps that are others still."""
        other = others_writes(self._dc, seen)
        if restamp(self._dc, seen, other):
            seen = self._looks.look(anew=True)
            other = others_writes(self._dc, seen)
        return seen, other

    def _close(self, seen: Comparison, target: Target, outcome: RestoreOutcome) -> Comparison:
        """Round after round, until a look at everything shows nothing that a plan could close."""
        tried: list[Sequence[Step]] = [(), ()]
        while outcome.rounds < MAX_ROUNDS:
            plan = planned(self._dc, self._wanted, seen)
            outcome.conflicts, outcome.notes = plan.conflicts, plan.notes
            turn = next((turn for turn, steps in enumerate(plan.turns) if steps and steps != tried[turn]), None)
            if turn is None:
                if self._looks.is_whole:
                    break
                # the proof is a full look: what a container hands down to its children shows up in no other
                seen = self._looks.look(anew=True)
                continue
            outcome.rounds += 1
            tried[turn] = steps = plan.turns[turn]
            applied = apply(steps, target, self._progress.applying)
            outcome.applied += applied.steps
            # what waited for the others says nothing of why they were refused
            outcome.refusals = [*(outcome.refusals if turn else ()), *applied.refusals]
            self._looks.tried(steps)
            # most often nothing is left, and the proof is the only look that is needed
            seen = self._looks.look(anew=outcome.rounds == 1 and not outcome.refusals)
        # the rounds are over, and only a look at everything is a proof
        return seen if self._looks.is_whole else self._looks.look(anew=True)
