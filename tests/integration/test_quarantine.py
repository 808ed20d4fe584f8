"""An object that the DC itself cannot show keeps no other from being captured, restored and proven."""

from __future__ import annotations

import pytest

from tests.integration.damage import damage
from tests.integration.hands import Hands
from tests.integration.scene import World


@pytest.mark.parametrize(
    "attribute", ["replPropertyMetaData", "nTSecurityDescriptor", "manager"], ids=["stamps", "rights", "a reference"]
)
def test_one_object_that_cannot_be_read_is_told_and_all_else_flows(world: World, attribute: str) -> None:
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        odd = hands.user("odd", parent=office)
        hands.set(odd, manager=f"CN=ada,{office}", title="captured")
    world.run("agent", "--once", code=0)
    with Hands(world.dc) as hands:
        hands.set(odd, title="never seen")
    sound = damage(world, attribute, b"\xff nothing that anybody could read")
    with Hands(world.dc) as hands:
        hands.user("before")
        hands.set(f"CN=ada,{office}", title="of today")
    world.run("agent", "--once", code=0)
    (told,) = world.run("status", "--json", code=0).json["quarantined"]
    assert "odd" in told["dn"]
    assert told["reason"]
    assert "captured" in world.run("show", "odd", code=0).out, "what was known of it stays"
    verified = world.run("verify", "--json", code=0).json
    assert [note for note in verified["notes"] if "odd" in note["dn"]]

    damage(world, attribute, sound)
    with Hands(world.dc) as hands:
        hands.set(odd, title="again")
        hands.user("after")
    world.run("agent", "--once", code=0)
    assert world.run("status", "--json", code=0).json["quarantined"] == []
    world.run("verify", code=0)

    world.revert()
    world.run("guard", code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        assert hands.read(odd, "title")["title"] == [b"again"]
        assert all(hands.find(f"(cn={name})") for name in ("before", "after"))


def test_a_drift_that_no_look_tells_of_is_found_by_the_scrub(world: World) -> None:
    with Hands(world.dc) as hands:
        odd = hands.user("odd", parent=f"OU=Office,{hands.base}")
        hands.set(odd, title="captured")
    world.run("agent", "--once", code=0)
    damage(world, "title", b"written below every module")
    assert world.run("agent", "--once", "--json", code=0).json["durable"]
    assert "captured" in world.run("show", "odd", code=0).out
    scrubbed = world.run("agent", "--once", "--scrub", "--json", code=0)
    assert scrubbed.json["drifted"] == 1
    assert "scrub.drift" in scrubbed.err
    assert "below every module" in world.run("show", "odd", code=0).out
    assert world.run("agent", "--once", "--scrub", "--json", code=0).json["drifted"] == 0
