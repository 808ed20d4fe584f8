"""Names are unique, and a day passes them around: every way that could stand in a restore's way, in one day.

All of it happens in ``OU=Names`` of the golden image, then the DC goes back and is restored once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from ldap3.utils.dn import escape_rdn

from adpersist.model.plan.engine import Engine
from tests.integration.commands import Ran
from tests.integration.hands import Hands
from tests.integration.proof import by_name, unlike
from tests.integration.scene import ENGINES, Scene, World
from tools.samba_dc import dbcheck, ldapcmp

ODD_NAMES = ("Smith, Bob", "a+b=c", "#hash", 'quote"s', "back\\slash", "sémaphore ☃", "semi;colon<>", " blanks ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The DC after the restore.

    Attributes:
        guard: How the restore went.
        lived, restored: Database files before and after.
        identities: objectGUIDs by a word for the object, before the day.
        now: The living objects by DN.
        room: DN of the OU it all happens in.
    """

    guard: Ran
    lived: Path
    restored: Path
    identities: Mapping[str, bytes]
    now: Mapping[str, Mapping[str, tuple[bytes, ...]]]
    room: str

    def at(self, below: str) -> Mapping[str, tuple[bytes, ...]]:
        """The object of that name in the room."""
        return self.now[f"{below},{self.room}"]

    def who(self, below: str) -> str:
        """Which of the golden image's objects has that name now."""
        guid = self.at(below)["objectGUID"][0]
        return next((word for word, known in self.identities.items() if known == guid), "somebody new")

    def there(self, below: str) -> bool:
        """Whether anything has that name."""
        return f"{below},{self.room}" in self.now


@pytest.fixture(scope="module")
def restored(scene: Scene, module_place: Path) -> Iterator[Restored]:
    with scene.played(module_place) as world:
        with Hands(world.dc) as hands:
            room = f"OU=Names,{hands.base}"
            identities = {dn.split(",")[0].partition("=")[2]: hands.guid(dn).bytes_le for dn in _below(hands, room)}
            _pass_around(hands, room)
        world.run("agent", "--once", code=0)
        world.dc.kill()
        lived = world.dc.snapshot(world.place / "lived")
        world.revert()
        guard = world.run("guard", "--json")
        world.dc.kill()
        after = world.dc.snapshot(world.place / "after")
        yield Restored(guard=guard, lived=lived, restored=after, identities=identities, now=by_name(after), room=room)


def _below(hands: Hands, room: str) -> list[str]:
    return [dn for dn in hands.find("(objectClass=*)") if dn.endswith(room)]


def _pass_around(hands: Hands, room: str) -> None:
    def name(old: str, new: str, parent: str = room) -> None:
        hands.rename(f"CN={old},{parent}", f"CN={new}")

    # two swap, through a third name as everybody must
    name("left", "between")
    name("right", "left")
    name("between", "right")
    # a chain: each takes the name the next one gave up
    name("third", "fourth")
    name("second", "third")
    name("first", "second")
    # a ring of three, account names included
    for word, new in (("red", "wait"), ("green", "red"), ("blue", "green"), ("wait", "blue")):
        name(word, new)
        hands.set(f"CN={new},{room}", sAMAccountName=new, userPrincipalName=f"{new}@example.com")
    # an account name and a UPN are passed on, the names stay
    boss, heir = f"CN=boss,{room}", f"CN=heir,{room}"
    upn = hands.read(boss, "userPrincipalName")["userPrincipalName"][0]
    hands.set(boss, sAMAccountName="exboss", userPrincipalName="exboss@example.com")
    hands.set(heir, sAMAccountName="boss", userPrincipalName=upn)
    # two swap their UPNs, and one gives its own up for nothing
    hands.clear(f"CN=right,{room}", "userPrincipalName")
    hands.set(f"CN=left,{room}", userPrincipalName="left@example.com")
    hands.set(f"CN=right,{room}", userPrincipalName="right@example.com")
    hands.clear(f"CN=evacuee,OU=Doomed,{room}", "userPrincipalName")
    # machine accounts swap their account names and service principals
    for old, new, spn in (("web1", "webx", []), ("web2", "web1", ["HTTP/web1"]), ("webx", "web2", ["HTTP/web2"])):
        where = {"web1": "web1", "web2": "web2", "webx": "web1"}[old]
        hands.set(f"CN={where},{room}", servicePrincipalName=[])
        hands.set(f"CN={where},{room}", sAMAccountName=f"{new}$", servicePrincipalName=spn)
    # the same name in other letters
    name("spelling", "SPELLING")
    # what was above goes below
    hands.rename(f"OU=Inner,OU=Outer,{room}", "OU=Inner", room)
    hands.rename(f"OU=Outer,{room}", "OU=Outer", f"OU=Inner,{room}")
    # children leave, then the parent goes, and another takes its name
    hands.rename(f"CN=evacuee,OU=Doomed,{room}", "CN=evacuee", room)
    hands.delete(f"OU=Doomed,{room}")
    hands.user("settler", parent=hands.ou("Doomed", room))
    # an OU moves below one that is new
    hands.rename(f"OU=Travelling,{room}", "OU=Travelled", hands.ou("Brand New", room))
    # a name is freed and used again, account name and all
    hands.delete(f"CN=reused,{room}")
    hands.user("reused", parent=room, attributes={"description": "the second of that name"})
    # three generations of one name
    for _ in range(3):
        hands.delete(hands.user("mayfly", parent=room))
    # names that need escapes
    odd = hands.ou("Odd", room)
    for number, name_ in enumerate(ODD_NAMES):
        hands.add(f"CN={escape_rdn(name_)},{odd}", "user", {"sAMAccountName": f"odd{number}"})


def test_a_day_of_passing_names_around_is_restored(restored: Restored) -> None:
    assert restored.guard.code == 0, restored.guard
    assert restored.guard.json["restored"]["left"] == 0


def test_swapped_names_stay_swapped(restored: Restored) -> None:
    assert (restored.who("CN=left"), restored.who("CN=right")) == ("right", "left")


def test_a_chain_of_renames_comes_back(restored: Restored) -> None:
    assert [restored.who(f"CN={word}") for word in ("second", "third", "fourth")] == ["first", "second", "third"]
    assert not restored.there("CN=first")


def test_a_ring_of_names_and_account_names_comes_back(restored: Restored) -> None:
    for now, was in (("red", "green"), ("green", "blue"), ("blue", "red")):
        assert restored.who(f"CN={now}") == was
        assert restored.at(f"CN={now}")["sAMAccountName"] == (now.encode(),)
        assert restored.at(f"CN={now}")["userPrincipalName"] == (f"{now}@example.com".encode(),)


def test_an_account_name_that_was_passed_on_stays_with_the_heir(restored: Restored) -> None:
    assert restored.at("CN=heir")["sAMAccountName"] == (b"boss",)
    assert restored.at("CN=heir")["userPrincipalName"][0].startswith(b"boss@")
    assert restored.at("CN=boss")["sAMAccountName"] == (b"exboss",)


def test_upns_that_were_swapped_stay_swapped(restored: Restored) -> None:
    # whoever was left is called right now, and has the UPN that says so
    assert restored.at("CN=left")["userPrincipalName"] == (b"left@example.com",)
    assert restored.at("CN=right")["userPrincipalName"] == (b"right@example.com",)


def test_a_upn_that_was_given_up_stays_cleared(restored: Restored) -> None:
    assert "userPrincipalName" not in restored.at("CN=evacuee")


def test_machines_that_swapped_their_accounts_stay_swapped(restored: Restored) -> None:
    for word, now in (("web1", "web2"), ("web2", "web1")):
        assert restored.who(f"CN={word}") == word
        assert restored.at(f"CN={word}")["sAMAccountName"] == (f"{now}$".encode(),)
        assert restored.at(f"CN={word}")["servicePrincipalName"] == (f"HTTP/{now}".encode(),)


def test_a_name_in_other_letters_comes_back_in_those_letters(restored: Restored) -> None:
    assert restored.who("CN=SPELLING") == "spelling"


def test_a_container_that_went_below_its_own_child_comes_back_there(restored: Restored) -> None:
    assert restored.who("OU=Inner") == "Inner"
    assert restored.who("OU=Outer,OU=Inner") == "Outer"
    assert restored.who("CN=nested,OU=Outer,OU=Inner") == "nested"


def test_a_parent_deleted_after_its_children_left_is_gone_and_they_are_not(restored: Restored) -> None:
    assert restored.who("CN=evacuee") == "evacuee"
    assert restored.who("OU=Doomed") == "somebody new"
    assert restored.there("CN=settler,OU=Doomed")


def test_a_container_moved_below_a_new_one_comes_back_there(restored: Restored) -> None:
    assert restored.who("OU=Travelled,OU=Brand New") == "Travelling"
    assert not restored.there("OU=Travelling")


def test_a_name_used_again_belongs_to_the_second_object(restored: Restored) -> None:
    assert restored.who("CN=reused") == "somebody new"
    assert restored.at("CN=reused")["description"] == (b"the second of that name",)


def test_what_came_and_went_stays_gone(restored: Restored) -> None:
    assert not restored.there("CN=mayfly")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_needs_escapes_comes_back(restored: Restored, name: str) -> None:
    names = [entry["cn"][0].decode() for dn, entry in restored.now.items() if f",OU=Odd,{restored.room}" in dn]
    assert name in names


def test_no_temporary_name_is_left_behind(restored: Restored) -> None:
    assert not [dn for dn in restored.now if "adpersist-" in dn]
    assert not [dn for dn, entry in restored.now.items() if entry.get("sAMAccountName", (b"",))[0].startswith(b"~")]


def test_the_databases_are_alike(scene: Scene, restored: Restored) -> None:
    assert unlike(restored.lived, restored.restored) == []
    assert ldapcmp(restored.lived, restored.restored, ["DOMAIN"]) == []
    assert dbcheck(restored.restored, since=scene.golden).ok


@pytest.mark.parametrize("engine", ENGINES)
def test_a_name_that_was_written_with_other_escapes_comes_back(world: World, engine: Engine) -> None:
    """Samba keeps those that somebody reanimates an object with, and writes its own as one is made or renamed."""
    world.write_by(engine)
    with Hands(world.dc) as hands:
        smith, room = hands.ou("Smith"), f"OU=Smith\\2C Bob,{hands.base}"
        guid = hands.guid(smith)
        hands.delete(smith)
        hands.undelete(guid, room)
        assert hands.find("(ou=Smith, Bob)") == [room], "as it was written"
    world.run("agent", "--once", code=0)
    world.revert()
    world.run("guard", code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(ou=Smith, Bob)")
