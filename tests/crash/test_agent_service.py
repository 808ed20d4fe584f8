"""The agent as a service: it ends when asked to, waits out what passes, and gives way to whom it must."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from adpersist.agent.status import status
from adpersist.directory.domain_controller import DomainController
from tests.integration.commands import Agent
from tests.integration.hands import Hands
from tests.integration.scene import World, until

FENCED, REVERTED = 3, 4


@contextmanager
def hung(world: World) -> Iterator[None]:
    """The DC accepts connections and never answers."""
    processes = world.dc.processes
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Somebody else holds the store's write lock."""
    with closing(sqlite3.connect(world.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def ends(agent: Agent, number: signal.Signals = signal.SIGTERM) -> None:
    assert agent.stop(number) == 0, agent.said
    assert "agent.stopped" in agent.said.splitlines()[-1]


def ends_without_an_answer(agent: Agent) -> None:
    """It is not the end of its patience with the DC or the store that ends it: of that it would tell."""
    told = agent.said.count("agent.interrupted")
    ends(agent)
    assert agent.said.count("agent.interrupted") == told, agent.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(world: World, number: signal.Signals) -> None:
    with world.run.agent(world.log) as agent:
        ends(agent, number)


def test_a_signal_ends_it_while_the_dc_hangs_and_owes_it_an_answer(world: World) -> None:
    with world.run.agent(world.log) as agent, hung(world):
        time.sleep(0.5)  # five polls: it asks, and waits for the answer
        ends_without_an_answer(agent)


def test_a_signal_ends_it_while_the_dc_is_away(world: World) -> None:
    with world.run.agent(world.log) as agent:
        world.dc.kill()
        until(lambda: "agent.interrupted" in agent.said, "it notices")
        ends(agent)


def test_a_signal_ends_it_while_the_store_is_locked_and_owes_it_an_answer(world: World) -> None:
    with world.run.agent(world.log) as agent, Hands(world.dc) as hands, locked(world):
        hands.user("waiting")
        time.sleep(0.5)
        ends_without_an_answer(agent)


def test_a_signal_ends_it_in_the_middle_of_a_full_look(world: World) -> None:
    agent = Agent(world.run, world.log)
    agent.capturing()
    ends(agent)


def test_it_waits_out_a_dc_that_is_away(world: World) -> None:
    with world.run.agent(world.log) as agent:
        world.dc.kill()
        until(lambda: "agent.interrupted" in agent.said, "it notices")
        world.dc.start()
        with Hands(world.dc) as hands:
            hands.user("back-again")
            before = world.head().seq
            until(lambda: world.head().seq > before, "it captures again")
        assert agent.process.poll() is None


def test_it_waits_out_a_dc_that_hangs_for_a_while(world: World) -> None:
    with world.run.agent(world.log) as agent, Hands(world.dc) as hands:
        with hung(world):
            time.sleep(2)
        hands.user("slow")
        before = world.head().seq
        until(lambda: world.head().seq > before, "it captures again")
        assert agent.process.poll() is None


def test_it_waits_out_a_store_that_is_locked(world: World) -> None:
    with world.run.agent(world.log) as agent, Hands(world.dc) as hands:
        with locked(world):
            hands.user("patient")
            time.sleep(7)  # longer than SQLite's own patience
        until(lambda: any(change.rdn == "CN=patient" for change in world.changes(after=0)), "it captures the change")
        assert agent.process.poll() is None
        world.run.settled()


def test_it_ends_with_exit_4_when_the_dc_is_put_back_under_it(world: World) -> None:
    with world.run.agent(world.log) as agent:
        with Hands(world.dc) as hands:
            hands.user("captured")
        world.run.settled()
        durable = world.captured()
        world.revert()
        assert agent.wait() == REVERTED
        assert world.captured() == durable
        assert "guard" in agent.said


def test_the_first_agent_gives_way_to_the_second_with_exit_3(world: World) -> None:
    with world.run.agent(world.log) as first, world.run.agent(world.place / "second.log") as second:
        with Hands(world.dc) as hands:
            hands.user("contested")
        assert first.wait() == FENCED
        world.run.settled()
        assert second.process.poll() is None
    assert sum(change.rdn == "CN=contested" for change in world.changes(after=0)) == 1


def test_an_outage_does_not_let_the_first_agent_take_the_journal_back(world: World) -> None:
    with world.run.agent(world.log) as first:
        world.dc.kill()
        until(lambda: "agent.interrupted" in first.said, "it notices")
        second = Agent(world.run, world.place / "second.log")
        world.dc.start()
        second.capturing()
        with Hands(world.dc) as hands:
            hands.user("after-the-outage")
        agents = (first, second)
        until(lambda: any(agent.process.poll() is not None for agent in agents), "one of them gives way")
        assert [agent.process.returncode for agent in agents if agent.process.poll() is not None] == [FENCED]
        world.run.settled()
        second.kill()


def test_status_beside_a_busy_agent_never_takes_the_store_for_older_than_the_dc(world: World) -> None:
    """The head is read before the DC is asked; what the agent commits in between must not look like a lost store."""
    with world.run.agent(world.log), Hands(world.dc) as hands:
        dc = DomainController.connect(world.dc.ldapi_url)
        verdicts = Counter[str]()
        try:
            for number in range(150):
                hands.set(f"CN=ada,OU=Office,{hands.base}", info=f"number {number}")
                with world.journal() as journal:
                    time.sleep(0.02 * (number % 8))
                    verdicts[str(status(dc, journal).lineage.verdict)] += 1
        finally:
            dc.close()
        assert world.head().seq > 20, "the agent was busy"
    assert set(verdicts) == {"same"}, verdicts
