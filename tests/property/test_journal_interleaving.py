"""Any interleaving of the agent, of upkeep and of power cuts leaves a journal that tells all it promised.

Every step is a command as people run it, on a store of its own, over the same journal: alone, killed before or after
one of its calls of the store, or with another whole command inside one of them.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import shake_256
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from adpersist.agent.upkeep import checkpoints
from adpersist.errors import ConfigError, CopyRefusedError, MovedError, NoJournalError, PointError, WrongKeyError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_encryption import KeyEncryption
from adpersist.journal.upkeep.check import check_journal
from adpersist.journal.upkeep.copy import JournalCopy
from adpersist.journal.upkeep.move import JournalMove
from adpersist.journal.upkeep.repair import Repaired
from adpersist.model.identity.ids import Seq
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.fold import stream_objects
from adpersist.state.state import State
from adpersist.stores.port import Frame, Store
from adpersist.stores.registry import open_adapter
from tests.cases import cases
from tests.contract.conftest import azurite
from tests.faults import Fault, FaultyStore, Point, Tempo
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NC,
    NOON,
    OTHER,
    guid,
    key,
    look,
    new_journal,
)
from tests.golden.make_journal import SMALL_FRAME, small_frames
from tests.property.journal_model import Objects, Owed

__all__ = ["azurite"]

JOURNAL: Final = journal_id(IDENTITY)
LOOKED_THROUGH_EVERY: Final = 6
"""Steps between two looks at everything; one more is at the end."""

names = st.sampled_from(["a", "b", "c", "d"])
blows = st.one_of(
    st.none(),
    st.tuples(st.sampled_from([Fault.DIE_BEFORE, Fault.DIE_AFTER, Fault.SLOW]), st.integers(1, 14)),
)
"""What happens to a step: nothing, a death, or another step in the middle of it; at which of its calls."""


class KilledError(BaseException):
    """The process ended here."""


def _die() -> None:
    raise KilledError


class StruckStore(FaultyStore):
    """Fails at one call, counted over all its methods.

    Attributes:
        struck: Where; None: the step ended before.
    """

    def __init__(self, inner: Store, fault: Fault, at: int, tempo: Tempo) -> None:
        super().__init__(inner, [], tempo)
        self._planned, self._left = fault, at
        self.struck: Point | None = None

    def _fault(self, point: Point) -> Fault | None:
        self._left -= 1
        if self._left:
            return None
        self.struck = point
        return self._planned


Step = Callable[[Store], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy as it was when it was made.

    Attributes:
        seq: Its last commit.
        state: What it tells of it.
        key: Opens it.
    """

    seq: int
    state: Objects
    key: KeyEncryption


class Interleaving(RuleBasedStateMachine):
    """One journal, its copy, and all who write to either."""

    counts: Counter[str]
    """What happened, over all examples of one adapter."""
    new_place: Callable[[], str]

    @initialize()
    def begin(self) -> None:
        self.small = small_frames()
        self.small.__enter__()
        self.place = self.new_place()
        self.copy_place = self.new_place()
        self.copied: Copied | None = None
        self.key: KeyEncryption = key()
        self.next_key: KeyEncryption | None = None
        self.owed = Owed()
        self.usn = self.marked = self.keys_made = self.steps = 0
        self.is_whole = True
        with self._store() as store:
            new_journal(store)
        self.look("a", b"first", False, None, 0)

    # --- the agent ---

    @rule(name=names, value=st.binary(max_size=4), photo=st.booleans(), blow=blows, other=st.integers(0, 3))
    def look(self, name: str, value: bytes, photo: bool, blow: tuple[Fault, int] | None, other: int) -> None:
        large = shake_256(value).digest(SMALL_FRAME)
        values = {"description": (value,), "jpegPhoto": (large,) if photo else ()}
        kept = {attribute: each for attribute, each in values.items() if each}
        state = ObjectState(guid=guid(name), nc=NC, parent=None, rdn=f"CN={name}", values=kept)
        after = {**self.owed.now, state.guid: state}
        self.usn += 1
        changed = list(after.values()) if not self.is_whole else [state]

        def looked(store: Store) -> None:
            journal = self._opened(store)
            journal.claim(AGENT, now=NOON)
            look(journal, [_told(each) for each in changed], self.usn)
            self._durable(journal, after)

        if self._run("look", looked, blow, other) is None:
            with self._store() as store:
                head = self._opened(store).head
                if head.settled and head.position is not None and head.position.usn == self.usn:
                    self._durable(self._opened(store), after)
                else:
                    self.owed.grown(head.seq)

    def _durable(self, journal: Journal, after: Objects) -> None:
        self.owed.now, self.is_whole = after, True
        self.owed.acknowledged(journal.head.seq, after)

    # --- people ---

    @rule(blow=blows, other=st.integers(0, 3))
    def mark(self, blow: tuple[Fault, int] | None, other: int) -> None:
        self.marked += 1
        name = f"m{self.marked}"

        def marking(store: Store) -> None:
            self._marked(self._opened(store), name)

        if self._run("mark", marking, blow, other) is None:
            with self._store() as store:
                journal = self._opened(store)
                for mark in journal.marks():
                    if mark.name == name:
                        self._named(journal, mark.name, mark.seq)

    def _marked(self, journal: Journal, name: str) -> None:
        self._named(journal, name, journal.mark(name, writer=OTHER, now=NOON))

    def _named(self, journal: Journal, name: str, seq: int) -> None:
        if not journal.head.settled:
            self.owed.grown(seq)  # in the middle of a look that was cut off, which is no point to go back to
            return
        self.owed.marks[name] = seq
        self.owed.acknowledged(seq, self.owed.states[max(self.owed.states)])

    @rule(blow=blows, other=st.integers(0, 3))
    def used(self, blow: tuple[Fault, int] | None, other: int) -> None:
        def using(store: Store) -> None:
            self.owed.grown(self._opened(store).note_use('{"deeds":[]}', writer=OTHER, now=NOON))

        if self._run("use", using, blow, other) is None:
            with self._store() as store:
                self.owed.grown(self._opened(store).head.seq)

    @precondition(lambda self: self.owed.points and self.is_whole)
    @rule(data=st.data(), blow=blows, other=st.integers(0, 3))
    def checkpoint(self, data: st.DataObject, blow: tuple[Fault, int] | None, other: int) -> None:
        self._checkpoint(data.draw(st.sampled_from(sorted(self.owed.points))), blow, other)

    def _checkpoint(self, seq: int, blow: tuple[Fault, int] | None, other: int) -> None:
        def saving(store: Store) -> None:
            journal = self._opened(store)
            with suppress(PointError):  # a mark in the middle of a look, or pruned by another meanwhile
                journal.write_checkpoint(Seq(seq), stream_objects(journal, Seq(seq)), now=NOON)

        self._run("checkpoint", saving, blow, other)
        self._learn_saved()

    @precondition(lambda self: self.owed.points and self.is_whole)
    @rule(data=st.data(), keep_marks=st.booleans(), blow=blows, other=st.integers(0, 3))
    def prune(self, data: st.DataObject, keep_marks: bool, blow: tuple[Fault, int] | None, other: int) -> None:
        self._prune(data.draw(st.sampled_from(sorted(self.owed.points))), keep_marks, blow, other)

    def _prune(self, oldest: int, keep_marks: bool, blow: tuple[Fault, int] | None, other: int) -> None:
        kept = {point for point in self.owed.points if point >= oldest}
        kept |= set(self.owed.marks.values()) if keep_marks else set()
        before = self.owed.head

        def pruning(store: Store) -> None:
            checkpoints.prune(self._opened(store), oldest=Seq(oldest), keep_marks=keep_marks, now=NOON)

        self._run("prune", pruning, blow, other)
        self.owed.keeps({*kept, *(point for point in self.owed.points if point > before)})
        self._learn_saved()

    @rule(blow=blows, other=st.integers(0, 3))
    def rotate_data_key(self, blow: tuple[Fault, int] | None, other: int) -> None:
        def rotating(store: Store) -> None:
            with suppress(ConfigError) if self.next_key is not None else _nothing():
                self._opened(store).rotate_data_key(now=NOON)

        self._run("rotate data key", rotating, blow, other)

    @precondition(lambda self: self.next_key is None)
    @rule(blow=blows, other=st.integers(0, 3))
    def rotate_key(self, blow: tuple[Fault, int] | None, other: int) -> None:
        self.keys_made += 1
        new = key(f"key {self.keys_made}")

        def rotating(store: Store) -> None:
            self._opened(store).rotate_key(new, now=NOON)
            self.next_key = new

        if self._run("rotate key", rotating, blow, other) is None:
            with self._store() as store:
                self.next_key = new if len(self._opened(store).wrappers) > 1 else None

    @precondition(lambda self: self.next_key is not None)
    @rule(blow=blows, other=st.integers(0, 3))
    def finish_key(self, blow: tuple[Fault, int] | None, other: int) -> None:
        new = self.next_key
        assert new is not None

        def finishing(store: Store) -> None:
            Journal.open(store, new, patience=IMPATIENT).finish_key(now=NOON)

        old = self.key
        ended = self._run("finish key", finishing, blow, other)
        with self._store() as store:
            finished = len(Journal.open(store, new, patience=IMPATIENT).wrappers) == 1
            assert finished or ended is None
            if finished:
                self.key, self.next_key = new, None
                with pytest.raises(WrongKeyError):
                    Journal.open(store, old, patience=IMPATIENT)

    # --- copies ---

    @rule(blow=blows, other=st.integers(0, 3))
    def copy(self, blow: tuple[Fault, int] | None, other: int) -> None:
        target = self.copy_place

        def copying(store: Store) -> None:
            with self._store(target) as second:
                try:
                    JournalCopy(store, second, self.key, expected=JOURNAL).run()
                except CopyRefusedError:
                    self.counts["copy refused"] += 1
                    self.copy_place = self.new_place()
                    self.copied = None

        self._run("copy", copying, blow, other)
        self._learn_copied()

    @precondition(lambda self: self.copied is not None and self.copied.seq == self.owed.head)
    @rule()
    def lose_the_store(self) -> None:
        """The first store is gone; its copy, which is up to date, goes on."""
        assert self.copied is not None
        with self._store() as store, self._store(self.copy_place) as second:
            if store.head().body != second.head().body:
                return
        self.counts["store lost"] += 1
        self.place, self.copy_place, self.copied = self.copy_place, self.new_place(), None

    @rule(blow=blows, other=st.integers(0, 3))
    def move(self, blow: tuple[Fault, int] | None, other: int) -> None:
        old, new = self.place, self.new_place()

        def moving(store: Store) -> None:
            with self._store(new) as target:
                JournalMove(
                    store, target, self.key, expected=JOURNAL, writer=OTHER, forgets=True, patience=IMPATIENT
                ).run(now=NOON)

        if self._run("move", moving, blow, other) is None:
            with self._store(old) as source, self._store(new) as target:
                assert not (self._goes_on(source) and self._goes_on(target))
                moving(source)
        self.place = new
        with self._store(old) as source, self._store(new) as target:
            assert (self._goes_on(source), self._goes_on(target)) == (False, True)

    # --- damage ---

    @precondition(lambda self: self.is_whole and self.owed.points)
    @rule(data=st.data(), blow=blows)
    def lose_the_oldest_frames(self, data: st.DataObject, blow: tuple[Fault, int] | None) -> None:
        with self._store() as store:
            head = self._opened(store).head
            if head.pruned == head.seq:
                return
            through = data.draw(st.integers(head.pruned + 1, head.seq))
            store.trim(through=Seq(through))
        self._repair(blow, lost=range(head.pruned + 1, through + 1))

    @precondition(lambda self: self.is_whole and self.owed.saved)
    @rule(data=st.data(), blow=blows)
    def lose_a_checkpoint(self, data: st.DataObject, blow: tuple[Fault, int] | None) -> None:
        with self._store() as store:
            head = self._opened(store).head
            gone = data.draw(st.sampled_from(head.checkpoints))
            store.drop_checkpoint(gone.lies_at)
        self.owed.saved.discard(gone.seq)
        self._repair(blow, lost=range(1, head.pruned + 1))

    @precondition(lambda self: self.is_whole)
    @rule(body=st.binary(min_size=1, max_size=9), gap=st.integers(1, 2))
    def leave_a_stray_frame(self, body: bytes, gap: int) -> None:
        with self._store() as store:
            head = store.head()
            store.stage([Frame(seq=Seq(head.seq + gap), body=body)], onto=head)
        self._repair(None, lost=())

    def _repair(self, blow: tuple[Fault, int] | None, *, lost: range | tuple[()]) -> None:
        """As ``check --repair`` does, until it ends."""
        found: list[Repaired] = []

        def repairing(store: Store) -> None:
            journal = self._opened(store)
            journal.take_up(OTHER, now=NOON)
            found.append(journal.go_on(check_journal(store, self.key), OTHER, now=NOON))

        if self._run("repair", repairing, None if blow and blow[0] is Fault.SLOW else blow, 0) is None:
            self._run("repair", repairing, None, 0)
        self.owed.lost(lost)
        with self._store() as store:
            head = self._opened(store).head
        self._learn_saved()
        if head.seq > self.owed.head:
            (began,) = [each for each in head.timelines if each.begins == head.seq]
            self.owed.went_on_from(began.base, head.seq)
            self.is_whole = False
            self.counts["looked at anew"] += 1

    # --- what must hold ---

    @invariant()
    def the_newest_point_is_told_right(self) -> None:
        if self.owed.points:
            with self._store() as store:
                journal = self._opened(store)
                if journal.head.seq in self.owed.states:
                    assert self._tell(journal, journal.head.seq) == self.owed.states[journal.head.seq]

    @invariant()
    def everything_is_told(self) -> None:
        self.steps += 1
        if self.steps % LOOKED_THROUGH_EVERY == 0:
            self._look_through()

    def teardown(self) -> None:
        try:
            self._look_through()
        finally:
            self.small.__exit__(None, None, None)

    def _look_through(self) -> None:
        with self._store() as store:
            journal = self._opened(store)
            assert check_journal(store, self.key).findings == ()
            if self.next_key is not None:
                assert check_journal(store, self.next_key).findings == ()
            for point, expected in self.owed.states.items():
                try:
                    told = self._tell(journal, point) if point else expected
                except PointError:
                    assert point not in self.owed.points, f"point {point} of {journal.head.seq} is owed"
                else:
                    assert told == expected, f"point {point} is another one"
                    self.counts["points told"] += 1
            named = {mark.name: mark.seq for mark in journal.marks()}
            for name, seq in self.owed.marks.items():
                assert seq not in self.owed.points or named[name] == seq
        if self.copied is not None:
            with self._store(self.copy_place) as second:
                copy = Journal.open(second, self.copied.key, patience=IMPATIENT)
                assert check_journal(second, self.copied.key).findings == ()
                assert self._tell(copy, self.copied.seq) == self.copied.state

    # --- how it is done ---

    def _run(self, what: str, step: Step, blow: tuple[Fault, int] | None, other: int) -> str | None:
        """A step on a store of its own; None: it was killed."""
        self.counts[what] += 1
        with self._store() as store:
            if blow is None:
                step(store)
                return what
            struck = StruckStore(store, *blow, Tempo(sleep=lambda _: self._meanwhile(other), die=_die))
            try:
                step(struck)
            except KilledError:
                self.counts["killed"] += 1
                self.counts[f"killed {blow[0].removeprefix('die_')} {struck.struck}"] += 1
                return None
            except MovedError:
                assert what == "look"
                return None
            if struck.struck is not None:
                self.counts["another command inside"] += 1
            return what

    def _meanwhile(self, other: int) -> None:
        """A whole command in the middle of another one, on the same journal."""
        with self._store() as store:
            try:
                journal = self._opened(store)
                match other:
                    case 0:
                        self._marked(journal, "meanwhile")
                    case 1:
                        checkpoints.write_checkpoint(journal, now=NOON)
                    case 2 if self.owed.points:
                        oldest = min(self.owed.points)
                        checkpoints.prune(journal, oldest=Seq(oldest), keep_marks=True, now=NOON)
                    case _:
                        journal.rotate_data_key(now=NOON)
            except (PointError, ConfigError, MovedError):
                self.counts["refused inside"] += 1

    @contextmanager
    def _store(self, place: str | None = None) -> Iterator[Store]:
        with closing(open_adapter(place or self.place, journal=JOURNAL)) as store:
            yield store

    def _opened(self, store: Store) -> Journal:
        return Journal.open(store, self.key, patience=IMPATIENT)

    def _goes_on(self, store: Store) -> bool:
        try:
            self._opened(store).claim(OTHER, now=NOON)
        except (MovedError, NoJournalError):
            return False
        return True

    def _learn_saved(self) -> None:
        with self._store() as store:
            self.owed.saved = {int(each.seq) for each in self._opened(store).head.checkpoints}

    def _learn_copied(self) -> None:
        with self._store(self.copy_place) as second:
            try:
                seq = Journal.open(second, self.key, patience=IMPATIENT).head.seq
            except (NoJournalError, WrongKeyError):
                return
        if seq in self.owed.states:
            self.copied = Copied(seq, self.owed.states[seq], self.key)
        else:
            self.copied = None

    def _tell(self, journal: Journal, seq: int) -> Objects:
        states, commits = journal.history(Seq(seq))
        told = State(states).apply(change for commit in commits for change in commit.changes)
        return {each.guid: each for each in told.values()}


def _told(state: ObjectState) -> Change:
    """An object as a look at everything tells it: what it lacks is cleared."""
    values = {"description": state.values["description"], "jpegPhoto": state.values.get("jpegPhoto", ())}
    return Change(kind=Kind.CREATED, guid=state.guid, nc=NC, rdn=state.rdn, values=values)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("adapter", "examples", "length"),
    [("memory", 80, 25), ("sqlite", cases(12), 20), ("azurite", cases(4), 12)],
    ids=["memory", "sqlite", "azurite"],
)
def test_whatever_happens_in_whatever_order_the_journal_tells_what_it_promised(
    adapter: str, examples: int, length: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    def new_place() -> str:
        name = secrets.token_hex(8)
        match adapter:
            case "memory":
                return f"memory://{name}"
            case "sqlite":
                return f"sqlite://{tmp_path / name}.db"
            case _:
                return f"azurite://{request.getfixturevalue('azurite')}/t{name}"

    counts: Counter[str] = Counter()
    machine = type("Machine", (Interleaving,), {"counts": counts, "new_place": staticmethod(new_place)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=length,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            phases=[Phase.reuse, Phase.generate, Phase.shrink],  # what a failure has in common, nobody waits for
        ),
    )
    print(f"\n{adapter}: " + ", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    if adapter == "memory":  # the few steps on the others need not meet everything
        assert {
            *("look", "mark", "checkpoint", "prune", "rotate data key", "rotate key", "finish key", "copy", "move"),
            *("repair", "looked at anew", "killed", "another command inside"),
            *(f"killed {when} append" for when in ("before", "after")),
        } <= set(counts), "everything was met"


@pytest.mark.sampled
@pytest.mark.parametrize("other", range(4))
@pytest.mark.parametrize("at", range(1, 15))
@pytest.mark.parametrize("what", ["prune", "checkpoint"])
def test_another_command_at_every_call_of_upkeep_takes_nothing_that_is_owed(what: str, at: int, other: int) -> None:
    machine = type(
        "Machine",
        (Interleaving,),
        {"counts": Counter[str](), "new_place": staticmethod(lambda: f"memory://{secrets.token_hex(8)}")},
    )()
    machine.begin()
    try:
        for name in ("a", "b"):
            machine.look(name, b"", False, None, 0)
            machine.mark(None, 0)
        for point in sorted(machine.owed.points):
            if what == "checkpoint":
                machine._checkpoint(point, (Fault.SLOW, at), other)
            elif point in machine.owed.points:
                machine._prune(point, True, (Fault.SLOW, at), other)
    finally:
        machine.teardown()
