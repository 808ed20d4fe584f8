"""Restoring just enough: to any point, both ways, on a DC that was never reverted; one object, a tree, an attribute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.commands import complaint
from tests.integration.hands import Hands
from tests.integration.ordeal import remains
from tests.integration.scene import PASSWORD, Scene, World
from tools.samba_dc import Dump, dump


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """A DC that lived through a bad day, with the journal of it. Three marks: ``dawn``, ``noon``, ``dusk``.

    Attributes:
        world: The DC and the journal as of dusk, running.
        dawn, dusk: Databases then.
        rid: The RID of the account that was made after noon, and is no more at dawn.
    """

    world: World
    dawn: Dump
    dusk: Dump
    rid: int


def _morning(hands: Hands, office: str) -> None:
    hands.set(f"CN=ada,{office}", description="promoted", title="boss")
    hands.link(f"CN=crew,{office}", f"CN=dora,{office}")


def _mass_deletion(hands: Hands, office: str) -> None:
    for name in ("ada", "bert", "carl", "crew", "everyone", "ws1"):
        hands.delete(f"CN={name},{office}")
    hands.delete(f"CN=emil,OU=Annex,{office}")
    hands.delete(f"OU=Annex,{office}")
    newcomer = hands.user("newcomer", parent=office, password=PASSWORD)
    # a link that was taken away, and one from another naming context to somebody who stays
    hands.set(newcomer, manager=hands.base)
    hands.set(newcomer, manager=f"CN=dora,{office}")
    branch = hands.add(f"CN=Branch,CN=Sites,CN=Configuration,{hands.base}", "site")
    hands.set(branch, managedBy=f"CN=dora,{office}")
    hands.rename(f"CN=dora,{office}", "CN=Dora the Last")


@pytest.fixture(scope="module")
def lived(scene: Scene, module_place: Path) -> Iterator[There]:
    with scene.played(module_place) as world:
        office = f"OU=Office,{world.dc.base_dn}"

        def look_at(name: str) -> Dump:
            world.run("agent", "--once", code=0)
            world.run("mark", name, code=0)
            world.dc.stop()
            found = dump(world.dc.snapshot(module_place / name))
            world.dc.start()
            return found

        dawn = look_at("dawn")
        with Hands(world.dc) as hands:
            _morning(hands, office)
        look_at("noon")
        with Hands(world.dc) as hands:
            _mass_deletion(hands, office)
            rid = hands.rid(f"CN=newcomer,{office}")
        dusk = look_at("dusk")
        yield There(world=world, dawn=dawn, dusk=dusk, rid=rid)


@pytest.fixture
def there(lived: There, place: Path) -> Iterator[There]:
    """A copy of it for one test."""
    lived.world.dc.stop()
    image = lived.world.dc.take_golden(place / "image")
    journal = Scene(golden=image, store=lived.world.store, key=lived.world.key, journal=_journal_of(lived.world))
    with journal.played(place / "copy") as world:
        yield There(world=world, dawn=lived.dawn, dusk=lived.dusk, rid=lived.rid)


def _journal_of(world: World) -> str:
    with world.journal() as journal:
        return journal.id


def _now(there: There) -> Dump:
    there.world.dc.stop()
    found = dump(there.world.dc)
    there.world.dc.start()
    return found


def test_back_to_before_a_mass_deletion_and_forth_again(there: There) -> None:
    run = there.world.run
    back = run("restore", "--to", "@dawn", "--yes", "--json", code=0).json
    assert back["by_kind"]["reanimate"] == 8, "GUID and SID live on in the tombstones"
    assert back["rounds"] == 1, "what Samba makes up as it reanimates is taken away at once"
    run("verify", "--at", "@dawn", code=0)
    run("verify", code=0)
    assert remains(there.dawn, _now(there)).lines == {}
    assert there.world.dc.can_login("ada", PASSWORD)

    run("restore", "--to", "@dusk", "--yes", code=0)
    run("verify", "--at", "@dusk", code=0)
    assert remains(there.dusk, _now(there)).lines == {}
    assert there.world.dc.can_login("newcomer", PASSWORD)


def test_what_was_new_on_the_way_back_is_in_the_journal(there: There) -> None:
    office = f"OU=Office,{there.world.dc.base_dn}"
    with Hands(there.world.dc) as hands:
        hands.user("unseen", parent=office)
    there.world.run("restore", "--to", "@dawn", "--yes", code=0)
    with Hands(there.world.dc) as hands:
        assert not hands.find("(cn=unseen)")
        assert hands.rid(hands.user("later", parent=office)) > there.rid, "no RID is used again"
    assert '"unseen"' in there.world.run("log", "--json", code=0).out or any(
        change.rdn == "CN=unseen" for change in there.world.changes(after=0)
    )


@pytest.mark.parametrize("name", ["dn", "guid", "sid", "account"])
def test_one_object_with_its_memberships(there: There, name: str) -> None:
    office = f"OU=Office,{there.world.dc.base_dn}"
    ada = next(entry for entry in there.dawn.values() if entry.get("sAMAccountName") == (b"ada",))
    with there.world.journal() as journal:
        seq = str(journal.resolve("@noon", now=0))
    sid = there.world.run("show", "ada", "--at", "@noon", "--json", code=0).json["sid"]
    guid = there.world.run("show", "ada", "--at", "@noon", "--json", code=0).json["guid"]
    asked = {"dn": f"CN=ada,{office}", "guid": guid, "sid": sid, "account": "ADA"}[name]
    run = there.world.run
    run("restore", "--to", seq, "--object", "crew", "--yes", code=0)
    plan = run("plan", "--to", seq, "--object", asked, "--json", code=2).json
    assert {step["op"] for step in plan["steps"]} == {"reanimate", "modify", "link"}
    run("restore", "--to", seq, "--object", asked, "--yes", code=0)
    run("verify", "--at", seq, "--object", asked, code=0)
    run("verify", code=0)
    run("status", code=0)
    with Hands(there.world.dc) as hands:
        assert hands.find("(cn=bert)") == [], "nobody else came back"
        assert hands.read(f"CN=ada,{office}", "title", "objectSid") == {
            "title": [b"boss"],
            "objectSid": list(ada["objectSid"]),
        }
        assert len(hands.read(f"CN=crew,{office}", "member")["member"]) == 2, "ada and dora; bert is still gone"
    assert there.world.dc.can_login("ada", PASSWORD)


def test_a_tree_comes_back_with_the_container_above_it(there: There) -> None:
    annex = f"OU=Annex,OU=Office,{there.world.dc.base_dn}"
    there.world.run("restore", "--to", "@dawn", "--object", annex, "--subtree", "--yes", code=0)
    with Hands(there.world.dc) as hands:
        assert hands.find("(cn=emil)") == [f"CN=emil,{annex}"]
        assert hands.find("(cn=ada)") == []
    there.world.run("verify", code=0)


def test_an_object_below_a_deleted_container_brings_the_container(there: There) -> None:
    annex = f"OU=Annex,OU=Office,{there.world.dc.base_dn}"
    with Hands(there.world.dc) as hands:
        # where that goes is where its own container lies by now, with the rights that one hands down now
        hands.rename(f"OU=Office,{there.world.dc.base_dn}", "OU=Former Office")
        office = f"OU=Former Office,{there.world.dc.base_dn}"
        there.world.dc.samba_tool(
            "dsacl", "set", f"--objectdn={office}", "--sddl=(A;CI;RP;;;BG)", "-H", there.world.dc.ldapi_url_quoted
        )
        guest = hands.group("visitors", parent=office)
    part = "--to", "@dawn", "--object", f"CN=emil,{annex}"
    planned = there.world.run("plan", *part, "--json", code=2).json
    assert {step["dn"] for step in planned["steps"]} == {f"OU=Annex,{office}", f"CN=emil,OU=Annex,{office}"}
    assert "its container hands down now" in planned["notes"][0]["what"]
    there.world.run("restore", *part, "--yes", code=0)
    with Hands(there.world.dc) as hands:
        assert hands.find("(cn=emil)") == [f"CN=emil,OU=Annex,{office}"]
    there.world.run("verify", code=0)
    with Hands(there.world.dc) as hands:
        hands.link(guest, f"CN=emil,OU=Annex,{office}")
        hands.user("visiting", parent=hands.ou("Lounge", office))
    # nobody was in a group that there was not yet
    there.world.run("verify", "--at", "@dawn", "--object", "emil", code=2)
    there.world.run("restore", *part, "--yes", code=0)
    with Hands(there.world.dc) as hands:
        assert "member" not in hands.read(guest, "member")
    # what others lie in stays, which the plan says; all of it goes together
    away = "--to", "@dawn", "--object", f"OU=Lounge,{office}"
    assert "lies in it is no part of this" in there.world.run("plan", *away, code=2).out
    left = there.world.run("restore", *away, "--yes", "--json", code=2).json
    assert [(line["kind"], "--subtree" in line["reason"]) for line in left["differences"]] == [("extra", True)]
    there.world.run("restore", *away, "--subtree", "--yes", code=0)
    with Hands(there.world.dc) as hands:
        assert hands.find("(|(ou=Lounge)(cn=visiting))") == []


def test_one_attribute_and_nothing_else(there: There) -> None:
    office = f"OU=Office,{there.world.dc.base_dn}"
    run = there.world.run
    # who does not live on both sides has nothing that could go back alone
    for who, *part in (["newcomer", "@dawn"], ["ada", "@noon"], [f"OU=Annex,{office}", "@noon", "--subtree"]):
        part += ["--object", who, "--attribute", "title"]
        for command in (("verify", "--at"), ("plan", "--to"), ("restore", "--yes", "--to")):
            assert f"{who} does not live" in complaint(run(*command, *part, code=7))
    run("restore", "--to", "@noon", "--object", "ada", "--yes", code=0)
    run("verify", "--at", "@noon", "--object", office, "--subtree", "--attribute", "title", code=0)
    run("restore", "--to", "@dawn", "--object", "ada", "--attribute", "TITLE", "--yes", code=0)
    with Hands(there.world.dc) as hands:
        assert hands.read(f"CN=ada,{office}", "description", "title") == {"description": [b"promoted"]}
    run("verify", "--at", "@dawn", "--object", "ada", "--attribute", "title", code=0)
    run("verify", "--at", "@dawn", "--object", "ada", "--attribute", "description", code=2)
    run("verify", code=0)
    for name in ("memberOf", "titel", "cn", "canonicalName"):
        limited = ("--object", "ada", "--attribute", name)
        for words in (("verify", *limited), ("plan", "--to", "@dawn", *limited), ("restore", "--yes", *limited)):
            assert name in complaint(run(*words, code=7))


def test_a_name_can_be_taken_back_alone(there: There) -> None:
    office = f"OU=Office,{there.world.dc.base_dn}"
    there.world.run("restore", "--to", "@dawn", "--object", "dora", "--attribute", "name", "--yes", code=0)
    with Hands(there.world.dc) as hands:
        assert hands.find("(cn=dora)") == [f"CN=dora,{office}"]


def test_a_part_is_not_restored_onto_a_reverted_dc(there: There) -> None:
    with Hands(there.world.dc) as hands:
        hands.user("after-the-image")
    there.world.run("agent", "--once", code=0)
    there.world.revert()
    before = there.world.head()
    there.world.run("restore", "--object", "ada", "--to", "@dawn", "--yes", code=4)
    assert there.world.head() == before
    there.world.run("guard", code=0)


def test_an_object_nobody_knows_is_said_and_nothing_is_written(there: There) -> None:
    before = there.world.head().seq
    there.world.run("plan", "--to", "@dawn", "--object", "nobody-at-all", code=7)
    assert there.world.head().seq == before


def test_a_new_object_can_be_taken_away_alone(there: There) -> None:
    there.world.run("restore", "--to", "@dawn", "--object", "newcomer", "--yes", code=0)
    with Hands(there.world.dc) as hands:
        assert hands.find("(cn=newcomer)") == []
        assert hands.find("(cn=ada)") == []
        # who lives is meant, however many once had the name
        hands.delete(hands.user("newcomer"))
    there.world.run("agent", "--once", code=0)
    there.world.run("mark", "two", code=0)
    with Hands(there.world.dc) as hands:
        hands.user("newcomer")
    there.world.run("restore", "--to", "@two", "--object", "newcomer", "--yes", code=0)
    with Hands(there.world.dc) as hands:
        assert hands.find("(cn=newcomer)") == []
    there.world.run("verify", "--at", "@two", "--object", "newcomer", code=7)
    there.world.run("verify", code=0)
