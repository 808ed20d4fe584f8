"""One access right at the root of the domain is handed down to everything in it, and comes back from there."""

import time

import pytest

from adpersist.model.plan.engine import Engine
from tests.integration.hands import Hands
from tests.integration.scene import ENGINES, World
from tools.samba_dc import dbcheck

_RIGHT = "(A;CI;RP;;;AN)"
"""Anonymous may read properties."""
_OTHER = "(A;CI;RP;;;BG)"
"""Guests may."""


def _grant(world: World, right: str) -> None:
    tool, where = world.dc.samba_tool, f"--objectdn={world.dc.base_dn}"
    tool("dsacl", "set", where, f"--sddl={right}", "-H", world.dc.ldapi_url_quoted)


def _rights(world: World, dn: str) -> str:
    return world.dc.samba_tool("dsacl", "get", f"--objectdn={dn}", "-H", world.dc.ldapi_url_quoted).stdout


def _person(world: World) -> str:
    with Hands(world.dc) as hands:
        return f"CN=bert,OU=Office,{hands.base}"


def test_what_was_handed_down_comes_back_with_one_step(world: World) -> None:
    _grant(world, _RIGHT)
    world.run("agent", "--once", code=0)
    world.revert()
    person = _person(world)
    assert ";AN)" not in _rights(world, person)
    steps = world.run("plan", "--json", code=2).json["steps"]
    assert [(each["op"], each["dn"]) for each in steps] == [("modify", world.dc.base_dn)]
    ran = world.run("guard", code=0)
    assert "rights.left_to_samba" not in ran.err
    assert ";AN)" in _rights(world, person)
    world.run("verify", code=0)
    world.dc.stop()
    assert dbcheck(world.dc, since=world.dc.golden)


def test_it_reaches_who_has_a_name_beyond_ascii(world: World) -> None:
    with Hands(world.dc) as hands:
        names = [hands.user("jürgen", parent=hands.ou("Büro")), hands.user("Ελένη", parent=hands.ou("Γραφείο"))]
    world.run("agent", "--once", code=0)
    world.dc.stop()
    world.dc.golden = world.dc.take_golden(world.place / "later")
    world.dc.start()
    _grant(world, _RIGHT)
    world.run("agent", "--once", code=0)
    world.revert()
    ran = world.run("guard", code=0)
    assert "rights.left_to_samba" not in ran.err
    for dn in names:
        assert ";AN)" in _rights(world, dn)
    world.run("verify", code=0)


def test_who_was_made_on_the_reverted_dc_and_stays_gets_what_is_handed_down(world: World) -> None:
    _grant(world, _RIGHT)
    world.run("agent", "--once", code=0)
    world.revert()
    with Hands(world.dc) as hands:
        kept = hands.user("kept", parent=f"OU=Office,{hands.base}")
    world.run("guard", "--on-conflict", "dc", code=0)
    for dn in (kept, _person(world)):
        assert ";AN)" in _rights(world, dn)
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_where_the_dcs_word_keeps_the_roots_rights_it_keeps_what_they_hand_down(world: World, engine: Engine) -> None:
    world.write_by(engine)
    _grant(world, _RIGHT)
    with Hands(world.dc) as hands:
        hands.user("today")
    world.run("agent", "--once", code=0)
    world.revert()
    time.sleep(1.1)  # the second write of one second to one object, under one USN, is the same write by its stamp
    _grant(world, _OTHER)
    world.run("guard", "--on-conflict", "dc", code=0)
    person = _person(world)
    assert ";BG)" in _rights(world, person)
    assert ";AN)" not in _rights(world, person)
    with Hands(world.dc) as hands:
        assert ";AN)" not in _rights(world, f"CN=today,CN=Users,{hands.base}"), (
            "who comes back lives under the new ones"
        )
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)
