"""What was done to the reverted DC before us fights with what is restored: identities, names, memberships.

The fights within one day are kinds of :mod:`tests.integration.test_kinds` (the chapter ``fights``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from adpersist.model.plan.engine import Engine
from tests import images
from tests.integration.hands import Hands
from tests.integration.ordeal import begin, controller, play, remains
from tests.integration.proof import RENEWED
from tests.integration.scene import ENGINES, PASSWORD, Scene, World
from tools.samba_dc import Golden, dbcheck, dump, ldapcmp


def _accounts(hands: Hands, *names: str) -> Mapping[str, int]:
    found = {}
    for name in names:
        dns = hands.find(f"(sAMAccountName={name})")
        if dns:
            found[name] = hands.rid(dns[0])
    return found


@pytest.mark.parametrize("policy", ["journal", "dc"])
def test_a_local_account_with_name_and_sid_of_a_lost_one(scene: Scene, place: Path, policy: str) -> None:
    """The helpdesk makes the lost user again: same name, same account name, and by chance the same SID."""
    with scene.played(place) as world:
        office = f"OU=Office,{world.dc.base_dn}"
        with Hands(world.dc) as hands:
            dn = hands.user("lost", parent=office, password=PASSWORD)
            hands.link(f"CN=crew,{office}", dn)
            guid, rid = hands.guid(dn), hands.rid(dn)
        world.run("agent", "--once", code=0)
        world.revert()
        with Hands(world.dc) as hands:
            hands.outlive_the_second()
            local = hands.user("lost", parent=office, password="Passw0rd.local", attributes={"mail": "l@example.org"})
            hands.link(f"CN=everyone,{office}", local)
            assert hands.rid(local) == rid
            assert hands.guid(local) != guid
        ran = world.run("guard", "--on-conflict", policy, "--json", code=0)
        assert local in [each["dn"] for each in ran.json["restored"]["conflicts"]]
        world.run("verify", code=0)
        world.run("agent", "--once", code=0)
        with Hands(world.dc) as hands:
            assert hands.guid(dn) == guid
            assert hands.rid(dn) == rid
            kept = hands.find("(mail=l@example.org)")
            assert len(kept) == (1 if policy == "dc" else 0)
            for other in kept:
                assert hands.rid(other) > rid
                assert hands.read(other, "memberOf")["memberOf"] == [f"CN=everyone,{office}".encode()]
                account = hands.read(other, "sAMAccountName")["sAMAccountName"][0].decode()
                assert world.dc.can_login(account, "Passw0rd.local")
            assert hands.rid(hands.user("next", parent=office)) > rid
        assert world.dc.can_login("lost", PASSWORD)
        world.dc.stop()
        assert dbcheck(world.dc, since=world.dc.golden).ok


@pytest.mark.parametrize("policy", ["journal", "dc"])
def test_a_local_account_that_was_deleted_again_still_holds_the_sid(scene: Scene, place: Path, policy: str) -> None:
    with scene.played(place) as world:
        office = f"OU=Office,{world.dc.base_dn}"
        with Hands(world.dc) as hands:
            dn = hands.user("lost", parent=office, password=PASSWORD)
            guid, rid = hands.guid(dn), hands.rid(dn)
        world.run("agent", "--once", code=0)
        world.revert()
        with Hands(world.dc) as hands:
            hands.delete(hands.user("mayfly", parent=office))
        world.run("guard", "--on-conflict", policy, code=0)
        with Hands(world.dc) as hands:
            assert (hands.guid(dn), hands.rid(dn)) == (guid, rid)
        world.run("verify", code=0)


@pytest.mark.parametrize("policy", ["journal", "dc"])
def test_who_makes_way_leaves_no_sid_in_the_recycle_bin(world: World, policy: str) -> None:
    """What it has recycled Samba deletes for nobody, and no two objects can have one SID, dead or alive."""
    with Hands(world.dc) as hands:
        hands.recycle()
    world.run("agent", "--once", code=0)
    world.dc.stop()
    world.dc.golden = world.dc.take_golden(world.place / "recycling")
    world.dc.start()
    with Hands(world.dc) as hands:
        lost = [hands.user(name, password=PASSWORD) for name in ("lost", "lonely")]
        rids = [hands.rid(dn) for dn in lost]
        hands.delete(hands.user("deceased"))
    world.run("agent", "--once", code=0)
    world.revert()
    with Hands(world.dc) as hands:
        assert hands.rid(hands.user("usurper", password=PASSWORD)) == rids[0]
        hands.delete(hands.user("mayfly"))
        hands.user("late")
    world.run("guard", "--on-conflict", policy, "--engine", Engine.LOCAL, code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        assert [hands.rid(dn) for dn in lost] == rids
        assert len(hands.find("(cn=usurper*)")) == (policy == "dc")
    assert world.dc.can_login("lost", PASSWORD)
    world.dc.stop()
    assert dbcheck(world.dc)


def test_a_local_contact_with_the_name_of_a_lost_user_keeps_another_name(scene: Scene, place: Path) -> None:
    with scene.played(place) as world:
        office = f"OU=Office,{world.dc.base_dn}"
        with Hands(world.dc) as hands:
            guid = hands.guid(hands.user("lost", parent=office, password=PASSWORD))
        world.run("agent", "--once", code=0)
        world.revert()
        with Hands(world.dc) as hands:
            hands.outlive_the_second()
            contact = hands.guid(hands.contact("lost", parent=office))
        world.run("guard", "--on-conflict", "dc", code=0)
        with Hands(world.dc) as hands:
            assert hands.guid(f"CN=lost,{office}") == guid
            names = {hands.guid(each): each for each in hands.find("(objectClass=contact)")}
            assert names[contact].startswith("CN=lost (local ")
        world.run("verify", code=0)


def test_fail_leaves_both_databases_as_they_are(scene: Scene, place: Path) -> None:
    with scene.played(place) as world:
        with Hands(world.dc) as hands:
            hands.user("lost")
        world.run("agent", "--once", code=0)
        world.revert()
        with Hands(world.dc) as hands:
            hands.outlive_the_second()
            hands.user("usurper")
            usn, before = hands.usn(), world.head()
            world.run("guard", "--on-conflict", "fail", code=2)
            assert hands.usn() == usn
        assert world.head() == before


def test_groups_of_five_thousand(golden: Golden, place: Path) -> None:
    """Filled, emptied, exchanged by half."""
    with controller(images.furnished("crowd", golden, ("crowd",)), place) as dc:
        dc.start()
        run = begin(dc, place)
        done = play("change", ("crowd",), dc.ldapi_url_quoted, dc.smb_conf)
        assert all(deed.error is None and deed.guids for deed in done.values()), done
        run("agent", "--once", code=0)
        dc.kill()
        before = dump(dc.snapshot(place / "before"))
        dc.revert()
        dc.start()
        run("guard", code=0)
        dc.kill()
        assert remains(before, dump(dc)).lines == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_foreign_members_come_back_under_their_sid(golden: Golden, place: Path, engine: Engine) -> None:
    """The one objectGUID that only a replica gives back: to a client the server makes these objects itself."""
    with controller(golden, place) as dc:
        dc.start()
        run = begin(dc, place)
        done = play("change", ("foreign",), dc.ldapi_url_quoted, dc.smb_conf)
        assert all(deed.error is None for deed in done.values()), done
        run("agent", "--once", code=0)
        dc.kill()
        before = dc.snapshot(place / "before")
        dc.revert()
        dc.start()
        ran = run("guard", "--json", "--engine", engine, code=0)
        noted = [note["what"] for note in ran.json["restored"]["notes"] if "objectGUID" in note["what"]]
        assert bool(noted) == (engine is Engine.LDAP)
        run("verify", code=0)
        dc.kill()
        drawn = ["objectGUID"] if engine is Engine.LDAP else []
        assert ldapcmp(before, dc, filters=[*drawn, RENEWED]) == []
        foreign = next(entry for entry in dump(dc).values() if b"foreignSecurityPrincipal" in entry["objectClass"]
                       and entry["cn"] == (b"S-1-5-21-7-7-7-1234",))  # fmt: skip
        assert foreign["memberOf"] == (f"CN=Guests,CN=Builtin,{dc.base_dn}".encode(),)
