"""Commands beside a running agent: it lets them have the journal for a moment, and goes on where that is safe."""

from __future__ import annotations

import pytest

from tests.crash.deaths import KILLED, dying
from tests.integration.commands import Agent
from tests.integration.hands import Hands
from tests.integration.scene import World, until

FENCED, REVERTED = 3, 4


def captured(world: World, name: str) -> bool:
    return any(change.rdn == f"CN={name}" for change in world.changes(after=0))


def goes_on(world: World, agent: Agent, name: str) -> None:
    """What happens now is captured by the agent that was there all the time."""
    with Hands(world.dc) as hands:
        hands.user(name)
    until(lambda: captured(world, name) or agent.process.poll() is not None, "it is captured")
    assert agent.process.poll() is None, agent.said
    until(lambda: world.head().writer.pid == agent.process.pid, "the agent holds the journal")
    world.run.settled()


@pytest.mark.parametrize("words", [("agent", "--once"), ("restore", "--yes"), ("guard",)])
def test_an_agent_goes_on_after_a_command_that_had_the_journal(world: World, words: tuple[str, ...]) -> None:
    with world.run.agent(world.log) as agent:
        with Hands(world.dc) as hands:
            hands.user("before")
        world.run(*words, code=0)
        goes_on(world, agent, "after")
    world.run("verify", code=0)


def test_an_agent_goes_on_along_the_new_timeline_after_a_restore_to_an_earlier_point(world: World) -> None:
    with world.run.agent(world.log) as agent:
        world.run("mark", "morning", code=0)
        with Hands(world.dc) as hands:
            hands.user("regretted")
        world.run.settled()
        world.run("restore", "--to", "@morning", "--yes", code=0)
        goes_on(world, agent, "new-life")
        assert world.head().timeline == 2
    with Hands(world.dc) as hands:
        assert not hands.find("(cn=regretted)")
    world.run("verify", code=0)


def test_an_agent_goes_on_when_the_command_died_before_it_handed_the_journal_back(world: World) -> None:
    with world.run.agent(world.log) as agent:
        with Hands(world.dc) as hands:
            hands.user("before")
        assert dying(world.run, "look", 2, "agent", "--once") == KILLED
        goes_on(world, agent, "after")


def test_an_agent_ends_with_exit_4_when_a_restore_died_half_way(world: World) -> None:
    with world.run.with_environment(ADPERSIST_CAPTURE_CHECK_S="0.5").agent(world.log) as agent:
        world.run("mark", "morning", code=0)
        with Hands(world.dc) as hands:
            for number in range(5):
                hands.user(f"regretted{number}")
        world.run.settled()
        assert dying(world.run, "applied", 2, "restore", "--to", "@morning", "--yes") == KILLED
        assert agent.wait() == REVERTED, agent.said
    world.run("guard", code=0)
    world.run("verify", code=0)


def test_an_idle_agent_notices_that_another_took_the_journal(world: World) -> None:
    run = world.run.with_environment(ADPERSIST_CAPTURE_CHECK_S="0.5")
    first = Agent(run, world.log)
    try:
        first.capturing()
        run.settled()
        second = Agent(world.run, world.place / "second.log")
        try:
            assert first.wait() == FENCED
            assert str(second.process.pid) in first.said
        finally:
            second.kill()
    finally:
        first.kill()
