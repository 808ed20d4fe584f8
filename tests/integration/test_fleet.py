"""The fleet view against a real agent: a quiet DC is heard of, a dead agent is red, a heal is told."""

from __future__ import annotations

from typing import Any

from tests.integration.commands import Adpersist
from tests.integration.hands import Hands
from tests.integration.scene import World, until

BEAT = "1s"
PATIENT, STRICT = "60s", "2s"
"""After how long silence is red: where an agent lives, on a machine that may be busy; and where none does."""


def seen(workstation: Adpersist, world: World, code: int | None = None, silent_after: str = PATIENT) -> Any:  # noqa: ANN401 - one journal's document
    words = ("--store", f"sqlite://{world.store}", "--key-file", str(world.key), "--silent-after", silent_after)
    (found,) = workstation("fleet", *words, "--json", code=code).json["journals"]
    return found


def test_a_quiet_agent_is_heard_of_and_a_dead_one_is_red_until_the_dc_is_healed(world: World) -> None:
    workstation = Adpersist(None, environment={"ADPERSIST_CONFIG": "/nowhere/adpersist.toml"})
    # a look at files would be another commit
    alone = {"ADPERSIST_AGENT_BEAT": BEAT, "ADPERSIST_FILES_SYSVOL": "off"}
    with world.run.with_environment(**alone).agent(world.log):
        with Hands(world.dc) as hands:
            hands.user("zoe")
        world.run.settled()
        first = seen(workstation, world, code=0)
        assert first["dc"] == world.dc.names.fqdn
        # nothing happens: only the beat moves the head
        until(lambda: seen(workstation, world)["durable"]["time"] > first["durable"]["time"], "the agent beats")
        quiet = seen(workstation, world, code=0)
        assert quiet["durable"]["seq"] == first["durable"]["seq"]
        assert (quiet["verdict"], quiet["last_heal"]) == ("well", None)
    until(lambda: seen(workstation, world, silent_after=STRICT)["verdict"] == "silent", "a dead agent is red")
    assert seen(workstation, world, code=1, silent_after=STRICT)["durable"]["seq"] == quiet["durable"]["seq"]
    world.revert()
    world.run("guard", code=0)
    healed = seen(workstation, world, code=0)
    assert healed["last_heal"] is not None
    assert healed["timeline"] == 2
    assert world.head().seq == healed["durable"]["seq"]
