"""When the agent writes a checkpoint by itself, and what a prune says before it does anything."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

import pytest

from adpersist.agent import checkpoints
from adpersist.agent.checkpoints import CheckpointPolicy
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
