"""Looking at a DC again and again: each look is compared with what is wanted, and tells what others wrote meanwhile."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from adpersist.capture.capture import SECRET
from adpersist.capture.full_look import FullLook
from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.secret_attributes import SECRET_ATTRIBUTES
from adpersist.model.objects.stamps import EVER
from adpersist.model.plan.step import Exempt, Step
from adpersist.model.plan.terms import OnConflict
from adpersist.restore.conflicts.circles import circular
from adpersist.restore.conflicts.resolution import Resolution
from adpersist.restore.convergence.comparison import Comparison
from adpersist.restore.convergence.noted_writes import NotedWrites
from adpersist.restore.live_state import LiveState
from adpersist.restore.plan import handed_down
from adpersist.restore.plan.collisions import needed
from adpersist.restore.plan.identities.foreign_principals import matched_by_sid
from adpersist.restore.plan.identities.made_again import KEPT, MadeAgain, made_again
from adpersist.restore.plan.identities.renumbering import matched_by_place, with_other_guids
from adpersist.restore.plan.identities.reused_usns import ReusedUsns, renewed
from adpersist.restore.plan.limitations import Limitation, attainable
from adpersist.restore.plan.machines.machine_secrets import without_machine_secrets
from adpersist.restore.plan.replicated_updates import ReplicatedUpdates, replicated_since
from adpersist.restore.plan.scope import RestoreScope
from adpersist.restore.wanted import WantedState
from adpersist.state.differences import Compared, Gap, gaps
from adpersist.state.fold import without_gc
from adpersist.state.state import State


class Looks:
    """Looks at one DC for one restore.

    Args:
        dc: The DC.
        wanted: What it is compared with.
        policy: Whose word counts where others wrote.
        keeps_machine_secrets: Computers and trusts keep the passwords they say now.
        looking: Told what is being looked at.
    """

    def __init__(
        self,
        dc: DomainController,
        wanted: WantedState,
        policy: OnConflict,
        *,
        keeps_machine_secrets: bool,
        looking: Callable[[str], None],
    ) -> None:
        self._dc = dc
        self._wanted = wanted
        self._want = wanted.state
        self._scope: RestoreScope | None = None
        self._policy = policy
        self._keeps_machine_secrets = keeps_machine_secrets
        self._live = LiveState(dc, base=wanted.base, like=wanted.state, spill=wanted.spill, progress=looking)
        self._noted = NotedWrites(dc, wanted)
        self._compared = Compared()
        self.notes: tuple[Limitation, ...] = ()
        """What the looks showed that can neither be compared nor restored."""

    @property
    def seen(self) -> State:
        """The directory as it was looked at last."""
        return self._live.state

    @property
    def is_whole(self) -> bool:
        """The last look was one at everything, and so a proof: what a container hands down shows up in no other."""
        return self._live.is_whole

    @property
    def proof(self) -> FullLook | None:
        """What the DC had when it was last looked at, if all of it was."""
        return self._live.proof

    @cached_property
    def lacks_secrets(self) -> bool:
        """The journal was captured by a session that sees none, at least up to the point that is wanted."""
        return self._dc.privileged and not self._wanted.holds_secrets

    @cached_property
    def exempt(self) -> Exempt:
        """What is left alone: also what the journal never saw."""
        found = self._dc.exempt
        if not self.lacks_secrets:
            return found
        hidden = frozenset(SECRET_ATTRIBUTES)
        return replace(found, reach=replace(found.reach, unseen=hidden, not_at_birth=hidden))

    def look_ahead(self, contexts: Collection[str]) -> None:
        """Look at naming contexts that nothing is written to now; the next look at everything has less to do."""
        self._live.look_ahead(contexts)

    @without_gc()
    def look(self, *, anew: bool = False) -> Comparison:
        """Look at the DC, and compare.

        Args:
            anew: At everything, instead of what changed since the look before.
        """
        if anew:
            self._live.look_anew()
        have = self._live.refresh()
        again = made_again(self._want, have)
        exempt = self._exempt_of(again)
        want = matched_by_sid(with_other_guids(self._want, again.now), have)
        if not self.exempt.reach.gives_identities:
            want = matched_by_place(want, have)
        if self._scope is None:
            self._scope = self._wanted.scope.begun(want, have)
        want = self._scope.in_place(want, have)
        found, notes = self._attainable(self._scope, want, have, exempt)
        notes += self._made_again(again)
        found, following = handed_down.apart(found, have)
        # what the server did by itself meanwhile is no news any more, and yet was not to be had
        self.notes = self.notes or (*self._unseen(), *self._unreadable(), *self._own_password(want, have), *notes)
        self._noted.take_note(found, have, self._live.image)
        resolution = Resolution(conflicts=self._noted.conflicts, policy=self._policy, single_links=exempt.single_links)
        closing = resolution.closing(found)
        stuck = circular(closing, want, have) if resolution.staying else frozenset()
        if stuck:
            resolution = resolution.keeping_place(stuck, have)
            closing = resolution.closing(found)
        want = resolution.in_place(want, have)
        following = handed_down.of_those(closing, following, have)
        staying = resolution.occupied(closing, want, have)
        occupied = frozenset(gap.guid for gap in staying)
        closing = [gap for gap in closing if gap.guid not in occupied]
        held = {} if self._scope.is_everything else needed(closing, have)
        more = (*_occupied(staying, have), *_stuck(stuck, have), *_held(held, have))
        self.notes += tuple(note for note in more if note not in self.notes)
        return Comparison(
            want=want,
            have=have,
            exempt=exempt,
            gaps=[gap for gap in closing if gap.guid not in held],
            following=following,
            held=[gap for gap in closing if gap.guid in held],
            resolution=resolution,
            usurping=self._usurping(resolution, have),
            occupied=occupied,
            notes=self.notes,
        )

    def go_on_as(self, invocation: Guid) -> None:
        """The DC goes on under another invocationID; the next look sees what it wrote since."""
        self._live.go_on_as(invocation)

    def renew(self, seen: Comparison, reused: ReusedUsns) -> Comparison:
        """What was seen last; lost writes under reused USNs are wanted as the DC's own of today, from now on."""
        self._want = renewed(self._want, seen.have, reused)
        return replace(seen, want=renewed(seen.want, seen.have, reused))

    def replicated(self, partners: Collection[Guid], fresh: Guid) -> ReplicatedUpdates:
        """What replication brought to the DC since its image, by the last look.

        Args:
            partners: invocationIDs of the others.
            fresh: The invocationID the DC goes on under.
        """
        image = self._live.image
        if image is None and self._dc.last_replicated() < int(self._wanted.captured):
            return ReplicatedUpdates()
        usn = image.usn if image is not None else EVER
        return replicated_since(
            usn,
            self._dc.each_written(Usn(usn + 1)),
            self.seen,
            image.state if image is not None else State(),
            self._wanted.state,
            partners=partners,
            fresh=fresh,
        )

    def wrote(self, objects: Iterable[Guid]) -> None:
        """We wrote to these, or tried, since the last look."""
        self._noted.wrote(objects)

    def tried(self, steps: Sequence[Step]) -> None:
        """We carried these out, or tried, since the last look."""
        self._noted.tried(steps)

    def gave(self, objects: Iterable[Guid]) -> None:
        """The DC received these since the last look, with the stamps they had."""
        self._noted.gave(objects)

    def received(self, refused: Iterable[Guid]) -> None:
        """The DC has as a replica what else could not be had, but for these objects."""
        lacking = frozenset(refused)
        self.notes = tuple(note for note in self.notes if not note.received or note.guid in lacking)

    def _exempt_of(self, again: MadeAgain) -> Exempt:
        """What is left alone, also of definitions that were made again."""
        found = self.exempt
        if not (again.now or again.clashing):
            return found
        kept = dict.fromkeys(again.now.values(), KEPT)
        spared = replace(
            found.spared,
            objects=found.spared.objects | again.clashing,
            attributes={**found.spared.attributes, **kept},
        )
        return replace(
            found, objects=found.objects | again.clashing, attributes={**found.attributes, **kept}, spared=spared
        )

    def _made_again(self, again: MadeAgain) -> Iterator[Limitation]:
        for guid, now in again.now.items():
            what = "somebody defined it again on the domain controller: it is that definition, under its objectGUID"
            yield Limitation(guid=now, dn=self._want.dn(guid), what=what)
        for guid in again.clashing:
            what = "a definition that somebody made on the domain controller has its OID or its name: it stays away"
            yield Limitation(guid=guid, dn=self._want.dn(guid), what=what)

    def _attainable(
        self, scope: RestoreScope, want: State, have: State, exempt: Exempt
    ) -> tuple[list[Gap], list[Limitation]]:
        differing, lost = scope.narrow(
            gaps(want, have, exempt, self._compared), want, have, without_references=exempt.without_references
        )
        if not scope.is_everything:
            differing, theirs = handed_down.by_others(differing, want, have)
            lost += theirs
        found, notes = attainable(differing, want, have, self._dc.feed.contexts[0], exempt.reach)
        notes += lost
        if self._keeps_machine_secrets:
            found, kept = without_machine_secrets(found, want)
            notes += kept
        return found, notes

    def _usurping(self, resolution: Resolution, have: State) -> frozenset[Guid]:
        if not self._wanted.scope.is_everything:
            return frozenset()
        return resolution.usurping(have, known=self._wanted.known, given=self._wanted.given)

    def _unseen(self) -> Iterator[Limitation]:
        if self.lacks_secrets:
            what = (
                "the journal was captured over the network and holds no passwords, keys and other secrets: those that "
                "are there stay, and accounts that are made again get a password nobody knows"
            )
            yield Limitation(guid=self._dc.identity.domain, dn=self._dc.dse.domain, what=what)
        elif self.exempt.reach.unseen:
            what = "passwords, keys and other secrets are neither compared nor restored on this connection"
            yield Limitation(guid=self._dc.identity.domain, dn=self._dc.dse.domain, what=what)

    def _own_password(self, want: State, have: State) -> Iterator[Limitation]:
        """The files of a DC that went back hold the password it had then, whatever others know by now."""
        if not (self._wanted.is_newest and self._wanted.scope.is_everything):
            return
        had = self._live.image.state if self._live.image is not None else have
        for guid, names in self.exempt.attributes.items():
            known, was = (state[guid].stamps.get(SECRET) if guid in state else None for state in (want, had))
            if SECRET in names and known is not None and was is not None and known.version > was.version:
                what = (
                    "its own password was changed after what its files went back to, and is theirs again: partners "
                    "know the newer one, and cannot log in to it; healed with --engine local it tells them of one"
                )
                yield Limitation(guid=guid, dn=want.dn(guid), what=what, received=True)

    def _unreadable(self) -> Iterator[Limitation]:
        for guid, sighting in self._live.unreadable.items():
            dn = self._want.dn(guid) if guid in self._want else sighting.rdn
            what = f"the domain controller cannot show it, so it is neither compared nor restored: {sighting.trouble}"
            yield Limitation(guid=guid, dn=dn, what=what)


def _stuck(stuck: Iterable[Guid], have: State) -> Iterator[Limitation]:
    for guid in sorted(stuck):
        what = "stays where it is: where it is to lie lies in it, since somebody moved that on the domain controller"
        yield Limitation(guid=guid, dn=have.dn(guid), what=what)


def _held(held: Mapping[Guid, str], have: State) -> Iterator[Limitation]:
    for guid, what in sorted(held.items()):
        yield Limitation(guid=guid, dn=have.dn(guid), what=what)


def _occupied(staying: Sequence[Gap], have: State) -> Iterator[Limitation]:
    for gap in staying:
        what = "stays, though it was deleted since: what was written on the domain controller lies in it"
        yield Limitation(guid=gap.guid, dn=have.dn(gap.guid), what=what)
