"""What the agent makes of what happens to a real directory. One DC and one agent live through the whole module."""

from __future__ import annotations

import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adpersist.agent.status import status
from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Change, Kind
from adpersist.state.state import State
from tests.integration.hands import Hands
from tests.integration.scene import PASSWORD, Scene, World, until

READ_PROPERTY = 0x10
"""[MS-ADTS] 5.1.3.2."""


@pytest.fixture(scope="module")
def watched(scene: Scene, module_place: Path) -> Iterator[World]:
    """A DC whose agent runs."""
    with scene.played(module_place) as world, world.run.agent(world.log):
        yield world


@pytest.fixture(scope="module")
def hands(watched: World) -> Iterator[Hands]:
    with Hands(watched.dc) as opened:
        yield opened


@pytest.fixture(scope="module")
def office(hands: Hands) -> str:
    return f"OU=Office,{hands.base}"


Observe = Callable[[Callable[[], Any]], list[Change]]


@pytest.fixture(scope="module")
def controller(watched: World) -> Iterator[DomainController]:
    """What ``status`` asks; kept open, as a process for every question would take half a second."""
    opened = DomainController.connect(watched.dc.ldapi_url)
    yield opened
    opened.close()


@pytest.fixture
def observe(watched: World, controller: DomainController) -> Observe:
    """Does something and returns what of it became durable, once there is no lag any more."""

    def caught_up() -> bool:
        with watched.journal() as journal:
            return status(controller, journal).lag_usn == 0

    def does(deed: Callable[[], Any]) -> list[Change]:
        until(caught_up, "the agent catches up")
        before = watched.head().seq
        deed()
        until(caught_up, "the agent catches up")
        return watched.changes(after=before)

    return does


def only(changes: list[Change]) -> Change:
    assert len(changes) == 1, changes
    return changes[0]


def guid(hands: Hands, dn: str) -> Guid:
    return Guid(hands.guid(dn).bytes_le)


def nt_hash(password: str) -> bytes:
    """MD4 of the password in UTF-16: known from outside, by openssl's legacy provider."""
    return subprocess.run(
        ["openssl", "dgst", "-provider", "legacy", "-provider", "default", "-md4", "-binary"],
        input=password.encode("utf-16-le"), capture_output=True, check=True, timeout=30,
    ).stdout  # fmt: skip


def test_a_created_user_is_captured_whole_with_its_secrets(hands: Hands, observe: Observe) -> None:
    change = only(observe(lambda: hands.user("newcomer", password="Passw0rd.new", attributes={"sn": "Nëw"})))
    dn = f"CN=newcomer,{hands.users}"
    assert (change.kind, change.guid, change.rdn) == (Kind.CREATED, guid(hands, dn), "CN=newcomer")
    assert change.parent == guid(hands, hands.users)
    assert change.values["sn"] == ("Nëw".encode(),)
    assert change.values["unicodePwd"] == (nt_hash("Passw0rd.new"),)
    # one blob holds the Kerberos keys, [MS-SAMR] 3.1.1.8.11
    assert len(change.values["supplementalCredentials"][0]) > 100
    stored = hands.read(dn, "objectSid", "nTSecurityDescriptor", "whenCreated")
    for name, values in stored.items():
        assert change.values[name] == tuple(values), name


def test_a_modification_commits_the_changed_attribute_alone(hands: Hands, office: str, observe: Observe) -> None:
    change = only(observe(lambda: hands.set(f"CN=ada,{office}", description="bookkeeper")))
    assert (change.kind, change.guid) == (Kind.CHANGED, guid(hands, f"CN=ada,{office}"))
    assert change.values == {"description": (b"bookkeeper",)}
    assert change.stamps["description"].version == 1


def test_a_cleared_attribute_is_captured_as_no_values(hands: Hands, office: str, observe: Observe) -> None:
    hands.set(f"CN=bert,{office}", info="soon gone")
    change = only(observe(lambda: hands.set(f"CN=bert,{office}", info=[])))
    assert change.values == {"info": ()}


def test_every_value_of_a_list_is_captured(hands: Hands, office: str, observe: Observe) -> None:
    numbers = [f"+49 30 {number}" for number in range(50)]
    change = only(observe(lambda: hands.set(f"CN=ada,{office}", otherTelephone=numbers)))
    assert sorted(change.values["otherTelephone"]) == sorted(number.encode() for number in numbers)


def test_a_rewrite_of_the_same_values_is_captured_as_the_write_it_is(
    hands: Hands, office: str, observe: Observe
) -> None:
    hands.set(f"CN=carl,{office}", description="same", otherTelephone=["1", "2"])
    change = only(observe(lambda: hands.set(f"CN=carl,{office}", description="same", otherTelephone=["2", "1"])))
    assert {name: sorted(values) for name, values in change.values.items()} == {"otherTelephone": [b"1", b"2"]}
    assert {name: stamp.version for name, stamp in change.stamps.items()} == {"otherTelephone": 2}


def test_a_look_that_finds_nothing_new_commits_nothing(scene: Scene, place: Path) -> None:
    with scene.played(place) as world, Hands(world.dc) as hands:
        hands.set(f"CN=carl,OU=Office,{hands.base}", info="x")
        world.run("agent", "--once", code=0)
        before = world.run.status()["durable"]
        world.run("agent", "--once", code=0)
        after = world.run.status()
        assert (after["durable"]["seq"], after["lag"]["usn"]) == (before["seq"], 0)


def test_what_was_set_and_cleared_between_two_looks_is_news_by_its_stamp(scene: Scene, place: Path) -> None:
    with scene.played(place) as world, Hands(world.dc) as hands:
        before = world.head().seq
        carl = f"CN=carl,OU=Office,{hands.base}"
        hands.set(carl, info="x")
        hands.set(carl, info=[])
        world.run("agent", "--once", code=0)
        change = only(world.changes(after=before))
        assert (change.guid, change.values, change.rdn) == (guid(hands, carl), {}, None)
        assert {name: stamp.version for name, stamp in change.stamps.items()} == {"info": 2}


def test_the_rights_of_deleted_objects_are_captured(scene: Scene, place: Path) -> None:
    """The container is a deleted object itself, and everybody's tombstones lie below it."""
    with scene.played(place) as world, Hands(world.dc) as hands:
        before = world.head().seq
        deleted = f"CN=Deleted Objects,{hands.base}"
        (found,) = hands.read(deleted, "nTSecurityDescriptor")["nTSecurityDescriptor"]
        rights = bytearray(found)
        # the first entry's mask, behind the list's head and its own ([MS-DTYP] 2.4.4.2, 2.4.5, 2.4.6)
        rights[struct.unpack_from("<I", rights, 16)[0] + 12] ^= READ_PROPERTY
        hands.set(deleted, nTSecurityDescriptor=bytes(rights))
        world.run("agent", "--once", code=0)
        assert guid(hands, deleted) in {change.guid for change in world.changes(after=before)}
        world.run("verify", code=0)


def test_links_are_captured_one_by_one(hands: Hands, office: str, observe: Observe) -> None:
    group, dora, carl = (f"CN={name},{office}" for name in ("crew", "dora", "carl"))
    added = only(observe(lambda: hands.link(group, dora, carl)))
    assert (added.guid, added.kind, added.values) == (guid(hands, group), Kind.CHANGED, {})
    assert added.added == {"member": frozenset({ref(guid(hands, dora)), ref(guid(hands, carl))})}
    removed = only(observe(lambda: hands.unlink(group, dora)))
    assert not removed.added
    assert removed.removed == {"member": frozenset({ref(guid(hands, dora))})}


def test_a_move_is_captured_as_another_parent(hands: Hands, office: str, observe: Observe) -> None:
    mover = hands.user("mover")
    target = guid(hands, f"OU=Annex,{office}")
    change = only(observe(lambda: hands.rename(mover, "CN=mover", f"OU=Annex,{office}")))
    assert (change.kind, change.parent, change.rdn) == (Kind.MOVED, target, "CN=mover")


def test_a_renamed_container_takes_its_children_along(
    watched: World, hands: Hands, office: str, observe: Observe
) -> None:
    emil = guid(hands, f"CN=emil,OU=Annex,{office}")
    change = only(observe(lambda: hands.rename(f"OU=Annex,{office}", "OU=Wing")))
    assert (change.kind, change.rdn) == (Kind.MOVED, "OU=Wing")
    folded = State().apply(watched.changes(after=0))
    assert folded.dn(emil) == f"CN=emil,OU=Wing,{office}"
    observe(lambda: hands.rename(f"OU=Wing,{office}", "OU=Annex"))


def test_a_changed_password_is_captured_with_its_history(hands: Hands, office: str, observe: Observe) -> None:
    change = only(observe(lambda: hands.password(f"CN=dora,{office}", "Passw0rd.second")))
    assert change.values["unicodePwd"] == (nt_hash("Passw0rd.second"),)
    assert change.values["ntPwdHistory"] == (nt_hash("Passw0rd.second") + nt_hash(PASSWORD),)
    assert {"supplementalCredentials", "pwdLastSet"} <= set(change.values)


def test_a_delete_is_captured_and_so_is_the_way_back(
    watched: World, hands: Hands, office: str, observe: Observe
) -> None:
    phoenix = hands.user("phoenix", parent=office, password=PASSWORD)
    identity = hands.guid(phoenix)
    deleted = only(observe(lambda: hands.delete(phoenix)))
    assert (deleted.kind, deleted.guid) == (Kind.DELETED, identity.bytes_le)
    assert deleted.values["isDeleted"] == (b"TRUE",)
    assert deleted.values["unicodePwd"] == ()
    risen = observe(lambda: hands.undelete(identity, phoenix, description="risen"))
    assert {change.kind for change in risen if change.guid == identity.bytes_le} >= {Kind.UNDELETED}
    assert watched.run("verify", "--json", code=0).json["differences"] == []


def test_what_came_and_went_between_two_looks_is_a_tombstone(scene: Scene, place: Path) -> None:
    with scene.played(place) as world, Hands(world.dc) as hands:
        before = world.run.status()["durable"]["seq"]
        mayfly = hands.user("mayfly")
        identity = hands.guid(mayfly)
        hands.delete(mayfly)
        world.run("agent", "--once", code=0)
        change = only(world.changes(after=before))
        assert (change.guid, change.values["isDeleted"]) == (identity.bytes_le, (b"TRUE",))
        world.run("verify", code=0)


def test_all_naming_contexts_are_captured(watched: World, hands: Hands, observe: Observe) -> None:
    def everywhere() -> None:
        hands.add(f"CN=10.9.0.0/16,CN=Subnets,CN=Sites,CN=Configuration,{hands.base}", "subnet")
        watched.dc.samba_tool("dns", "add", watched.dc.address, watched.dc.names.dns_domain, "printer", "A", "10.9.0.7",
                              f"-UAdministrator%{watched.dc.admin_password}")  # fmt: skip

    contexts = {change.nc for change in observe(everywhere)}
    assert contexts == {f"CN=Configuration,{hands.base}", f"DC=DomainDnsZones,{hands.base}"}


def test_idle_costs_no_store_write(watched: World, hands: Hands) -> None:
    watched.run.settled()

    def written() -> list[tuple[int, int]]:
        files = (watched.store, watched.store.with_name(f"{watched.store.name}-wal"))
        return [(path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.exists()]

    before, head = written(), watched.head()
    time.sleep(2)  # twenty polls: nothing can be waited for that must not happen
    assert written() == before
    assert watched.head() == head
    # and the polls went on meanwhile
    watched.run.settled()
    hands.set(f"CN=ada,OU=Office,{hands.base}", info="awake")
    until(lambda: watched.head().seq > head.seq, "the agent looks again")


def test_the_dcs_own_bookkeeping_causes_neither_lag_nor_commits(watched: World, hands: Hands, office: str) -> None:
    def logons() -> int:
        return int(hands.read(f"CN=carl,{office}", "logonCount")["logonCount"][0])

    watched.dc.kinit("carl", PASSWORD)  # the first login of a user also writes lastLogonTimestamp, which is replicated
    watched.run.settled()
    before, logged = watched.captured(), logons()  # the number that the login gives carl is committed a moment later
    watched.dc.kinit("carl", PASSWORD)
    assert not watched.dc.can_login("carl", "wrong")
    assert logons() > logged, "a login is written down"
    for _ in range(3):
        found = watched.run("status", "--json", code=0).json
        assert found["lag"]["usn"] == 0
        assert watched.captured() == before


def test_the_journal_holds_exactly_the_directory_in_the_end(watched: World) -> None:
    watched.run.settled()
    assert watched.run("verify", "--json", code=0).json["differences"] == []
