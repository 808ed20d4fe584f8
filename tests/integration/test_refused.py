"""What Samba's replication will not take is found among all else, set aside and told; all else lands, with its stamps.

Nobody can write such a thing through a server: it is put below it, into the files, as a failing disk or a bug does.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from adpersist.directory.samba.database import Database
from adpersist.model.identity.ids import Guid, Usn, guid_from_text, guid_text
from adpersist.model.objects.change import Stamp
from adpersist.model.plan.engine import Engine
from adpersist.model.plan.replicated import ReplicatedObject
from tests.integration.damage import damage
from tests.integration.hands import Hands
from tests.integration.proof import stamps_unlike
from tests.integration.scene import PASSWORD, Scene, World
from tools.samba_dc import SambaDC, Stamped, dbcheck, dump, free_address, stamps

NONSENSE = b"\xff\xfe"
"""Not UTF-8, and so no text that a server would take or could send to another."""
_GUID: Final = re.compile(r"object=([0-9a-f-]{36})")


def _stamps(world: World) -> dict[str, Stamped]:
    world.dc.stop()
    found = stamps(world.dc)
    world.dc.start()
    return found


def test_an_attribute_that_is_refused_is_told_and_all_else_lands(world: World) -> None:
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        for name in ("before", "after"):
            hands.user(name, parent=office, password=PASSWORD)
        odd = hands.ou("odd", office)
        hands.set(odd, description="a text", street="all else of it")
        inner = hands.user("inner", parent=odd, password=PASSWORD)
        hands.link(f"CN=crew,{office}", inner, f"CN=after,{office}")
        guids = {name: str(hands.guid(dn)) for name, dn in {"odd": odd, "inner": inner}.items()}
        gone = hands.user("mayfly", password=PASSWORD)
        guids["mayfly"] = str(hands.guid(gone))
        hands.delete(gone)
        other = hands.user("ephemera", password=PASSWORD)
        hands.delete(other)
    damage(world, "description", NONSENSE)
    damage(world, "sAMAccountName", NONSENSE, of="mayfly")  # which a tombstone keeps
    world.run("agent", "--once", code=0)
    lost = _stamps(world)
    world.revert()

    healed = world.run("guard", "--json", code=2)
    told = {(each["guid"], each["attribute"], each["kind"]): each for each in healed.json["restored"]["differences"]}
    assert {*told} == {(guids["odd"], "description", "value"), (guids["mayfly"], "", "tombstone")}, healed.err
    assert all(each["reason"] for each in told.values()), "Samba's own words"
    refused = {line for line in healed.err.splitlines() if "replica.refused" in line}
    assert {guid for line in refused for guid in _GUID.findall(line)} == {guids["odd"], guids["mayfly"]}, refused
    with Hands(world.dc) as hands:
        assert hands.read(odd, "street", "description") == {"street": [b"all else of it"]}
        members = hands.read(f"CN=crew,{office}", "member")["member"]
        assert {inner.encode(), f"CN=after,{office}".encode()} <= {*members}
        hands.user("tomorrow")
    unlike = dict(stamps_unlike(lost, _stamps(world)))
    assert world.dc.can_login("inner", PASSWORD)
    assert set(unlike) == {guids["odd"], guids["mayfly"]}, unlike
    for name, attribute in {"odd": "description", "mayfly": "sAMAccountName"}.items():
        assert [line.partition(": ")[2].partition(":")[0] for line in unlike[guids[name]]] == [attribute]

    ended = next(line for line in world.run("log", "--json", code=0).json if line["kind"] == "restore-end")
    assert {each["kind"] for each in ended["differences"]} == {"value", "tombstone"}
    # it goes on from there: kept in the journal, and nothing that would be tried again for ever
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)
    assert world.run("guard", "--json", code=0).json["lineage"] == "same"


def test_a_link_that_was_taken_away_and_is_not_remembered_is_told(world: World) -> None:
    """Nobody sees it, and a partner that has not heard of it brings the link back."""
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        bert, dora = (f"CN={name},{office}" for name in ("bert", "dora"))
        odd, revived = (hands.group(name, [bert, dora], parent=office) for name in ("odd", "revived"))
        for group in (odd, revived):
            hands.unlink(group, bert, dora)
    world.run("agent", "--once", code=0)
    assert world.run("verify", "--json", code=0).json["differences"] == []
    with Hands(world.dc) as hands:
        # with an object that is deleted, all knowledge of its links goes
        for dn in (revived, dora):
            guid = hands.guid(dn)
            hands.delete(dn)
            world.run("agent", "--once", code=0)
            hands.undelete(guid, dn)
            world.run("agent", "--once", code=0)
    assert world.run("verify", "--json", code=0).json["differences"] == []
    world.revert()
    world.run("guard", code=0)
    assert world.run("verify", "--json", code=0).json["differences"] == []
    damage(world, "member")
    (told,) = world.run("verify", "--json", code=2).json["differences"]
    assert (told["dn"], told["attribute"], told["kind"]) == (odd, "member", "stamp")
    # over LDAP none comes back, and the journal goes on from what the DC has
    world.write_by(Engine.LDAP)
    world.revert()
    world.run("guard", code=0)
    assert world.run("verify", "--json", code=0).json["differences"] == []


@pytest.mark.parametrize("alive", [True, False], ids=["alive", "deleted again"])
def test_whoever_got_the_sid_of_somebody_deleted_gives_it_back(world: World, *, alive: bool) -> None:
    """No two objects can have one SID, dead or alive: a tombstone would be refused."""
    with Hands(world.dc) as hands:
        gone = hands.user("mayfly", password=PASSWORD)
        rid, guid = hands.rid(gone), str(hands.guid(gone))
        hands.delete(gone)
    world.run("agent", "--once", code=0)
    lost = _stamps(world)
    world.revert()
    with Hands(world.dc) as hands:
        stranger = hands.user("stranger", password=PASSWORD)
        assert hands.rid(stranger) == rid, "handed out again"
        if not alive:
            hands.delete(stranger)
    world.run("guard", code=0)
    world.run("verify", code=0)
    found = _stamps(world)
    assert guid in found
    assert list(stamps_unlike(lost, found)) == []


@pytest.mark.parametrize("twin", ["ada", "eve"], ids=["of the image", "lost as well"])
def test_of_two_accounts_with_one_sid_one_lands_and_the_other_is_told(world: World, twin: str) -> None:
    """No two objects can have one SID: the journal has them from a directory that was damaged."""
    office = f"OU=Office,{world.dc.base_dn}"
    with Hands(world.dc) as hands:
        hands.user("eve", parent=office, password=PASSWORD)
        odd = hands.user("odd", parent=office, password=PASSWORD)
        hands.link(f"CN=everyone,{office}", odd, f"CN=eve,{office}")
        sid = hands.read(f"CN={twin},{office}", "objectSid")["objectSid"][0]
        everyone = str(hands.guid(f"CN=everyone,{office}"))
        twins = {str(hands.guid(odd)): odd, str(hands.guid(f"CN={twin},{office}")): f"CN={twin},{office}"}
    damage(world, "objectSid", sid)
    world.run("agent", "--once", code=0)
    lost = _stamps(world)
    world.revert()
    healed = world.run("guard", "--json", code=2)
    missing = {each["guid"]: each for each in healed.json["restored"]["differences"] if each["kind"] == "missing"}
    (guid,) = missing
    (other,) = (dn for each, dn in twins.items() if each != guid)
    assert other in missing[guid]["reason"], "who has its SID"
    assert twin == "eve" or twins[guid] == odd, "whom the image has stays"
    unlike = dict(stamps_unlike(lost, _stamps(world)))
    # everyone lacks one member then
    assert {*unlike} - {everyone} == {guid}, unlike
    assert world.dc.can_login(other.split(",")[0].removeprefix("CN="), PASSWORD)
    with Hands(world.dc) as hands:
        assert hands.rid(hands.user("tomorrow")) > int.from_bytes(sid[-4:], "little")
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)
    assert world.run("guard", "--json", code=0).json["lineage"] == "same"


def _contact(name: str, parent: Guid, like: Mapping[str, tuple[bytes, ...]], base: str) -> ReplicatedObject:
    stamp = Stamp(version=1, time=13_400_000_000, origin=Guid(bytes(range(16))), usn=Usn(4711))
    classes = (b"top", b"person", b"organizationalPerson", b"contact")
    own = {"objectClass": classes, "name": (name.encode(),), "instanceType": (b"4",)}
    values = {**own, "nTSecurityDescriptor": like["nTSecurityDescriptor"], "mail": (f"{name}@example.com".encode(),)}
    guid, dn = Guid(uuid.uuid4().bytes_le), f"CN={name},{base}"
    stamps_of = dict.fromkeys(values, stamp)
    return ReplicatedObject(guid=guid, dn=dn, parent=parent, sid=None, values=lambda: values, stamps=stamps_of)


@pytest.mark.parametrize("place_of_it", [0, 3, 6], ids=["the first", "in the middle", "the last"])
def test_one_object_of_a_chunk_that_samba_refuses_costs_no_other(scene: Scene, place: Path, place_of_it: int) -> None:
    """Nor is one refused for which Samba tries what fails, and goes on: here, to give it a name that somebody has."""
    dc = SambaDC(scene.golden, place / "dc", address=free_address())
    dc.prepare()
    (office,) = ((guid, entry) for guid, entry in dump(dc).items() if entry.get("ou") == (b"Office",))
    parent, base = guid_from_text(office[0]), office[1]["distinguishedName"][0].decode()
    given = [_contact(f"guest-{number}", parent, office[1], base) for number in range(7)]
    refused = given[place_of_it] = replace(given[place_of_it], parent=Guid(bytes(16 * [7])))
    given.insert(5, _contact("ada", parent, office[1], base))
    database = Database(dc.sam_ldb)
    ((count, (aside,)),) = database.give(dc.base_dn, [given])
    database.close()
    assert count == len(given)
    assert aside.guid == refused.guid
    assert "MISSING_PARENT" in aside.reason, "Samba's own word"
    found = stamps(dc)
    landed = {guid_text(each.guid) for each in given if guid_text(each.guid) in found}
    assert landed == {guid_text(each.guid) for each in given} - {guid_text(aside.guid)}
    assert dbcheck(dc, since=scene.golden).ok
