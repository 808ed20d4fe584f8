"""A reverted DC that somebody worked on before the restore: those writes are news to nobody but this DC.

The captured day and the local writes happen once; every policy then gets a copy of the DC and of the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adpersist.model.identity.ids import guid_text
from adpersist.model.objects.change import Change
from adpersist.model.plan.engine import Engine
from tests.integration.clock import clock
from tests.integration.commands import Ran, complaint
from tests.integration.hands import Hands
from tests.integration.scene import Scene, World


def _captured_day(hands: Hands, office: str) -> None:
    hands.set(f"CN=bert,{office}", description="from the journal", info="from the journal")
    hands.set(f"CN=ada,{office}", description="from the journal")
    lost = hands.user("lost", parent=office)
    hands.link(f"CN=crew,{office}", lost)
    hands.delete(f"CN=visitor,{office}")


def _local_writes(hands: Hands, office: str) -> None:
    hands.contact("stranger", parent=office)
    hands.set(f"CN=bert,{office}", description="written locally", telephoneNumber="4711")
    hands.rename(f"CN=carl,{office}", "CN=Carl the Local")
    hands.link(f"CN=crew,{office}", f"CN=dora,{office}")
    hands.unlink(f"CN=crew,{office}", f"CN=ada,{office}")
    hands.set(f"CN=crew,{office}", description="written after its members")
    hands.set(f"CN=visitor,{office}", mail="local@example.org")
    hands.delete(f"CN=emil,OU=Annex,{office}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wounded:
    """A reverted DC with local writes on it, to be copied.

    Attributes:
        scene: The stopped DC as it is now, and the journal of the day it has lost.
        guids: objectGUIDs by account or object name, as the commands print them.
    """

    scene: Scene
    guids: Mapping[str, str]

    def played(self, place: Path) -> AbstractContextManager[World]:
        return self.scene.played(place)


@pytest.fixture(scope="module")
def wounded(scene: Scene, module_place: Path) -> Iterator[Wounded]:
    with scene.played(module_place) as world:
        with Hands(world.dc) as hands:
            office = f"OU=Office,{hands.base}"
            guids = {
                name: str(hands.guid(f"CN={name},{office}")) for name in ("ada", "bert", "carl", "crew", "visitor")
            }
            guids["emil"] = str(hands.guid(f"CN=emil,OU=Annex,{office}"))
            _captured_day(hands, office)
            guids["lost"] = str(hands.guid(f"CN=lost,{office}"))
        world.run("agent", "--once", code=0)
        world.revert()
        with Hands(world.dc) as hands:
            hands.outlive_the_second()  # originating times count in whole seconds
            _local_writes(hands, office)
            guids["stranger"] = str(hands.guid(f"CN=stranger,{office}"))
        world.dc.stop()
        image = world.dc.take_golden(module_place / "wounded")
        journal = Scene(golden=image, store=world.store, key=world.key, journal=scene.journal)
        yield Wounded(scene=journal, guids=guids)


@pytest.fixture(scope="module")
def planned(wounded: Wounded, module_place: Path) -> Ran:
    """``plan --json`` on the wounded DC."""
    with wounded.played(module_place / "planned") as world:
        return world.run("plan", "--json", code=2)


def conflict_on(ran: Ran, guid: str) -> Any:  # noqa: ANN401 - attributes, or None
    """The attributes a conflict names; None where there is no conflict on that object."""
    return {each["guid"]: each["attributes"] for each in ran.json["conflicts"]}.get(guid)


def test_an_object_the_journal_never_heard_of_is_a_conflict(planned: Ran, wounded: Wounded) -> None:
    assert conflict_on(planned, wounded.guids["stranger"]) == []


def test_attributes_written_locally_are_conflicts_and_lost_ones_are_not(planned: Ran, wounded: Wounded) -> None:
    assert conflict_on(planned, wounded.guids["bert"]) == ["description", "telephoneNumber"]
    assert conflict_on(planned, wounded.guids["ada"]) is None


def test_a_local_rename_is_a_conflict(planned: Ran, wounded: Wounded) -> None:
    assert "name" in conflict_on(planned, wounded.guids["carl"])


def test_a_local_membership_is_a_conflict(planned: Ran, wounded: Wounded) -> None:
    assert conflict_on(planned, wounded.guids["crew"]) == ["description", "member"]


def test_a_local_delete_is_a_conflict(planned: Ran, wounded: Wounded) -> None:
    assert conflict_on(planned, wounded.guids["emil"]) is not None


def test_a_local_write_to_what_the_journal_deleted_is_a_conflict(planned: Ran, wounded: Wounded) -> None:
    assert conflict_on(planned, wounded.guids["visitor"]) == ["mail"]


def test_fail_refuses_before_anything_is_written(wounded: Wounded, place: Path) -> None:
    with wounded.played(place) as world:
        before = world.head()
        with Hands(world.dc) as hands:
            usn = hands.usn()
            ran = world.run("guard", "--on-conflict", "fail", code=2)
            assert hands.usn() == usn, "something was written to the DC"
        assert "written locally" in complaint(ran)
        assert "--on-conflict" in ran.err
        assert world.head() == before
        assert world.run("restore", "--yes", "--on-conflict", "fail", "--json", code=2).json["error"]["exit_code"] == 2
        assert world.head() == before


def test_the_journal_wins_where_it_is_told_to(wounded: Wounded, place: Path) -> None:
    with wounded.played(place) as world:
        ran = world.run("guard", "--on-conflict", "journal", "--json", code=0)
        overwritten = {each["guid"] for each in ran.json["restored"]["conflicts"]}
        assert {wounded.guids["stranger"], wounded.guids["bert"], wounded.guids["carl"]} <= overwritten
        world.run("verify", code=0)
        with Hands(world.dc) as hands:
            office = f"OU=Office,{hands.base}"
            bert = hands.read(f"CN=bert,{office}", "description", "telephoneNumber")
            assert bert == {"description": [b"from the journal"]}
            assert not hands.find("(cn=stranger)")
            assert hands.find("(cn=carl)")
            assert hands.find("(cn=emil)")
            assert _members(hands, office) == {"ada", "bert", "lost"}


def _members(hands: Hands, office: str) -> frozenset[str]:
    members = hands.read(f"CN=crew,{office}", "member")["member"]
    return frozenset(member.decode().split(",")[0].removeprefix("CN=") for member in members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The wounded DC after a restore that let its own writes stand.

    Attributes:
        bert: Some of his attributes.
        names: Common names in the office.
        crew: Who is in the group.
        verify: ``verify`` afterwards.
        journal: objectGUIDs the journal has heard of.
    """

    bert: Mapping[str, list[bytes]]
    names: frozenset[str]
    crew: frozenset[str]
    verify: Ran
    journal: frozenset[str]


@pytest.fixture(scope="module")
def kept(wounded: Wounded, module_place: Path) -> Kept:
    with wounded.played(module_place / "kept") as world:
        world.run("guard", "--on-conflict", "dc", code=0)
        with Hands(world.dc) as hands:
            office = f"OU=Office,{hands.base}"
            return Kept(
                bert=hands.read(f"CN=bert,{office}", "description", "telephoneNumber", "info"),
                names=frozenset(dn.split(",")[0].removeprefix("CN=") for dn in hands.find("(cn=*)") if office in dn),
                crew=_members(hands, office),
                verify=world.run("verify"),
                journal=frozenset(guid_text(change.guid) for change in world.changes(after=0)),
            )


def test_the_dc_keeps_its_word_where_it_is_told_to(kept: Kept) -> None:
    assert kept.bert["description"] == [b"written locally"]
    assert kept.bert["telephoneNumber"] == [b"4711"]
    assert {"stranger", "Carl the Local"} <= kept.names


def test_what_nobody_wrote_locally_comes_back_all_the_same(kept: Kept) -> None:
    assert kept.bert["info"] == [b"from the journal"]
    assert "lost" in kept.names


def test_what_the_dc_kept_is_news_and_durable(kept: Kept, wounded: Wounded) -> None:
    assert kept.verify.code == 0
    assert wounded.guids["stranger"] in kept.journal


def test_the_dc_keeps_the_memberships_it_made_and_took_away_and_gets_back_the_lost_one(kept: Kept) -> None:
    assert kept.crew == {"bert", "dora", "lost"}


def test_the_dc_keeps_a_delete_where_it_is_told_to(kept: Kept) -> None:
    assert "emil" not in kept.names


def test_the_dc_keeps_what_it_wrote_to_and_the_journal_deleted(kept: Kept) -> None:
    assert "visitor" in kept.names


def _grouped(hands: Hands, who: str, group: str) -> None:
    """A primary group is one the account is a member of."""
    hands.link(group, who)
    hands.set(who, primaryGroupID=str(hands.rid(group)))


@pytest.mark.parametrize(
    "policy",
    [
        "journal",
        "dc",
    ],
)
def test_a_local_account_that_took_a_lost_ones_sid_costs_nobody_an_identity(
    scene: Scene, place: Path, policy: str
) -> None:
    """The RID set went back too, so the first account made on a reverted DC gets a SID that was given out before."""
    with scene.played(place) as world:
        office = f"OU=Office,{world.dc.base_dn}"
        with Hands(world.dc) as hands:
            lost = hands.rid(hands.user("lost", parent=office))
            hands.group("union", parent=office)
            _grouped(hands, f"CN=bert,{office}", f"CN=union,{office}")
        world.run("agent", "--once", code=0)
        world.revert()
        with Hands(world.dc) as hands:
            hands.outlive_the_second()
            assert hands.rid(hands.computer("usurper", parent=office)) == lost
            club = hands.group("club", parent=office)
            assert hands.rid(club) == lost + 1
            hands.add(f"CN=scp,CN=usurper,{office}", "serviceConnectionPoint", {"keywords": "local"})
            for name in ("usurper", "bert", "carl"):
                _grouped(hands, f"CN={name},{office}", club)
        before = world.head()
        ran = world.run("guard", "--on-conflict", policy, "--json")
        if policy == "dc" and ran.code == 2:
            assert world.head() == before, "what cannot be done is to be said before anything is written"
            return
        assert ran.code == 0, ran
        world.run("verify", code=0)
        with Hands(world.dc) as hands:
            assert hands.rid(f"CN=lost,{office}") == lost
            assert hands.rid(f"CN=union,{office}") == lost + 1
            primary = {name: hands.read(f"CN={name},{office}", "primaryGroupID") for name in ("bert", "carl")}
            assert [each["primaryGroupID"] for each in primary.values()] == [[b"%d" % (lost + 1)], [b"513"]]
            clubs = [sorted(hands.read(dn, "member")["member"]) for dn in hands.find("(cn=club*)")]
            assert [[dn.split(b",")[0][:10] for dn in members] for members in clubs] == (
                [] if policy == "journal" else [[b"CN=bert", b"CN=carl", b"CN=usurper"]]
            )
            below = [dn.split(",")[1] for dn in hands.find("(cn=scp)")]
            assert [dn.removeprefix("CN=usurper (local ") != dn for dn in below] == (
                [] if policy == "journal" else [True]
            )
            assert hands.rid(hands.user("next", parent=office)) > lost + 1


def test_a_local_account_with_the_sid_of_a_deleted_one_is_kept_under_another(scene: Scene, place: Path) -> None:
    """What an ACL still grants to somebody who was deleted must not become a stranger's."""
    with scene.played(place) as world:
        office = f"OU=Office,{world.dc.base_dn}"
        with Hands(world.dc) as hands:
            gone = hands.rid(hands.user("gone", parent=office))
            world.run("agent", "--once", code=0)
            hands.delete(f"CN=gone,{office}")
        world.run("agent", "--once", code=0)
        world.revert()
        with Hands(world.dc) as hands:
            hands.outlive_the_second()
            stranger = hands.user("stranger", parent=office, password="Passw0rd.local")
            hands.link(f"CN=crew,{office}", stranger)
            assert hands.rid(stranger) == gone
        ran = world.run("guard", "--on-conflict", "dc", "--json", code=0)
        world.run("verify", code=0)
        with Hands(world.dc) as hands:
            (kept,) = hands.find(f"(&(cn=stranger *)(memberOf=CN=crew,{office}))")
            assert hands.rid(kept) > gone
            (told,) = ran.json["restored"]["renamed"]
            assert (told["dn"], told["now"]) == (stranger, kept)
            assert hands.read(kept, "sAMAccountName") == {"sAMAccountName": [told["account"].encode()]}
        assert "restore.renamed" in ran.err
        world.dc.kinit(told["account"], "Passw0rd.local")


def test_whoever_is_kept_keeps_the_container_that_the_journal_deleted(world: World) -> None:
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        annex = f"OU=Annex,{office}"
        hands.ou("Cellar", parent=annex)
        world.run("agent", "--once", code=0)
        for dn in (f"OU=Cellar,{annex}", *hands.find("(cn=emil)"), annex):
            hands.delete(dn)
    world.run("agent", "--once", code=0)
    world.revert()
    with Hands(world.dc) as hands:
        hands.outlive_the_second()
        local = hands.contact("local", parent=annex)
    ran = world.run("guard", "--on-conflict", "dc", "--json", code=0)
    assert [note["dn"] for note in ran.json["restored"]["notes"] if "stays" in note["what"]] == [annex]
    with Hands(world.dc) as hands:
        assert hands.find("(cn=local)") == [local]
        assert not hands.find("(cn=emil)")
    world.run("verify", code=0)
    world.run("guard", code=0)


def told_of(world: World, guid: str) -> list[Change]:
    return [each for each in world.changes(after=0) if guid_text(each.guid) == guid]


@pytest.mark.parametrize("word", ["journal", "dc"])
def test_local_writes_are_told_and_kept_whatever_the_clock_said(world: World, word: str) -> None:
    """Not one of three times is right: the image's, that of the day it lost, nor that of the write on it."""
    office = "OU=Office,DC=samdom,DC=example,DC=com"
    with clock(world, "+2y") as far:
        with Hands(world.dc) as hands:
            hands.set(f"CN=bert,{office}", description="from the image")
        far.run("agent", "--once", code=0)
    world.dc.stop()
    image = world.dc.take_golden(world.place / "ahead")
    world.dc.start()
    with clock(world, "+1y") as later:
        with Hands(world.dc) as hands:
            hands.set(f"CN=bert,{office}", description="lost")
            hands.set(f"CN=carl,{office}", description="lost")
            bert, carl = (str(hands.guid(f"CN={name},{office}")) for name in ("bert", "carl"))
        later.run("agent", "--once", code=0)
    world.dc.golden = image
    world.revert()
    with Hands(world.dc) as hands:
        hands.set(f"CN=carl,{office}", description="local")
        hands.unlink(f"CN=crew,{office}", f"CN=bert,{office}")
        crew = str(hands.guid(f"CN=crew,{office}"))
    planned = world.run("plan", "--json", code=2)
    assert conflict_on(planned, carl) == ["description"]
    assert conflict_on(planned, crew) == ["member"]
    assert conflict_on(planned, bert) is None
    world.run("guard", "--on-conflict", "fail", "--accept-old-image", code=2)
    world.run("guard", "--on-conflict", word, "--accept-old-image", code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        assert hands.read(f"CN=bert,{office}", "description")["description"] == [b"lost"]
        expected = b"local" if word == "dc" else b"lost"
        assert hands.read(f"CN=carl,{office}", "description")["description"] == [expected]
        assert bool(hands.find(f"(&(cn=bert)(memberOf=CN=crew,{office}))")) == (word == "journal")
    stamps = [each.stamps["description"] for each in told_of(world, carl) if "description" in each.stamps]
    assert stamps[-1].version == (2 if word == "dc" else 1), (
        "a partner may have seen what was lost: what stays is above it"
    )


@pytest.mark.parametrize(("word", "engine"), [("journal", Engine.LOCAL), ("dc", Engine.LOCAL), ("dc", Engine.LDAP)])
def test_whoever_took_the_name_of_a_lost_one_gives_it_back(world: World, word: str, engine: Engine) -> None:
    world.write_by(engine)
    office = f"OU=Office,{world.dc.base_dn}"
    with Hands(world.dc) as hands:
        hands.set(f"CN=carl,{office}", description="written on the day that was lost")
        lost = hands.guid(hands.user("lost", parent=office))
        carl = hands.guid(f"CN=carl,{office}")
    world.run("agent", "--once", code=0)
    world.revert()
    with Hands(world.dc) as hands:
        hands.outlive_the_second()
        hands.rename(f"CN=carl,{office}", "CN=lost")
        hands.set(f"CN=lost,{office}", sAMAccountName="lost")
    world.run("guard", "--on-conflict", word, code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        (other,) = hands.find(f"(objectGUID={carl})")
        found = hands.read(other, "cn", "sAMAccountName", "description")
        assert found["description"] == [b"written on the day that was lost"]
        name, account = (found[each][0].decode() for each in ("cn", "sAMAccountName"))
        mark = carl.bytes_le.hex()[:8]
        assert (name, account) == (("carl", "carl") if word == "journal" else (f"lost (local {mark})", f"lost-{mark}"))
        assert hands.find("(sAMAccountName=lost)") == [f"CN=lost,{office}"]
        assert hands.guid(f"CN=lost,{office}") == lost
        assert not hands.find("(cn=adpersist-*)")


@pytest.mark.parametrize("engine", [Engine.LOCAL, Engine.LDAP])
def test_what_the_directory_takes_for_one_name_is_one_and_what_it_does_not_is_not(world: World, engine: Engine) -> None:
    world.write_by(engine)
    office = f"OU=Office,{world.dc.base_dn}"
    with Hands(world.dc) as hands:
        lost = {name: hands.guid(hands.contact(name, parent=office)) for name in ("two  words", "straße", "m" * 64)}
    world.run("agent", "--once", code=0)
    world.revert()
    with Hands(world.dc) as hands:
        local = ("Two words", "strasse", "M" * 64)
        kept = {name: hands.guid(hands.contact(name, parent=office)) for name in local}
    world.run("guard", "--on-conflict", "dc", code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        names = {
            guid: hands.read(hands.find(f"(objectGUID={guid})")[0], "name")["name"][0].decode()
            for guid in (*lost.values(), *kept.values())
        }
        words, _, long = (f" (local {guid.bytes_le.hex()[:8]})" for guid in kept.values())
        assert [names[guid] for guid in lost.values()] == [*lost]
        most = 64 - len(long)
        assert [names[guid] for guid in kept.values()] == [f"Two words{words}", "strasse", f"{'M' * most}{long}"]
