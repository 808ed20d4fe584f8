"""Reading a state from a checkpoint and a tail equals reading the whole chain, whatever was pruned in between."""

from dataclasses import dataclass, field
from hashlib import shake_256

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adpersist.errors import PointError
from adpersist.journal.journal import Journal
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.state import State
from adpersist.stores.memory import MemoryStore
from tests.cases import cases
from tests.golden.journal_samples import AGENT, NC, NOON, fresh_store, guid, key, look, new_journal
from tests.golden.make_journal import SMALL_FRAME, small_frames

Objects = dict[bytes, ObjectState]
objects = st.sampled_from(["a", "b", "c", "d"])
LOOKED_THROUGH_EVERY = 5
"""Steps between two looks at all of it, which take as long as it has points; one more is at the end."""


@dataclass
class Truth:
    """What every point's state is, kept without the journal's help."""

    states: dict[int, Objects] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    oldest: int = 0


class BoundedJournal(RuleBasedStateMachine):
    """A journal that is written, marked, restored, checkpointed, pruned and opened again in any order."""

    @initialize()
    def begin(self) -> None:
        self.small = small_frames()
        self.small.__enter__()
        self.store: MemoryStore = fresh_store()
        self.journal: Journal = new_journal(self.store)
        self.truth = Truth(states={0: {}})
        self.now: Objects = {}
        self.usn = 0
        self.steps = 0

    @rule(name=objects, value=st.binary(max_size=4), photo=st.booleans())
    def change(self, name: str, value: bytes, photo: bool) -> None:
        large = shake_256(value).digest(SMALL_FRAME)
        values = {"description": (value,), "jpegPhoto": (large,) if photo else ()}
        change = Change(kind=Kind.CREATED, guid=guid(name), nc=NC, rdn=f"CN={name}", values=values)
        state = ObjectState(
            guid=change.guid,
            nc=NC,
            parent=None,
            rdn=f"CN={name}",
            values={attribute: each for attribute, each in values.items() if each},
        )
        self.usn += 1
        look(self.journal, [change], self.usn)
        self.now = {**self.now, change.guid: state}
        self._settled()

    @rule()
    def mark(self) -> None:
        self.journal.mark("m", writer=AGENT, now=NOON)
        self._settled()

    @precondition(lambda self: self.truth.settled)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(sorted(self.truth.settled)))
        if not self._tellable(target):
            return
        self.journal.begin_restore(target=Seq(target), writer=AGENT, now=NOON)
        self._settled()
        self.journal.end_restore(now=NOON)
        self.now = self.truth.states[target]
        self._settled()

    @precondition(lambda self: self.truth.settled)
    @rule(data=st.data())
    def checkpoint(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(sorted(self.truth.settled)))
        if seq > self.journal.head.pruned and self.journal.head.complete:
            try:
                self.journal.write_checkpoint(Seq(seq), self.truth.states[seq].values(), now=NOON)
            except PointError:
                assert not self._tellable(seq) or seq < self._first_whole(), "what can be told can be kept"

    @precondition(lambda self: self.truth.settled)
    @rule(data=st.data(), keep_marks=st.booleans())
    def prune(self, data: st.DataObject, keep_marks: bool) -> None:
        oldest = data.draw(st.sampled_from(sorted(self.truth.settled)))
        kept = [seq for seq in self.truth.settled if seq >= oldest and self._tellable(seq)]
        kept += [mark.seq for mark in self.journal.marks() if keep_marks and self._tellable(mark.seq)]
        self.journal.prune(oldest=Seq(oldest), keep_marks=keep_marks, now=NOON)
        for seq in kept:
            assert self._tellable(seq)

    @rule()
    def reopen(self) -> None:
        self.journal = Journal.open(self.store, key())
        self.journal.claim(AGENT, now=NOON)

    @invariant()
    def the_newest_point_is_told_right(self) -> None:
        if self.truth.settled:
            assert self._told(self.journal.head.seq) == self.now

    @invariant()
    def the_journal_checks_clean_and_every_point_that_can_be_told_is_told_right(self) -> None:
        self.steps += 1
        if self.steps % LOOKED_THROUGH_EVERY == 0:
            self._look_through()

    def teardown(self) -> None:
        try:
            self._look_through()
        finally:
            self.small.__exit__(None, None, None)

    def _look_through(self) -> None:
        assert check_journal(self.store, key()).findings == ()
        for seq, expected in self.truth.states.items():
            if seq and self._tellable(seq):
                assert self._told(seq) == expected

    def _told(self, seq: int) -> dict[Guid, ObjectState]:
        states, commits = self.journal.history(Seq(seq))
        return dict(State(states).apply(change for commit in commits for change in commit.changes))

    def _settled(self) -> None:
        seq = self.journal.head.seq
        self.truth.states[seq] = self.now
        self.truth.settled.add(seq)

    def _tellable(self, seq: int) -> bool:
        try:
            self.journal.history(Seq(seq))
        except PointError:
            return False
        return True

    def _first_whole(self) -> int:
        """Behind which a state is one of everything."""
        pruned = self.journal.head.pruned
        return pruned or next(commit.seq for commit in self.journal.commits() if commit.complete)


TestBoundedJournal = BoundedJournal.TestCase
TestBoundedJournal.settings = settings(max_examples=cases(150), stateful_step_count=30, deadline=None)
