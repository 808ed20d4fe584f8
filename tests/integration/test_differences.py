"""What a DC will not take keeps nothing else from it: a heal ends with differences, told, kept and restorable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adpersist.model.plan.engine import Engine
from tests.integration.booting import booting
from tests.integration.hands import Hands
from tests.integration.scene import SCHEMA_MAY_CHANGE, Scene, World, until

LONG = "a value the schema was narrowed around " * 3


@pytest.fixture
def world(scene: Scene, place: Path) -> Iterator[World]:
    with scene.played(place, options=SCHEMA_MAY_CHANGE) as world:
        yield world


DEFINITIONS = {"info": "Comment", "userWorkstations": "User-Workstations", "url": "WWW-Page-Other"}


def narrow(world: World, attribute: str, limit: int) -> None:
    """Longer values stay, and nobody may write one any more."""
    with Hands(world.dc) as hands:
        hands.set(f"CN={DEFINITIONS[attribute]},CN=Schema,CN=Configuration,{hands.base}", rangeUpper=str(limit))
        hands.set("", schemaUpdateNow="1")


def lose(world: World, attribute: str, *more: str) -> str:
    """Odette has a value nobody may write, in the image as little as now, maybe beside others; what else happened is
    ordinary. Then the machine goes back."""
    world.write_by(Engine.LDAP)
    narrow(world, attribute, 20)
    world.dc.stop()
    world.dc.golden = world.dc.take_golden(world.place / "narrow")
    world.dc.start()
    narrow(world, attribute, 1024)
    with Hands(world.dc) as hands:
        odette = hands.user("odette", parent=f"OU=Office,{hands.base}")
        hands.set(odette, **{attribute: [LONG, *more]})
        hands.user("today")
    narrow(world, attribute, 20)
    world.run("agent", "--once", code=0)
    world.revert()
    return odette


def test_a_heal_ends_with_what_the_dc_refuses_and_goes_on_capturing(world: World) -> None:
    odette = lose(world, "info")
    healed = world.run("guard", "--json", code=2).json
    assert (healed["proven"], healed["restored"]["left"]) == (False, 1)
    (left,) = healed["restored"]["differences"]
    assert (left["dn"], left["attribute"], left["kind"], left["gives_more"]) == (odette, "info", "value", False)
    assert left["reason"], "the DC's own words"
    with Hands(world.dc) as hands:
        assert hands.find("(cn=today)")
        assert hands.find("(cn=odette)")
        hands.user("tomorrow")
    assert world.run("status", "--json", code=0).json["restored"]["left"] == 1
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)
    ended = next(line for line in world.run("log", "--json", code=0).json if line["kind"] == "restore-end")
    assert [each["attribute"] for each in ended["differences"]] == ["info"]
    # kept: the journal has it at the point that was restored to, and it comes back once the DC takes it
    assert LONG.strip() in world.run("show", "odette", "--at", str(ended["target"]), code=0).out
    narrow(world, "info", 1024)
    world.run("restore", "--object", "odette", "--to", str(ended["target"]), "--yes", code=0)
    with Hands(world.dc) as hands:
        assert hands.read(odette, "info")["info"] == [LONG.encode()]
    assert world.run("guard", "--json", code=0).json["lineage"] == "same"


def test_a_value_that_is_refused_costs_no_other_of_its_attribute(world: World) -> None:
    odette = lose(world, "url", "first", "second", "third")
    healed = world.run("guard", "--json", code=2).json
    assert [(each["dn"], each["attribute"]) for each in healed["restored"]["differences"]] == [(odette, "url")]
    with Hands(world.dc) as hands:
        assert sorted(hands.read(odette, "url")["url"]) == [b"first", b"second", b"third"]


def test_a_reference_that_the_dc_holds_twice_comes_back_once(world: World) -> None:
    """Samba takes the same reference twice in one write, and from then on refuses both, from replication, too."""
    with Hands(world.dc) as hands:
        odette, ada = hands.user("odette"), f"CN=ada,OU=Office,{hands.base}"
        hands.link(odette, *(f"<GUID={hands.guid(ada)}>",) * 2, attribute="seeAlso")
        assert hands.read(odette, "seeAlso")["seeAlso"] == [ada.encode()] * 2
    world.run("agent", "--once", code=0)
    world.revert()
    world.run("guard", code=0)
    with Hands(world.dc) as hands:
        assert hands.read(odette, "seeAlso")["seeAlso"] == [ada.encode()]
    world.run("verify", code=0)


@pytest.mark.parametrize(
    ("attribute", "opens"),
    [pytest.param("info", True, id="an odd value"), pytest.param("userWorkstations", False, id="where to log in")],
)
def test_a_boot_opens_with_a_difference_unless_it_gives_somebody_more(
    world: World, attribute: str, *, opens: bool
) -> None:
    lose(world, attribute)
    world.dc.kill()
    world.dc.prepare()
    log = world.log.with_name("boot.log")
    with booting(world.dc, world.run, log) as process:
        until(lambda: world.dc.answers() or process.poll() is not None, "the DC opens, or not", timeout_s=200)
        assert world.dc.answers() is opens, log.read_text(encoding="utf-8")
        if opens:
            return
        assert process.wait(60) == 2
    assert "[boot] open" in log.read_text(encoding="utf-8")
    with booting(world.dc, world.run.with_environment(ADPERSIST_BOOT_OPEN="always"), log) as process:
        until(lambda: world.dc.answers() or process.poll() is not None, "the DC opens", timeout_s=200)
        assert world.dc.answers(), log.read_text(encoding="utf-8")
