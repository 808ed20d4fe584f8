"""Started from nothing, as people and unit files do it; other tests fork a process that has imported adpersist."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.commands import PROGRAM, Adpersist
from tests.integration.hands import Hands
from tests.integration.scene import World

INSTALLED = (str(Path(sys.executable).with_name("adpersist")),)
MODULE = ("/usr/bin/env", *PROGRAM)
"""Another program in front: what does not begin with this interpreter is never forked."""


@pytest.mark.parametrize("program", [INSTALLED, MODULE], ids=["the installed script", "python -m"])
def test_a_day_of_programs_started_from_nothing(world: World, program: tuple[str, ...]) -> None:
    run = world.run.with_program(*program)
    with run.agent(world.log) as agent, Hands(world.dc) as hands:
        hands.user("newcomer")
        run.settled()
        assert agent.stop() == 0
    world.revert()
    run("agent", "--once", code=4)
    run("guard", code=0)
    run("verify", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=newcomer)")


@pytest.mark.sampled
@pytest.mark.parametrize(
    "words", [("--version",), (), ("--help",), ("restore", "--help"), ("status",), ("log", "--json"), ("no-such",)]
)
def test_a_fork_says_what_a_start_from_nothing_says(place: Path, words: tuple[str, ...]) -> None:
    forked = Adpersist(place / "nothing.toml") if words and "-" not in words[0] else Adpersist(None)
    started = forked.with_program(*MODULE)
    one, other = forked(*words), started(*words)
    assert (one.code, one.out, one.err) == (other.code, other.out, other.err)
