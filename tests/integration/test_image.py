"""The machine's image: noted while the DC is proven, its age told, what came since kept; put back to it, it heals."""

from __future__ import annotations

import time

from tests.integration.hands import Hands
from tests.integration.scene import World


def test_what_came_since_the_image_is_told_kept_and_healed(world: World) -> None:
    assert world.run.status()["image"] is None
    assert "nobody noted" in world.run("image", "show", code=7).err
    with world.run.agent(world.log):
        with Hands(world.dc) as hands:
            hands.user("before")
        marked = world.run("image", "mark", "--json", code=0).json["image"]
    world.dc.stop()
    world.dc.golden = world.dc.take_golden(world.place / "image")
    world.dc.start()
    with world.run.agent(world.log):
        with Hands(world.dc) as hands:
            zoe = hands.user("zoe")
            hands.user("yan")
            hands.set(zoe, description="later")
        found = world.run.settled()["image"]
        assert (found["seq"], found["commits"]) == (marked["seq"], world.head().seq - marked["seq"])
        assert 0 <= found["age_days"] < 1
        shown = world.run("image", "show", "--json", code=0).json
        assert shown["objects"] == 2
        assert shown["changes"] >= 2
        graded = {each["about"]: each["grade"] for each in world.run("doctor", "--json").json["findings"]}
        assert graded["image"] == "ok"

    time.sleep(1.1)  # all of it is older than what is kept, but for the image
    kept = world.run("prune", "--keep", "1s", "--yes", "--json", code=0).json
    assert kept["kept_for_image"] == kept["through"] == marked["seq"]
    assert f"image at commit {marked['seq']} is kept" in world.run("prune", "--keep", "1s", "--yes", code=0).out
    world.revert()
    with Hands(world.dc) as hands:
        assert hands.find("(sAMAccountName=before)")
        assert not hands.find("(sAMAccountName=zoe)")
    world.run("guard", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(&(sAMAccountName=zoe)(description=later))")
    time.sleep(1.1)  # what the heal ended with is older than what is kept
    forgotten = world.run("prune", "--keep", "1s", "--forget-image", "--yes", "--json", code=0).json
    assert forgotten["kept_for_image"] is None
    assert world.run.status()["image"] is None


def test_no_image_is_noted_of_a_controller_that_is_not_proven_or_not_captured(world: World) -> None:
    with Hands(world.dc) as hands:
        hands.user("uncaught")
    behind = world.run("image", "mark", "--wait", "0", code=1)
    assert "behind the domain controller" in behind.err
    world.run("agent", "--once", code=0)
    world.revert()
    assert "adpersist guard" in world.run("image", "mark", code=4).err
    assert world.head().image is None
