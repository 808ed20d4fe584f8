"""What people look at: a heal as a page, a day as a page, and the console over HTTP, on a real DC and its journal."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.hands import Hands
from tests.integration.scene import PASSWORD, World
from tests.pages import Page

HOSTILE = "<script>alert(1)</script>"
SECRET = "Passw0rd.never-on-a-page"


def _a_day(world: World) -> None:
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        grace = hands.user("grace", parent=office, password=SECRET)
        hands.set(grace, description=HOSTILE)
        hands.link(f"CN=crew,{office}", grace)
        hands.password(f"CN=ada,{office}", SECRET)
        hands.delete(f"CN=visitor,{office}")
    world.run("agent", "--once", code=0)


def _heal_reported(world: World, reports: Path) -> None:
    world.revert()
    with Hands(world.dc) as hands:
        hands.contact("made-meanwhile")
    world.run("guard", "--report", str(reports), code=0)
    (page,) = reports.glob("heal-0001-*.html")
    html = page.read_text()
    document = json.loads(page.with_suffix(".json").read_text())
    assert page.stat().st_mode & 0o777 == 0o600
    assert (document["verdict"], document["number"], document["finished"]) == ("reverted", 1, True)
    lost = {each["dn"].partition(",")[0]: each for each in document["lost"]["listed"]}
    assert (lost["CN=grace"]["what"], lost["CN=grace"]["password"]) == ("missing", True)
    assert lost["CN=ada"]["password"]
    assert "member" in lost["CN=crew"]["attributes"]
    assert [each["what"] for dn, each in lost.items() if dn.startswith("CN=visitor")] == ["alive"]
    assert lost["CN=made-meanwhile"]["what"] == "unknown"
    assert any(each["dn"].startswith("CN=made-meanwhile") for each in document["conflicts"]["listed"])
    assert document["times"]["image"] < document["times"]["began"] < document["times"]["ended"]
    shown = Page(html)
    assert shown.runs_nothing()
    assert "svg" in shown.tags
    assert "CN=grace" in shown.text
    assert document["evidence"] in shown.text
    # the journal tells the same
    again = world.run("report", "--json", code=0).json
    assert {**again, "times": None, "seconds": None} == {**document, "times": None, "seconds": None}
    assert again["times"]["captured_again"] is not None
    assert "Restore 1 of" in world.run("report", "1", code=0).out
    world.run("report", "2", code=7)


def _day_reported(world: World, place: Path) -> None:
    ran = world.run("report", "--since", "-1d", "--json", "--output", str(place / "day.html"), code=0)
    lists, html = ran.json["lists"], (place / "day.html").read_text()
    names = {name: {each["name"] for each in found["listed"]} for name, found in lists.items()}
    assert "grace" in names["accounts_created"]
    assert {"ada"} <= names["passwords"]
    assert "crew" in names["memberships"]
    assert len(ran.json["heals"]) == 1
    shown = Page(html)
    assert shown.runs_nothing()
    assert HOSTILE not in html
    for text in (html, ran.out):
        assert SECRET not in text
        assert PASSWORD not in text
    quiet = world.run("report", "--since", str(world.head().seq), "--json", code=0).json
    assert quiet["changes"] == 0


def test_people_see_a_heal_and_a_day(world: World) -> None:
    _a_day(world)
    _heal_reported(world, world.place / "reports")
    _day_reported(world, world.place)
