"""Convergence: look, plan, apply, look again, until the DC is what the journal says or nothing more can be done."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from adpersist.capture.full_look import FullLook
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.write.target import Target
from adpersist.model.identity.ids import Guid
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.engine import Engine
from adpersist.model.plan.step import Exempt, Step
from adpersist.restore.conflicts.concurrent_writes import ConcurrentWrites
from adpersist.restore.conflicts.late_links import written_late
from adpersist.restore.conflicts.local_writes import local_writes
from adpersist.restore.conflicts.partner_writes import Recorded, partner_writes
from adpersist.restore.live_state import ImageState, LiveState
from adpersist.restore.partial_steps import apply_partially
from adpersist.restore.plan.evictions import evicted_copy
from adpersist.restore.plan.foreign_principals import matched_by_sid
from adpersist.restore.plan.limitations import Limitation, attainable
from adpersist.restore.plan.plan import OnConflict, Plan, steps, under_policy
from adpersist.restore.plan.renumbering import matched_by_place
from adpersist.restore.plan.rid_pools import known_rids, raised
from adpersist.restore.plan.scope import EVERYTHING, RestoreScope
from adpersist.state.differences import Difference, Gap, differences, gaps
from adpersist.state.state import State

MAX_ROUNDS = 8
"""Every round closes what the one before made possible; a plan that goes on changing is a defect, not progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A step the DC refused, with its own words."""

    step: Step
    reason: str


@dataclass(slots=True, kw_only=True)
class RestoreOutcome:
    """What a restore did.

    Attributes:
        lost: Gaps there were at the start.
        applied: Steps carried out, over all rounds.
        rounds: How often was planned.
        refusals: What the DC refused in the last round.
        left: Differences that remain; empty means proven equal.
        conflicts: Local writes found at the start.
        notes: What is not as the journal has it, and cannot be.
    """

    lost: list[Gap] = field(default_factory=list)
    applied: list[Step] = field(default_factory=list)
    rounds: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    left: list[Difference] = field(default_factory=list)
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[Limitation, ...] = ()


class Progress:
    """What a restore tells while it works; the silent one. A terminal's progress bar is another."""

    def looking(self, what: str) -> None:
        """A look is under way."""

    def applying(self, done: int, total: int) -> None:
        """So many steps of the round are done."""


class Convergence:
    """Brings one DC to a wanted state."""

    def __init__(
        self,
        dc: DomainController,
        want: State,
        *,
        known: Collection[Guid],
        captured: float,
        policy: OnConflict = OnConflict.JOURNAL,
        last_given_rid: int = 0,
        progress: Progress | None = None,
        given: Collection[bytes] = (),
        recorded: Callable[[Collection[Guid]], Recorded] = lambda _: {},
        scope: RestoreScope = EVERYTHING,
        base: ImageState | None = None,
        begun: Sequence[Conflict] | None = None,
    ) -> None:
        """Prepare; nothing is read or written yet.

        Args:
            want: The state to bring the DC to.
            known: Every object the journal ever heard of.
            captured: Unix seconds of the journal's last look.
            policy: What becomes of local writes.
            last_given_rid: The RID the DC gave out last, as far as the journal knows.
            given: Every objectSid the journal ever saw.
            recorded: Reads the newest stamps of some objects from the journal; asked where there are other DCs.
            scope: How much of it is wanted.
            base: What the DC is known to have had, so that a plan need not look at all of it. A proof always does.
            begun: An earlier run has written to the DC already, and found these writes before; None: there was none.
        """
        self._dc = dc
        self._want = want
        self._known = known
        self._captured = captured
        self._policy = policy
        self._last_given_rid = last_given_rid
        self._progress = progress or Progress()
        self._given = given
        self._recorded = recorded
        self._scope = scope
        self._notes: tuple[Limitation, ...] = ()
        self._have = LiveState(dc, base=base, like=want, progress=self._progress.looking)
        self._begun = begun
        self._meanwhile = ConcurrentWrites(touched=begun is not None)
        self._noted: dict[tuple[Guid, bool, bool], Conflict] | None = None
        self._found: list[Gap] | None = None
        self._aligned = want

    @property
    def exempt(self) -> Exempt:
        """What is left alone."""
        return self._dc.exempt

    @property
    def notes(self) -> tuple[Limitation, ...]:
        """What the last look showed that can neither be compared nor restored."""
        return self._notes

    def conflicts(self) -> tuple[Conflict, ...]:
        """What others wrote on the DC, so far."""
        self._pending()
        return self._conflicts

    def look_anew(self) -> None:
        """Have the next look be at everything: the DC goes on under another invocationID."""
        self._have.forget()
        self._found = None

    def gaps(self) -> list[Gap]:
        """Look at the DC and tell what differs and is to be closed."""
        have = self._have.refresh()
        want = matched_by_sid(self._want, have)
        if not self.exempt.reach.gives_identities:
            want = matched_by_place(want, have)
        self._aligned = want
        differing = self._scope.narrow(gaps(want, have, self.exempt), want, have)
        found, notes = attainable(differing, want, have, self._dc.feed.contexts[0], self.exempt.reach)
        # what the server did by itself meanwhile is no news any more, and yet was not to be had
        self._notes = self._notes or (*self._unseen(), *notes)
        self._take_note(found, have)
        news = [each for each in self._conflicts if each.stays]
        local = [each for each in self._conflicts if not each.stays]
        moved = (replace(each, guid=evicted_copy(each.guid)) for each in local if not each.attributes)
        return under_policy(under_policy(found, news, OnConflict.DC), [*local, *moved], self._policy)

    def _pending(self) -> list[Gap]:
        """The gaps; while nothing was written they are looked for once."""
        if self._found is None:
            self._found = self.gaps()
        return self._found

    @property
    def _conflicts(self) -> tuple[Conflict, ...]:
        return tuple((self._noted or {}).values())

    def _take_note(self, found: Sequence[Gap], have: State) -> None:
        """Of everything written before the first step; from then on of what came since the look before."""
        arisen = self._meanwhile.arisen(found)
        if self._noted is None:
            self._noted = {_key(each): each for each in self._begun or ()}
            wrote = self._written_since(found, have, begun=self._begun is not None)
        elif self.exempt.reach.gives_identities:
            wrote = (replace(each, meanwhile=True) for each in self._written_since(arisen, have))
        else:
            # what we made is not known again by its GUID
            own = {guid for noted, *_ in self._noted for guid in (noted, evicted_copy(noted))}
            strangers = [gap for gap in found if self._is_stranger(gap) and gap.guid not in own]
            wrote = self._written_since(strangers, have)
        for each in wrote:
            key = _key(each)
            self._noted[key] = self._noted[key].with_more(each) if key in self._noted else each

    def _is_stranger(self, gap: Gap) -> bool:
        return gap.want is None and gap.guid not in self._known

    def _written_since(self, found: Sequence[Gap], have: State, *, begun: bool = False) -> Iterator[Conflict]:
        if not found:
            return
        stamps = self._dc.stamps(gap.guid for gap in found if gap.have is not None)
        late = written_late(found, stamps, self._captured)
        links = self._dc.link_writes(late) if late else {}
        news: list[Conflict] = []
        if partners := self._dc.partners():
            recorded = self._recorded({gap.guid for gap in found})
            news += partner_writes(
                found, have, stamps, recorded, partners=partners, known=self._known, since=self._captured, links=links
            )
        yield from news
        local = under_policy(found, news, OnConflict.DC)
        if begun:
            # any other late write may be the earlier run's own
            local = [gap for gap in local if self._is_stranger(gap)]
        yield from local_writes(local, have, stamps, known=self._known, since=self._captured, links=links)

    @property
    def _kept(self) -> frozenset[Guid]:
        dc = self._policy is OnConflict.DC
        return frozenset(each.guid for each in self._conflicts if not each.attributes and (dc or each.stays))

    @property
    def proof(self) -> FullLook | None:
        """What the DC had when it was last looked at, if all of it was."""
        return self._have.proof

    def plan(self) -> Plan:
        """The steps as things stand; nothing is written."""
        return self._plan(self._pending())

    def verify(self) -> list[Difference]:
        """What differs as things stand; nothing is written."""
        self._have.forget()
        return self._differences(self.gaps())

    def run(self, engine: Engine = Engine.AUTO) -> RestoreOutcome:
        """Apply until nothing differs, or until a round brings nothing new.

        Raises:
            NotLocalError: The local engine was asked for and cannot be used; nothing was written.
        """
        with self._dc.writing(engine) as target:
            return self._run(target)

    def _run(self, target: Target) -> RestoreOutcome:
        outcome = RestoreOutcome()
        found = outcome.lost = self._pending()
        self._found = None
        previous: Sequence[Step] | None = None
        while outcome.rounds < MAX_ROUNDS:
            plan = self._plan(found)
            outcome.conflicts, outcome.notes = plan.conflicts, plan.notes
            if not plan.steps or plan.steps == previous:
                if self._have.is_whole:
                    break
                # the proof is a full look: what a container hands down to its children shows up in no other
                self._have.forget()
                found = self.gaps()
                continue
            outcome.rounds += 1
            outcome.refusals = self._apply(plan.steps, target, outcome.applied)
            previous = plan.steps
            if outcome.rounds == 1 and not outcome.refusals:
                # most often nothing is left, and the proof is the only look that is needed
                self._have.forget()
            found = self.gaps()
        outcome.left = self._differences(found)
        return outcome

    def _unseen(self) -> Iterator[Limitation]:
        if self.exempt.reach.unseen:
            what = "passwords, keys and other secrets are neither compared nor restored on this connection"
            yield Limitation(guid=self._dc.identity.domain, dn=self._dc.dse.domain, what=what)

    def _plan(self, found: Sequence[Gap]) -> Plan:
        have = self._have.state
        planned: list[Step] = []
        raises = self._scope.is_everything and self._dc.privileged
        if raises and (rids := self._dc.rids()) is not None:
            domain = self._dc.identity.domain
            known = known_rids(self._want, have, domain=domain, given=self._given) | {self._last_given_rid}
            planned += raised(rids, self._want, known)
        planned += steps(found, self._aligned, have, self.exempt, self._dc.feed.contexts, kept=self._kept)
        return Plan(steps=tuple(planned), conflicts=self._conflicts, notes=self._notes)

    def _apply(self, planned: Sequence[Step], target: Target, applied: list[Step]) -> list[Refusal]:
        def attempt(narrower: Step) -> bool:
            return list(target.apply([narrower])) == [None]

        self._meanwhile.wrote(planned)
        refusals = []
        for number, (step, refusal) in enumerate(zip(planned, target.apply(planned), strict=True), 1):
            if refusal is None:
                applied.append(step)
            else:
                refusals.append(Refusal(step=step, reason=refusal.message))
                # one value the DC will not take must not cost the whole object
                applied += apply_partially(step, attempt)
            self._progress.applying(number, len(planned))
        return refusals

    def _differences(self, found: Sequence[Gap]) -> list[Difference]:
        return [line for gap in found for line in differences(gap, self._aligned, self._have.state)]


def _key(conflict: Conflict) -> tuple[Guid, bool, bool]:
    return conflict.guid, conflict.replicated, conflict.meanwhile
