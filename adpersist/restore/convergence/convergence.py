"""Convergence: look, plan, apply, look again, until the DC is what the journal says or nothing more can be done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from adpersist.capture.full_look import FullLook
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.write.target import Target
from adpersist.directory.write.transactional_target import TransactionalTarget
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.secret_attributes import SECRET_ATTRIBUTES
from adpersist.model.objects.stamps import EVER
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.difference import Difference
from adpersist.model.plan.replicated import Replica
from adpersist.model.plan.step import Delete, Exempt, ReloadSchema, Step
from adpersist.model.plan.terms import Terms
from adpersist.restore.conflicts.concurrent_writes import ConcurrentWrites
from adpersist.restore.conflicts.late_links import written_late
from adpersist.restore.conflicts.local_writes import local_writes
from adpersist.restore.conflicts.partner_writes import partner_writes
from adpersist.restore.conflicts.resolution import Resolution, beyond
from adpersist.restore.conflicts.unseen_writes import UnseenWrites
from adpersist.restore.convergence.partial_steps import apply_partially
from adpersist.restore.convergence.removed_links import forgotten_links
from adpersist.restore.live_state import LiveState
from adpersist.restore.outcome import Refusal, RestoreOutcome
from adpersist.restore.plan import handed_down
from adpersist.restore.plan.collisions import Collision, collisions
from adpersist.restore.plan.identities.evictions import evicted_copy, evictions
from adpersist.restore.plan.identities.foreign_principals import matched_by_sid
from adpersist.restore.plan.identities.renumbering import matched_by_place
from adpersist.restore.plan.identities.reused_usns import ReusedUsns, renewed
from adpersist.restore.plan.identities.rid_pools import known_rids, raised
from adpersist.restore.plan.identities.shared_sids import shared_sids
from adpersist.restore.plan.limitations import Limitation, attainable
from adpersist.restore.plan.machine_secrets import without_machine_secrets
from adpersist.restore.plan.ordering import bottom_up, parking
from adpersist.restore.plan.plan import Plan, steps
from adpersist.restore.plan.replication import beats, replica, told_anew
from adpersist.restore.progress import Progress
from adpersist.restore.wanted import WantedState
from adpersist.state.differences import Gap, differences, gaps, stamp_differences, tombstone_differences
from adpersist.state.state import State
from adpersist.telemetry import logger

log = logger("restore")

_HOPELESS = 20
"""After so many steps in a row of which nothing was taken, however narrow, no more are taken apart."""

MAX_ROUNDS = 8
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
        self._notes: tuple[Limitation, ...] = ()
        self._keeps_machine_secrets = is_living and wanted.scope.is_everything and self._terms.keep_machine_secrets
        self._live = LiveState(
            dc, base=wanted.base, like=wanted.state, spill=wanted.spill, progress=self._progress.looking
        )
        self._concurrent = ConcurrentWrites(touched=wanted.begun is not None)
        self._noted: dict[tuple[Guid, bool, bool], Conflict] | None = None
        self._found: list[Gap] | None = None
        self._aligned = wanted.state
        self._occupied = frozenset[Guid]()
        self._following: list[Gap] = []
        """Gaps that close with others; those that did not are told."""

    @cached_property
    def exempt(self) -> Exempt:
        """What is left alone: also what the journal never saw."""
        found = self._dc.exempt
        if not self._lacks_secrets:
            return found
        hidden = frozenset(SECRET_ATTRIBUTES)
        return replace(found, reach=replace(found.reach, unseen=hidden, not_at_birth=hidden))

    @cached_property
    def _lacks_secrets(self) -> bool:
        """The journal was captured by a session that sees none, at least up to the point that is wanted."""
        return self._dc.privileged and not self._wanted.holds_secrets

    @property
    def notes(self) -> tuple[Limitation, ...]:
        """What the last look showed that can neither be compared nor restored."""
        return self._notes

    @property
    def seen(self) -> State:
        """The directory as it was looked at last."""
        return self._live.state

    def conflicts(self) -> tuple[Conflict, ...]:
        """What others wrote on the DC, so far."""
        self._pending()
        return self._conflicts

    def go_on_as(self, invocation: Guid) -> None:
        """The DC goes on under another invocationID; look at what it wrote since, and for that."""
        self._live.go_on_as(invocation)
        self._found = None
        self._pending()

    def gaps(self) -> list[Gap]:
        """Look at the DC and tell what differs and is to be closed, but for what closes with it."""
        have = self._live.refresh()
        want = matched_by_sid(self._wanted.state, have)
        if not self.exempt.reach.gives_identities:
            want = matched_by_place(want, have)
        self._aligned = want
        differing = self._wanted.scope.narrow(gaps(want, have, self.exempt), want, have)
        found, notes = attainable(differing, want, have, self._dc.feed.contexts[0], self.exempt.reach)
        if self._keeps_machine_secrets:
            found, kept = without_machine_secrets(found, want)
            notes += kept
        found, following = handed_down.apart(found, have)
        # what the server did by itself meanwhile is no news any more, and yet was not to be had
        self._notes = self._notes or (*self._unseen(), *self._unreadable(), *notes)
        self._take_note(found, have)
        closing = self._resolution.closing(found)
        self._following = handed_down.of_those(closing, following, have)
        return self._without_occupied(closing)

    def _without_occupied(self, found: Sequence[Gap]) -> list[Gap]:
        """Without containers that are to go and in which somebody lives who stays: they stay with them."""
        have = self._live.state
        staying = self._resolution.occupied(found, self._aligned, have)
        self._occupied = frozenset(gap.guid for gap in staying)
        for gap in staying:
            what = "stays, though it was deleted since: what was written on the domain controller lies in it"
            note = Limitation(guid=gap.guid, dn=have.dn(gap.guid), what=what)
            if note not in self._notes:
                self._notes += (note,)
        return [gap for gap in found if gap.guid not in self._occupied]

    def _pending(self) -> list[Gap]:
        """The gaps; while nothing was written they are looked for once."""
        if self._found is None:
            self._found = self.gaps()
        return self._found

    @property
    def _conflicts(self) -> tuple[Conflict, ...]:
        return tuple((self._noted or {}).values())

    @property
    def _resolution(self) -> Resolution:
        return Resolution(conflicts=self._conflicts, policy=self._terms.policy)

    def _take_note(self, found: Sequence[Gap], have: State) -> None:
        """Of everything written before the first step; from then on of what came since the look before."""
        arisen = self._concurrent.arisen(found)
        if self._noted is None:
            self._noted = {_key(each): each for each in self._wanted.begun or ()}
            wrote = self._written_since(found, have, begun=self._wanted.begun is not None)
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
        return gap.want is None and gap.guid not in self._wanted.known

    def _written_since(self, found: Sequence[Gap], have: State, *, begun: bool = False) -> Iterator[Conflict]:
        if not found:
            return
        partners, unseen = self._dc.partners(), self._unseen_writes
        # what it had before the look it remembers is no news to anybody, and most of it
        after = unseen.usn if unseen.usn is not None else EVER
        stamps = self._dc.stamps((gap.guid for gap in found if gap.have is not None), after=after)
        asked = {gap.guid for gap in found if partners or unseen.may_be(stamps.get(gap.guid, {}))}
        if asked and (partners or unseen.usn is not None):
            unseen = replace(unseen, recorded=self._wanted.recorded(asked))
        late = written_late(found, stamps, unseen)
        links = self._dc.link_stamps(late) if late else {}
        news: list[Conflict] = []
        if partners:
            known = self._wanted.known
            news += partner_writes(found, have, stamps, partners=partners, known=known, unseen=unseen, links=links)
        yield from news
        local = beyond(found, news)
        if begun:
            # any other late write may be the earlier run's own
            local = [gap for gap in local if self._is_stranger(gap)]
        yield from local_writes(local, have, stamps, known=self._wanted.known, unseen=unseen, links=links)

    @property
    def _unseen_writes(self) -> UnseenWrites:
        image = self._live.image
        usn, invocation = (image.usn, image.invocation) if image is not None else (None, None)
        return UnseenWrites(since=self._wanted.captured, usn=usn, invocation=invocation)

    @property
    def _usurping(self) -> frozenset[Guid]:
        if not self._wanted.scope.is_everything:
            return frozenset()
        return self._resolution.usurping(self._live.state, known=self._wanted.known, given=self._wanted.given)

    @property
    def proof(self) -> FullLook | None:
        """What the DC had when it was last looked at, if all of it was."""
        return self._live.proof

    def collisions(self) -> list[Collision]:
        """What of a part somebody else has; nothing is written."""
        if self._wanted.scope.is_everything:
            return []
        return list(collisions(self._pending(), self._aligned, self._live.state))

    def plan(self, *, heals: bool = False) -> Plan:
        """The steps as things stand; nothing is written.

        Args:
            heals: As in :meth:`run`.
        """
        found = self._plan(self._pending())
        if heals and any(note.received for note in found.notes) and self._dc.receives(self._terms.engine):
            return replace(found, notes=tuple(note for note in found.notes if not note.received))
        return found

    def verify(self) -> list[Difference]:
        """What differs as things stand; nothing is written."""
        self._live.look_anew()
        found = self._differences(self.gaps())
        if self._compares_stamps:
            told = {(each.guid, each.attribute) for each in found}
            want, have = self._aligned, self._live.state
            stamps = [*stamp_differences(want, have, self.exempt), *forgotten_links(self._dc, want, have, want)]
            found += dict.fromkeys(each for each in stamps if (each.guid, each.attribute) not in told)
        return found

    @property
    def _compares_stamps(self) -> bool:
        """Whoever goes back to an earlier point writes anew, and so does a restore until it was looked at."""
        looked_at = self._wanted.head.position is not None
        return looked_at and self._wanted.is_newest and self._wanted.scope.is_everything

    def run(
        self,
        *,
        heals: bool = False,
        reused: ReusedUsns | None = None,
        waiting: Callable[[], None] = lambda: None,
    ) -> RestoreOutcome:
        """Apply until nothing differs, or until a round brings nothing new.

        Args:
            heals: The DC was put back and is to have what it had: it receives that as a replica where it can, with the
                old stamps, and only what is left is written.
            reused: USNs of which its partners may believe to have seen what was lost.
            waiting: Called when the DC begins to write, and there is little to do here.

        Raises:
            NotLocalError: The local engine was asked for and cannot be used; nothing was written.
        """
        found = self._pending()
        if reused is not None:
            self._wanted = replace(self._wanted, state=renewed(self._wanted.state, self._live.state, reused))
            self._aligned = renewed(self._aligned, self._live.state, reused)
        with self._dc.writing(self._terms.engine) as target:
            return self._converge(target, found, heals=heals, waiting=waiting)

    def _converge(
        self, target: Target, found: list[Gap], *, heals: bool, waiting: Callable[[], None]
    ) -> RestoreOutcome:
        outcome = RestoreOutcome(lost=found)
        self._found = None
        # as a replica an account would come without a password, and nobody would lock it
        receives = heals and not self._lacks_secrets
        linked: frozenset[Guid] | None = None
        if isinstance(target, TransactionalTarget):
            target.hand_down(self._handed_down())
            if receives:
                linked = self._receive(found, target, outcome, waiting)
        waiting()
        if linked is not None:
            self._live.look_anew()
            found = self.gaps()
        previous: Sequence[Step] | None = None
        while outcome.rounds < MAX_ROUNDS:
            plan = self._plan(found)
            outcome.conflicts, outcome.notes = plan.conflicts, plan.notes
            if not plan.steps or plan.steps == previous:
                if self._live.is_whole:
                    break
                # the proof is a full look: what a container hands down to its children shows up in no other
                self._live.look_anew()
                found = self.gaps()
                continue
            outcome.rounds += 1
            outcome.refusals = self._apply(plan.steps, target, outcome.applied)
            previous = plan.steps
            if outcome.rounds == 1 and not outcome.refusals:
                # most often nothing is left, and the proof is the only look that is needed
                self._live.look_anew()
            found = self.gaps()
        if not self._live.is_whole:
            # the rounds are over, and only a look at everything is a proof
            self._live.look_anew()
            found = self.gaps()
        if heals and self._restamp():
            self._live.look_anew()
            found = self.gaps()
        if heals:
            outcome.notes += tuple(self._other_stamps())
        # of one object the first counts: it is why what follows was refused
        said = {**outcome.aside, **{each.step.guid: each.reason for each in reversed(outcome.refusals)}}
        want, have = self._aligned, self._live.state
        left = [
            *self._differences(found),
            *tombstone_differences(want, have, outcome.aside),
            *forgotten_links(self._dc, want, have, linked or ()),
        ]
        said |= shared_sids({line.guid for line in left if line.kind == "missing"}, want, have)
        outcome.left = [replace(line, reason=said.get(line.guid, "")) for line in left]
        return outcome

    def _receive(
        self, found: Sequence[Gap], target: TransactionalTarget, outcome: RestoreOutcome, waiting: Callable[[], None]
    ) -> frozenset[Guid] | None:
        """Have the DC take what it lacks as a replica does, once strangers are out of its way.

        Returns:
            The objects of which links were sent; None: the DC was not changed.
        """
        planned = self._plan(found).steps
        want, have = self._aligned, self._live.state
        making_way = list(self._making_way(found))
        gone = {step.guid for step in making_way if isinstance(step, Delete)}
        if making_way:
            # whoever is given a SID of its own must not be given that of somebody who is to come back
            self._apply([*self._raised_rids(), *making_way], target, outcome.applied)
        lacking = replica(
            want,
            have,
            self._dc.feed.contexts,
            self.exempt.spared,
            own=self._dc.own_stamp(),
            overwritten=self._resolution.overwritten,
            staying=self._resolution.untouched(want, have, self._occupied),
            preferred=[each for each in self._resolution.preferred(want, have) if each.guid not in gone],
        )
        waiting()
        # also where nothing is lacking: a run that was killed may have left the keytab behind
        aside = target.receive(lacking, self._progress.applying)
        for each in aside:
            log.warning("replica.refused", object=guid_text(each.guid), link=each.attribute, reason=each.reason)
            outcome.aside[each.guid] = each.reason
        if not lacking:
            return frozenset() if making_way else None
        outcome.rounds += 1
        refused = {each.guid for each in aside}
        received = lacking.touched - refused
        outcome.applied += [step for step in planned if step.guid in received]
        self._concurrent.wrote(lacking.touched)
        if lacking.changes_the_ground:
            self._apply(list(self._reloaded(lacking)), target, [])
            self._dc.reconnect()
        # before the look that proves all of it
        self._apply(list(self._raised_rids()), target, outcome.applied)
        self._notes = tuple(note for note in self._notes if not note.received or note.guid in refused)
        return frozenset(link.source for links in lacking.links.values() for link in links)

    def _handed_down(self) -> dict[str, list[tuple[Guid, bytes]]]:
        want, have = self._aligned, self._live.state
        others = {guid for guid in have if guid not in want and have.is_live(guid)}
        others.update(each.guid for each in self._conflicts if each.guid in have)
        return handed_down.beforehand(self._following, have, others)

    def _reloaded(self, lacking: Replica) -> Iterator[ReloadSchema]:
        """The running DC reads what was defined in its database when it is told to."""
        if any(batch.defines for batch in lacking.batches):
            schema = self._dc.feed.contexts[0]
            root = next(guid for guid, nc in self._dc.feed.roots.items() if nc == schema)
            yield ReloadSchema(guid=root, dn=schema, reason="what was defined can be used from here on")

    def _restamp(self) -> bool:
        """Give what had to be written the stamps it had; True: something was tried."""
        want, have = self._aligned, self._live.state
        staying = {(each.guid, name) for each in self._resolution.staying for name in each.attributes}
        wanted: dict[Guid, dict[str, Stamp]] = {}
        for line in stamp_differences(want, have, self.exempt):
            stamps = want[line.guid].stamps
            if line.attribute in stamps and (line.guid, line.attribute) not in staying:
                wanted.setdefault(line.guid, {})[line.attribute] = stamps[line.attribute]
        for guid, stamps in self._written_once_more():
            wanted.setdefault(guid, {}).update(stamps)
        for guid, reason in self._dc.restamp(wanted) if wanted else ():
            log.warning("stamps.not_restored", object=guid_text(guid), reason=reason)
        return bool(wanted)

    def _written_once_more(self) -> Iterator[tuple[Guid, dict[str, Stamp]]]:
        """Stamps for what stays by the DC's word: a partner knows a later write, or takes what has the old invocationID
        for read."""
        want, have = self._aligned, self._live.state
        preferred = list(self._resolution.preferred(want, have))
        if not preferred:
            return
        own, has_partners = self._dc.own_stamp(), bool(self._dc.partners())
        for conflict in preferred:
            stamps = have[conflict.guid].stamps if conflict.guid in have else {}
            known = want[conflict.guid].stamps if conflict.guid in want else {}
            stripped = self._stripped(conflict.guid)
            anew = {
                name: told_anew(had, known.get(name), own)
                for name, had in stamps.items()
                if (name in conflict.attributes or not conflict.attributes)
                and had.origin != own.origin
                and (had != known.get(name) or name in stripped)
                and (has_partners or (name in known and beats(known[name], had)))
            }
            if anew:
                yield conflict.guid, anew

    def _stripped(self, guid: Guid) -> frozenset[str]:
        """What somebody who is kept alive has and the tombstone lost, most of it without a stamp that says so."""
        want, have = self._aligned, self._live.state
        if guid not in want or want.is_live(guid) or not have.is_live(guid):
            return frozenset()
        return frozenset(have[guid].values.keys() - want[guid].values.keys())

    def _other_stamps(self) -> Iterator[Limitation]:
        other: dict[str, list[Difference]] = {}
        for line in stamp_differences(self._aligned, self._live.state, self.exempt):
            other.setdefault(line.attribute, []).append(line)
        for name, (line, *more) in other.items():
            others = f", and of {len(more)} other objects" if more else ""
            what = f"replication knows another write of {name}{others}, of the same values"
            yield Limitation(guid=line.guid, dn=line.dn, what=what)

    def _making_way(self, found: Sequence[Gap]) -> Iterator[Step]:
        """What the journal never heard of gives up what a lost object needs, or goes."""
        have, want = self._live.state, self._aligned
        strangers = {gap.guid for gap in found if gap.want is None}
        making_way = [
            *evictions(
                found,
                want,
                have,
                self.exempt,
                kept=self._resolution.kept,
                usurping=self._usurping,
                named=self._resolution.named,
                buried=self._buried,
            )
        ]
        making_way += [step for step in parking(found, have) if step.guid in strangers]
        yield from making_way
        deleted = {step.guid for step in making_way if isinstance(step, Delete)}
        for gap in bottom_up((gap for gap in found if gap.guid in strangers - deleted), have):
            if gap.guid not in want:
                yield Delete(guid=gap.guid, dn=have.dn(gap.guid), reason="the journal has no such object")

    @property
    def _buried(self) -> dict[bytes, Guid]:
        """SIDs of the tombstones that the DC lacks."""
        want, have = self._aligned, self._live.state
        lacking = (want[guid] for guid in want.unlike(have) if guid in want and guid not in have)
        found = {sid: item.guid for item in lacking if item.deleted for sid in item.values.get("objectSid", ())}
        # whoever the journal has with it, too, stays
        rightful = (sid for item in want.values() if not item.deleted for sid in item.values.get("objectSid", ()))
        return {sid: found[sid] for sid in found.keys() - set(rightful)} if found else found

    def _unseen(self) -> Iterator[Limitation]:
        if self._lacks_secrets:
            what = (
                "the journal was captured over the network and holds no passwords, keys and other secrets: those that "
                "are there stay, and accounts that are made again get a password nobody knows"
            )
            yield Limitation(guid=self._dc.identity.domain, dn=self._dc.dse.domain, what=what)
        elif self.exempt.reach.unseen:
            what = "passwords, keys and other secrets are neither compared nor restored on this connection"
            yield Limitation(guid=self._dc.identity.domain, dn=self._dc.dse.domain, what=what)

    def _unreadable(self) -> Iterator[Limitation]:
        for guid, sighting in self._live.unreadable.items():
            dn = self._wanted.state.dn(guid) if guid in self._wanted.state else sighting.rdn
            what = f"the domain controller cannot show it, so it is neither compared nor restored: {sighting.trouble}"
            yield Limitation(guid=guid, dn=dn, what=what)

    def _plan(self, found: Sequence[Gap]) -> Plan:
        have = self._live.state
        planned = [
            *self._raised_rids(),
            *steps(
                found,
                self._aligned,
                have,
                self.exempt,
                self._dc.feed.contexts,
                kept=self._resolution.kept,
                usurping=self._usurping,
                named=self._resolution.named,
            ),
        ]
        return Plan(steps=tuple(planned), conflicts=self._conflicts, notes=self._notes)

    def _raised_rids(self) -> Iterator[Step]:
        raises = self._wanted.scope.is_everything and self._dc.privileged
        if raises and (rids := self._dc.rids()) is not None:
            domain = self._dc.identity.domain
            known = known_rids(self._wanted.state, self._live.state, domain=domain, given=self._wanted.given)
            yield from raised(rids, self._wanted.state, known | {self._wanted.last_given_rid})

    def _apply(self, planned: Sequence[Step], target: Target, applied: list[Step]) -> list[Refusal]:
        def attempt(narrower: Step) -> bool:
            return list(target.apply([narrower])) == [None]

        self._concurrent.wrote(step.guid for step in planned)
        refusals, hopeless = [], 0
        for number, (step, refusal) in enumerate(zip(planned, target.apply(planned), strict=True), 1):
            if refusal is None:
                applied.append(step)
            else:
                refusals.append(Refusal(step=step, reason=refusal.message))
                # one value the DC will not take must not cost the whole object; where it takes nothing it is not that
                done = apply_partially(step, attempt) if hopeless < _HOPELESS else []
                hopeless = 0 if done else hopeless + 1
                applied += done
            self._progress.applying(number, len(planned))
        return refusals

    def _differences(self, found: Sequence[Gap]) -> list[Difference]:
        every = (*found, *self._following)
        return [line for gap in every for line in differences(gap, self._aligned, self._live.state)]


def _key(conflict: Conflict) -> tuple[Guid, bool, bool]:
    return conflict.guid, conflict.replicated, conflict.meanwhile
