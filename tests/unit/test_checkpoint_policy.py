"""When the agent writes a checkpoint by itself, and what a prune says before it does anything."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from adpersist.agent.upkeep import checkpoints
from adpersist.agent.upkeep.checkpoint_thread import CheckpointThread
from adpersist.agent.upkeep.checkpoints import CheckpointPolicy, DoubtfulPruneError, RetentionPolicy, interval, worth
from adpersist.config import JournalSection
from adpersist.errors import StoreFullError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.head import Identity, Position, Writer
from adpersist.model.objects.change import Change, Kind
from adpersist.state.fold import fold
from adpersist.state.state import State
from adpersist.stores.memory import MemoryStore
from tools.bench_store.stand import CountingStore

WRITER = Writer(id="w", host="h", pid=1)


def guid(number: int) -> Guid:
    return Guid(uuid.UUID(int=number).bytes_le)


class Kept:
    """A journal in a counting store, and the state its writer holds."""

    def __init__(self) -> None:
        self._random = random.Random(7)
        identity = Identity(domain=guid(1), server=guid(2), dns_name="dc1")
        self.store = CountingStore(MemoryStore(uuid.uuid4().hex, journal=journal_id(identity)))
        self.journal = Journal.create(self.store, LocalKey(bytes(32)), identity=identity, writer=WRITER, now=0.0)
        self.state = State()
        self._usn = 0

    def look(self, size: int = 10) -> None:
        """One more commit of about so many bytes."""
        self._usn += 1
        change = Change(
            kind=Kind.CREATED,
            guid=guid(100 + self._usn),
            nc="DC=x",
            rdn=f"CN={self._usn}",
            values={"blob": (self._random.randbytes(size),)},
        )
        self.journal.commit(
            [change],
            position=Position(invocation=guid(3), usn=Usn(self._usn)),
            usn_from=Usn(self._usn - 1),
            witnesses=(),
            complete=True,
            now=float(self._usn),
        )
        self.state.apply([change])

    def tend(self, policy: CheckpointPolicy) -> bool:
        """Write a checkpoint when one is due."""
        due = policy.due(self.journal)
        if due:
            self.journal.write_checkpoint(self.journal.head.seq, self.state.values(), now=0.0)
        return due


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept()
    yield made
    made.journal.close()


def test_a_checkpoint_is_written_after_so_many_commits(kept: Kept) -> None:
    policy = CheckpointPolicy(every_commits=4, every_bytes=0)
    for _ in range(12):
        kept.look()
        kept.tend(policy)
    assert [each.seq for each in kept.journal.head.checkpoints] == [4, 8, 12]
    assert dict(fold(kept.journal)) == dict(kept.state)


def test_a_checkpoint_is_written_after_so_many_bytes(kept: Kept) -> None:
    policy = CheckpointPolicy(every_commits=0, every_bytes=100_000)
    for _ in range(200):
        kept.look(size=1000)
        kept.tend(policy)
    made = [each.seq for each in kept.journal.head.checkpoints]
    assert made, "never"
    for before, after in zip([0, *made], made, strict=False):
        # 100 commits hold that many bytes; sizes are looked up for 32 commits at once
        assert 64 <= after - before <= 132, made


def test_a_large_directory_is_saved_more_seldom() -> None:
    """Its checkpoint takes many times what the commits between two of them do."""
    as_ever = 10_000, 64 * 1024 * 1024
    assert worth(0, 0) == worth(100_000, 512 * 1024 * 1024) == as_ever
    assert worth(1_000_000, 1600 * 1024 * 1024) == (100_000, 200 * 1024 * 1024)
    assert CheckpointPolicy.of(JournalSection()) == CheckpointPolicy(every_commits=None, every_bytes=None)


def test_how_often_it_is_saved_follows_from_the_last_checkpoint(kept: Kept) -> None:
    kept.look()
    assert interval(kept.journal.head) == worth(0, 0)
    kept.tend(CheckpointPolicy(every_commits=1, every_bytes=0))
    (made,) = kept.journal.head.checkpoints
    large = replace(kept.journal.head, checkpoints=(made, replace(made, objects=500_000, parts=800)))
    assert interval(large) == (50_000, 100 * 1024 * 1024)


def test_no_policy_writes_nothing(kept: Kept) -> None:
    policy = CheckpointPolicy(every_commits=0, every_bytes=0)
    for _ in range(50):
        kept.look(size=1000)
        assert not kept.tend(policy)


def test_at_rest_the_policy_asks_the_store_for_nothing(kept: Kept) -> None:
    policy = CheckpointPolicy(every_commits=1000, every_bytes=10**9)
    for _ in range(40):
        kept.look()
    kept.tend(policy)
    before = kept.store.operations
    for _ in range(100):
        kept.tend(policy)
    assert kept.store.operations == before


def test_a_prune_does_what_it_said(kept: Kept) -> None:
    for _ in range(20):
        kept.look()
    kept.journal.mark("old", writer=WRITER, now=20.0)
    for _ in range(10):
        kept.look()
    whole = dict(fold(kept.journal))
    said = checkpoints.planned(kept.journal.head, oldest=Seq(25), keep_marks=True)
    assert (said.through, said.marks) == (21, ())
    said = checkpoints.planned(kept.journal.head, oldest=Seq(25), keep_marks=False)
    done = checkpoints.prune(kept.journal, oldest=Seq(25), keep_marks=False, now=40.0)
    assert (done.through, done.marks) == (said.through, said.marks) == (25, ("old",))
    assert kept.journal.head.pruned == 25
    assert dict(fold(kept.journal)) == whole


def test_a_checkpoint_stands_at_a_look_and_not_at_a_mark(kept: Kept) -> None:
    for _ in range(3):
        kept.look()
    kept.journal.mark("here", writer=WRITER, now=3.0)
    assert checkpoints.write_checkpoint(kept.journal, now=4.0).seq == 3
    assert checkpoints.write_checkpoint(kept.journal, now=5.0).seq == 3
    assert len(kept.journal.head.checkpoints) == 1


# --- what is too old ------------------------------------------------------------------------------------------------

DAY_S = 86_400.0


class Aged(Kept):
    """A look a day."""

    def days(self, count: int, *, checkpoint_every: int) -> None:
        for _ in range(count):
            self._usn += 1
            change = Change(kind=Kind.CREATED, guid=guid(100 + self._usn), nc="DC=x", rdn=f"CN={self._usn}")
            self.state.apply([change])
            self.journal.commit(
                [change],
                position=Position(invocation=guid(3), usn=Usn(self._usn)),
                usn_from=Usn(self._usn - 1),
                witnesses=(),
                complete=True,
                now=self._usn * DAY_S,
            )
            if self._usn % checkpoint_every == 0:
                self.journal.write_checkpoint(self.journal.head.seq, self.state.everything(), now=self._usn * DAY_S)

    @property
    def now(self) -> float:
        return self._usn * DAY_S + 60


def test_the_agent_lets_go_of_what_is_older_than_it_keeps() -> None:
    aged = Aged()
    aged.days(130, checkpoint_every=10)
    policy = RetentionPolicy("90d")
    plan = policy.tend(aged.journal, now=aged.now)
    assert plan is not None
    assert plan.through == 40, "the newest checkpoint that every kept point can be told from"
    assert aged.journal.resolve("-90d", now=aged.now) == 40
    assert len(fold(aged.journal, Seq(41))) == 41
    assert policy.tend(aged.journal, now=aged.now) is None, "nothing is left to do"
    aged.days(3, checkpoint_every=10)
    assert policy.tend(aged.journal, now=aged.now) is None


def test_a_young_journal_and_one_without_checkpoints_lose_nothing() -> None:
    aged = Aged()
    aged.days(80, checkpoint_every=10)
    assert RetentionPolicy("90d").tend(aged.journal, now=aged.now) is None
    bare = Aged()
    bare.days(130, checkpoint_every=1000)
    assert RetentionPolicy("90d").tend(bare.journal, now=bare.now) is None


def test_the_agent_keeps_marks_however_old() -> None:
    aged = Aged()
    aged.days(15, checkpoint_every=10)
    aged.journal.mark("for-ever", writer=WRITER, now=aged.now)
    aged.days(120, checkpoint_every=10)
    plan = RetentionPolicy("90d").tend(aged.journal, now=aged.now)
    assert plan is not None
    assert plan.through == 10
    assert aged.journal.resolve("@for-ever", now=aged.now) == 16


@pytest.mark.parametrize("ahead_days", [2, 365])
def test_a_clock_that_is_far_ahead_prunes_nothing_by_itself(ahead_days: int) -> None:
    aged = Aged()
    aged.days(130, checkpoint_every=10)
    before = aged.journal.head
    with pytest.raises(DoubtfulPruneError, match="clock"):
        RetentionPolicy("90d").tend(aged.journal, now=aged.now + ahead_days * DAY_S)
    assert aged.journal.refresh() == before


def test_a_prune_of_more_than_half_is_left_to_a_person() -> None:
    """Also when the agent itself has just captured by a clock that is a year ahead."""
    aged = Aged()
    aged.days(130, checkpoint_every=10)
    aged._usn += 365
    aged.days(1, checkpoint_every=1000)
    before = aged.journal.head
    with pytest.raises(DoubtfulPruneError, match="more than half"):
        RetentionPolicy("90d").tend(aged.journal, now=aged.now)
    assert aged.journal.refresh() == before


def test_retention_is_looked_into_now_and_then_and_can_be_switched_off() -> None:
    clock = [100.0]
    policy = RetentionPolicy("90d", every_s=10.0, clock=lambda: clock[0])
    assert policy.due()
    assert not policy.due()
    clock[0] += 10
    assert policy.due()
    assert not RetentionPolicy("", clock=lambda: clock[0]).due()


def test_a_checkpoint_that_fails_is_not_begun_again_with_every_look() -> None:
    """Each try reads the whole journal."""
    now, opened = [1000.0], list[float]()

    def refused() -> Journal:
        opened.append(now[0])
        raise StoreFullError("the disk is full")

    kept = Kept()
    tended = CheckpointThread(CheckpointPolicy(1, 0), RetentionPolicy(""), refused, clock=lambda: now[0])
    for _ in range(30):
        kept.look()
        tended.tend(kept.journal)
        tended.wait()
        now[0] += 10
    assert [at - 1000 for at in opened] == [0, 60, 180]
