"""The journal's end: the same bytes until it is known what became of them, and never a word of what was not written."""

from collections.abc import Callable
from itertools import count

import pytest

from adpersist.errors import FencedError, OutcomeUnknownError, PointError
from adpersist.journal.appending.appender import Patience
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import StoredHead
from tests.faults import Fault, FaultyStore, Injection, Point, Tempo
from tests.golden.journal_samples import (
    AGENT,
    NOON,
    OTHER,
    changes_of,
    created,
    guid,
    key,
    look,
    opened,
    store_of_looks,
)
from tests.unit.test_journal_repair import lose


@pytest.fixture
def store() -> MemoryStore:
    """Six looks by the agent."""
    return store_of_looks(6)


class Noting(FaultyStore):
    """Fails as told, and knows what it was sent."""

    def __init__(self, inner: MemoryStore, *script: Injection) -> None:
        super().__init__(inner, script, Tempo(sleep=lambda _: None))
        self.sent: list[tuple[bytes, ...]] = []

    def append(self, frames, *, onto, head, spare=False) -> StoredHead:  # type: ignore[no-untyped-def]  # noqa: ANN001
        self.sent.append((*(frame.body for frame in frames), head))
        return super().append(frames, onto=onto, head=head, spare=spare)


def patient(store: Noting, slept: list[float]) -> Journal:
    """The agent's journal, with the pauses a user's has; nobody waits for them."""
    journal = Journal.open(store, key(), patience=Patience(sleep=slept.append))
    journal._end.holder = AGENT
    return journal


def test_what_the_store_does_not_say_is_asked_with_the_same_bytes_and_then_left_to_a_refresh(
    store: MemoryStore,
) -> None:
    silent, slept = Noting(store, Injection(point=Point.APPEND, fault=Fault.DROP, times=3)), list[float]()
    journal = patient(silent, slept)
    with pytest.raises(OutcomeUnknownError, match="does not say"):
        look(journal, [created("late")], 10)
    assert (len(silent.sent), len(set(silent.sent)), slept) == (3, 1, [0.1, 2.0])
    with pytest.raises(OutcomeUnknownError, match="settled"):
        look(journal, [created("other")], 10)
    assert len(silent.sent) == 3, "nothing else is sent before it is known"
    assert journal.refresh().seq == 6
    look(journal, [created("late")], 10)
    assert [each.guid for each in changes_of(opened(store), after=6)] == [guid("late")]


class Failing(Noting):
    """A disk that fails whatever is written to it, and says so."""

    def append(self, frames, *, onto, head, spare=False) -> StoredHead:  # type: ignore[no-untyped-def]  # noqa: ANN001
        raise OutcomeUnknownError("/var/journal.db: disk I/O error", hint="Look at the disk: dmesg tells more.")


def test_why_it_is_not_known_is_told_with_what_to_do_about_it(store: MemoryStore) -> None:
    journal = patient(Failing(store), [])
    with pytest.raises(OutcomeUnknownError, match="disk I/O error") as failed:
        look(journal, [created("late")], 10)
    assert failed.value.hint == "Look at the disk: dmesg tells more."


def test_a_head_that_does_not_answer_after_a_write_is_waited_for(store: MemoryStore) -> None:
    lost = Injection(point=Point.APPEND, fault=Fault.LOSE_ANSWER)
    slept = list[float]()
    journal = patient(Noting(store, lost, Injection(point=Point.HEAD, fault=Fault.DROP, call=2, times=2)), slept)
    assert look(journal, [created("late")], 10).seq == 7
    assert slept == [0.1, 2.0]


def test_a_head_that_stands_still_is_read_once(store: MemoryStore) -> None:
    noting, slept = Noting(store), list[float]()
    journal = patient(noting, slept)
    assert journal.refresh() == journal.head
    assert (noting.calls[Point.HEAD], slept) == (2, [])


class Overtaken(FaultyStore):
    """Somebody marks the journal before whatever else is written to it."""

    numbers = count(1)

    def append(self, frames, *, onto, head, spare=False) -> StoredHead:  # type: ignore[no-untyped-def]  # noqa: ANN001
        opened(self._inner).mark(f"m{next(self.numbers)}", writer=OTHER, now=NOON)
        return super().append(frames, onto=onto, head=head, spare=spare)


@pytest.mark.parametrize(
    "write",
    [lambda journal: journal.claim(OTHER, now=NOON), lambda journal: look(journal, [created("late")], 10)],
    ids=["claimed", "looked"],
)
def test_what_marks_overtake_again_and_again_is_not_written_and_says_so(
    store: MemoryStore, write: Callable[[Journal], object]
) -> None:
    journal = opened(Overtaken(store, ()))
    journal._end.holder = AGENT
    with pytest.raises(FencedError, match="faster"):
        write(journal)
    assert opened(store).head.writer == AGENT
    assert len(changes_of(opened(store))) == 6
    with pytest.raises(FencedError, match="does not hold"):
        look(journal, [created("later")], 20)


def test_a_commit_that_is_pruned_under_its_reader_is_no_damage_and_one_that_is_lost_is(store: MemoryStore) -> None:
    reading = opened(store).commits()
    assert [next(reading).seq for _ in range(3)] == [1, 2, 3]
    journal = opened(store)
    journal.write_checkpoint(Seq(4), [], now=NOON)
    journal.prune(oldest=Seq(4), keep_marks=False, now=NOON)
    with pytest.raises(PointError, match="commit 4 was pruned while"):
        next(reading)

    reading = opened(store).commits(after=Seq(4))
    assert next(reading).seq == 5
    lose(store, 6)
    with pytest.raises(DamagedError) as caught:
        next(reading)
    assert (caught.value.seq, caught.value.damage) == (6, Damage.GAP)
