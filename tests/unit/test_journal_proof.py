"""When the agent proves all of its journal, and what it knows of it meanwhile."""

from __future__ import annotations

import time

import pytest

from adpersist.agent.upkeep.journal_proof import JournalProof
from adpersist.errors import StoreUnreachableError
from adpersist.journal.upkeep.check import CheckReport, Finding, Part, check_journal
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Identity
from adpersist.stores.memory import MemoryStore
from tests.golden.journal_samples import key, opened, store_of_looks
from tests.unit.test_journal_repair import lose, repaired

HOUR_S, WEEK_S = 3600.0, 7 * 86_400.0


class Agent:
    """Whoever asks after every look, and counts what that costs."""

    def __init__(self, store: MemoryStore) -> None:
        self.now = 5.0
        self.checks = 0
        self.away = False
        self._store = store
        self._journal = opened(store)
        self._proof = JournalProof(self._check, clock=lambda: self.now)

    def _check(self, identity: Identity) -> CheckReport:
        assert identity == self._journal.head.identity
        self.checks += 1
        if self.away:
            raise StoreUnreachableError("nobody answers")
        return check_journal(self._store, key())

    def knows(self, *, after_s: float = 0, every_s: float | None = WEEK_S) -> Finding | None:
        """What it says once the check is done that it may have begun."""
        self.now += after_s
        self._journal.refresh()
        self._proof.tend(self._journal, every_s=every_s)
        while self._proof.is_at_it:
            time.sleep(0.01)
        return self._proof.tend(self._journal, every_s=every_s)


@pytest.fixture
def store() -> MemoryStore:
    return store_of_looks(20)


def test_not_every_start_reads_everything_and_then_it_is_proven_once_in_so_long(store: MemoryStore) -> None:
    agent = Agent(store)
    assert (agent.knows(after_s=HOUR_S - 1), agent.checks) == (None, 0)
    assert (agent.knows(after_s=1), agent.checks) == (None, 1)
    assert (agent.knows(after_s=WEEK_S - 1), agent.checks) == (None, 1)
    assert (agent.knows(after_s=1), agent.checks) == (None, 2)


def test_who_wants_nothing_compared_has_nothing_proven(store: MemoryStore) -> None:
    agent = Agent(store)
    assert (agent.knows(after_s=2 * WEEK_S, every_s=None), agent.checks) == (None, 0)


def test_what_was_lost_is_told_until_it_is_repaired(store: MemoryStore) -> None:
    agent = Agent(store)
    lose(store, 7)
    found = agent.knows(after_s=HOUR_S)
    assert found is not None
    assert (found.part, found.first) == (Part.COMMIT, Seq(7))
    assert agent.knows(after_s=HOUR_S) == found
    assert agent.checks == 1, "nobody did anything about it"
    repaired(store)
    assert (agent.knows(), agent.checks) == (None, 2)


def test_a_store_that_is_away_takes_nothing_back(store: MemoryStore) -> None:
    agent = Agent(store)
    lose(store, 7)
    found = agent.knows(after_s=HOUR_S)
    agent.away = True
    assert (agent.knows(after_s=WEEK_S), agent.checks) == (found, 2)
