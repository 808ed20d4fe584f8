"""Is this our DC? Every case an administrator can run into, each on a real DC; only `same` is ever captured."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adpersist import config
from adpersist.agent import connections
from adpersist.capture.capture import Capture
from adpersist.directory.domain_controller import DomainController
from tests import images
from tests.crash.deaths import KILLED, dying
from tests.integration.clock import clock
from tests.integration.commands import Adpersist, Agent
from tests.integration.hands import Hands
from tests.integration.relay import relayed
from tests.integration.scene import Scene, World, copy_journal, init_words
from tools.samba_dc import Golden, SambaDC, free_address

FENCED, REVERTED = 3, 4
_LET_ANSWERS_ARRIVE_S = 0.5


def verdict(run: Adpersist) -> str:
    ran = run("status", "--json")
    # of a DC that is ours, monitoring may say that the journal is late
    assert ran.code in ({0, 1} if ran.json["lineage"] == "same" else {REVERTED}), ran
    return str(ran.json["lineage"])


def refuses(world: World, expected: str, run: Adpersist | None = None) -> None:
    """The verdict is not `same`, and not one change is captured."""
    before = world.head()
    assert verdict(run or world.run) == expected
    (run or world.run)("agent", "--once", code=REVERTED)
    assert world.head() == before


def heals(world: World) -> None:
    refuses(world, "reverted")
    world.run("guard", code=0)
    world.run("verify", code=0)
    assert verdict(world.run) == "same"


def captures(world: World, name: str) -> None:
    """The DC is ours: no false alarm, and its changes are taken."""
    assert verdict(world.run) == "same"
    with Hands(world.dc) as hands:
        hands.user(name)
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)
    assert any(change.rdn == f"CN={name}" for change in world.changes(after=0))


def live(world: World, name: str) -> None:
    with Hands(world.dc) as hands:
        hands.user(name, parent=f"OU=Office,{hands.base}")
    world.run("agent", "--once", code=0)


def take_image(world: World, name: str) -> Golden:
    world.dc.stop()
    image = world.dc.take_golden(world.place / name)
    world.dc.start()
    return image


def put_back(world: World, image: Golden) -> None:
    world.dc.golden = image
    world.revert()


# Reverts under a running agent.


@contextmanager
def suspended(agent: Agent) -> Iterator[None]:
    agent.process.send_signal(signal.SIGSTOP)
    time.sleep(_LET_ANSWERS_ARRIVE_S)
    try:
        yield
    finally:
        agent.process.send_signal(signal.SIGCONT)


@contextmanager
def agent_behind_a_relay(world: World) -> Iterator[Agent]:
    """An agent whose connection survives what happens to the DC."""
    with relayed(world.dc.ldapi_path, world.place) as path:
        run = world.run.with_environment(ADPERSIST_DIRECTORY_URL=f"ldapi://{path}", ADPERSIST_CAPTURE_CHECK_S="0.5")
        with run.agent(world.log) as agent:
            yield agent


@pytest.mark.parametrize("overtaken", [False, True])
def test_reverted_under_a_running_agent_whose_connection_never_broke(world: World, *, overtaken: bool) -> None:
    with agent_behind_a_relay(world) as agent:
        with Hands(world.dc) as hands:
            hands.user("lost", parent=f"OU=Office,{hands.base}")
            captured = hands.usn()
        world.run.settled()
        durable = world.captured()
        with suspended(agent):
            world.revert()
            if overtaken:
                _overtake(world, captured)
        assert agent.wait() == REVERTED, agent.said
        assert world.captured() == durable
    heals(world)


def test_reverted_under_a_running_agent_whose_connection_broke(world: World) -> None:
    with world.run.agent(world.log) as agent:
        with Hands(world.dc) as hands:
            hands.user("lost", parent=f"OU=Office,{hands.base}")
        world.run.settled()
        durable = world.captured()
        world.revert()
        assert agent.wait() == REVERTED, agent.said
        assert world.captured() == durable
    heals(world)


def _overtake(world: World, usn: int) -> None:
    with Hands(world.dc) as hands:
        number = 0
        while hands.usn() <= usn + 20:
            hands.user(f"local{number}", parent=f"OU=Office,{hands.base}")
            number += 1


@pytest.mark.parametrize("overtaken", [False, True])
def test_machine_and_agent_were_resumed_from_a_memory_snapshot(world: World, *, overtaken: bool) -> None:
    """The store holds commits this very agent made in a future it does not remember: no stranger took over."""
    with agent_behind_a_relay(world) as agent:
        with suspended(agent):
            image = take_image(world, "snapshot")
            _future(world)
            durable = world.captured()
            with Hands(world.dc) as hands:
                captured = hands.usn()
            put_back(world, image)
            if overtaken:
                _overtake(world, captured)
        assert agent.wait() == REVERTED, agent.said
        assert world.captured() == durable
    heals(world)


def _future(world: World) -> None:
    """What the agent goes on to do after the snapshot, under its own name."""
    with Hands(world.dc) as hands:
        hands.user("future", parent=f"OU=Office,{hands.base}")
    assert world.run.config is not None
    settings = config.load(world.run.config, {})
    dc = DomainController.connect(world.dc.ldapi_url)
    journal = connections.journal(settings, dc.identity)
    before = journal.head
    Capture.begin(dc, journal, before.writer, again=True).look()
    assert journal.head.seq > before.seq
    assert journal.head.writer == before.writer
    journal.close()
    dc.close()


def test_the_store_is_put_back_under_a_running_agent(world: World) -> None:
    yesterday = world.store.with_name("yesterday.db")
    copy_journal(world.store, yesterday)
    run = world.run.with_environment(ADPERSIST_CAPTURE_CHECK_S="0.5")
    with run.agent(world.log) as agent:
        with Hands(world.dc) as hands:
            hands.user("today")
        world.run.settled()
        _replace_store(world, yesterday)
        with Hands(world.dc) as hands:
            hands.user("tomorrow")
        assert agent.wait() in {REVERTED, 5, 8}, agent.said
    refuses(world, "store-behind")
    world.run("agent", "--once", "--accept-store-behind", code=0)
    world.run("verify", code=0)
    assert verdict(world.run) == "same"


def _replace_store(world: World, other: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        world.store.with_name(world.store.name + suffix).unlink(missing_ok=True)
    shutil.copy(other, world.store)


# Images.


def test_two_reverts_in_a_row_and_a_third_to_a_later_image(world: World) -> None:
    live(world, "one")
    later = take_image(world, "later")
    live(world, "two")
    world.revert()
    heals(world)
    live(world, "three")
    world.revert()
    world.revert()
    heals(world)
    live(world, "four")
    put_back(world, later)
    heals(world)
    with Hands(world.dc) as hands:
        assert all(hands.find(f"(cn={name})") for name in ("one", "two", "three", "four"))


def test_an_image_from_before_the_journal_began(golden: Golden, place: Path) -> None:
    """It remembers no commit, and was made while the clock stood wrong: what the journal has seen is still no news."""
    with SambaDC(golden, place / "dc", address=free_address()) as dc:
        dc.start()
        run = Adpersist(place / "adpersist.toml")
        world = World(place=place, dc=dc, run=run, store=place / "journal.db", key=place / "key")
        with clock(world, "+2y"), Hands(dc) as hands:
            hands.set(f"CN=Guest,{hands.users}", description="from the image")
        dc.stop()
        dc.golden = dc.take_golden(place / "image")
        dc.start()
        with Hands(dc) as hands:
            hands.user("settler")
        run("init", *init_words(dc, world.store, world.key), code=0)
        run("agent", "--once", code=0)
        with Hands(dc) as hands:
            hands.set(f"CN=Guest,{hands.users}", description="lost")
        run("agent", "--once", code=0)
        world.revert()
        assert run("plan", "--json", code=2).json["conflicts"] == []
        heals(world)
        with Hands(dc) as hands:
            assert hands.find("(cn=settler)")
            assert hands.read(f"CN=Guest,{hands.users}", "description")["description"] == [b"lost"]


@pytest.mark.parametrize("point", ["commit", "committed"])
def test_an_image_taken_in_the_middle_of_an_append(world: World, point: str) -> None:
    """Before and after the store has the commit; the directory does not remember it yet."""
    with Hands(world.dc) as hands:
        hands.user("appended", parent=f"OU=Office,{hands.base}")
    assert dying(world.run, point, 1, "agent", "--once") == KILLED
    image = take_image(world, "middle")
    put_back(world, image)
    captures(world, "nothing-was-lost")
    live(world, "lost")
    put_back(world, image)
    heals(world)


def test_an_image_taken_in_the_middle_of_an_append_that_was_finished(world: World) -> None:
    with Hands(world.dc) as hands:
        hands.user("appended", parent=f"OU=Office,{hands.base}")
    image = take_image(world, "before-the-look")
    world.run("agent", "--once", code=0)
    put_back(world, image)
    # every captured write is there, and only the note of the commit is missing: that nothing was lost nobody can tell
    heals(world)


# Not reverted.


def test_a_database_that_was_defragmented(world: World) -> None:
    live(world, "kept")
    world.dc.stop()
    for path in [*world.dc.private_dir.glob("*.ldb"), *(world.dc.private_dir / "sam.ldb.d").glob("*.ldb")]:
        subprocess.run(["tdbbackup", "-s", ".packed", str(path)], check=True)
        path.with_name(f"{path.name}.packed").replace(path)
    world.dc.start()
    captures(world, "after")


def test_a_database_whose_invocation_id_a_proper_restore_changed(world: World) -> None:
    live(world, "kept")
    with Hands(world.dc) as hands:
        ntds = f"CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{hands.base}"
        hands.set(ntds, invocationId=uuid.uuid4().bytes)
    world.dc.stop()
    world.dc.start()
    captures(world, "after")


def test_a_reverted_database_whose_invocation_id_was_changed_is_still_reverted(world: World) -> None:
    live(world, "lost")
    world.revert()
    with Hands(world.dc) as hands:
        ntds = f"CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{hands.base}"
        hands.set(ntds, invocationId=uuid.uuid4().bytes)
    world.dc.stop()
    world.dc.start()
    heals(world)


@pytest.mark.parametrize("reverted", [False, True])
def test_tombstones_were_expunged(world: World, *, reverted: bool) -> None:
    with Hands(world.dc) as hands:
        hands.delete(hands.user("shortlived"))
        hands.delete(f"CN=dora,OU=Office,{hands.base}")
    world.run("agent", "--once", code=0)
    if reverted:
        world.revert()
    world.dc.samba_tool("domain", "tombstones", "expunge", "--tombstone-lifetime=0")
    if reverted:
        heals(world)
    else:
        captures(world, "after")


def test_tombstones_were_expunged_before_a_look_of_several_commits(world: World) -> None:
    """One that begins anew, as what is reanimated asks for: the directory is told of the last of its commits alone."""
    with Hands(world.dc) as hands:
        hands.delete(f"CN=dora,OU=Office,{hands.base}")
        world.run("agent", "--once", code=0)
        world.dc.samba_tool("domain", "tombstones", "expunge", "--tombstone-lifetime=0")
        carl = f"CN=carl,OU=Office,{hands.base}"
        guid = hands.guid(carl)
        hands.delete(carl)
        hands.undelete(guid, carl)
    before = world.head().seq
    captures(world, "after")
    assert len(world.commits(before)) > 1


# Somebody else's.


@pytest.mark.parametrize("went_on", [False, True])
def test_a_cloned_machine_and_its_original_end_with_one_winner(world: World, *, went_on: bool) -> None:
    """The clone is the younger claim: it wins, healed if it lacks what the original did meanwhile."""
    image = take_image(world, "template")
    run = world.run.with_environment(ADPERSIST_CAPTURE_CHECK_S="0.5")
    with run.agent(world.log) as original, SambaDC(image, world.place / "dc2", address=free_address()) as clone:
        if went_on:
            with Hands(world.dc) as hands:
                hands.user("only-on-the-original", parent=f"OU=Office,{hands.base}")
            world.run.settled()
        clone.start()
        there = world.run.with_environment(ADPERSIST_DIRECTORY_URL=clone.ldapi_url)
        if went_on:
            there("guard", code=0)
        with there.agent(world.place / "clone.log") as winner:
            assert original.wait() == FENCED, original.said
            with Hands(clone) as hands:
                assert bool(hands.find("(cn=only-on-the-original)")) == went_on
                hands.user("only-on-the-clone")
            there.settled()
            assert winner.process.poll() is None


@pytest.mark.parametrize(
    ("realm", "domain"),
    [("SAMDOM.EXAMPLE.COM", "SAMDOM"), ("ELSEWHERE.EXAMPLE.COM", "ELSEWHERE")],
    ids=["freshly provisioned with the same name", "another domain"],
)
def test_another_domain_sits_on_the_socket(world: World, realm: str, domain: str) -> None:
    live(world, "ours")
    other = images.image(f"other-{domain.lower()}", realm=realm, domain=domain)
    with SambaDC(other, world.place / "dc2", address=free_address()) as dc:
        dc.start()
        run = world.run.with_environment(ADPERSIST_DIRECTORY_URL=dc.ldapi_url)
        refuses(world, "replaced", run)
        before = world.head()
        run("guard", code=REVERTED)
        run("restore", "--yes", code=REVERTED)
        assert world.head() == before
        with Hands(dc) as hands:
            assert not hands.find("(cn=ours)")


# Time.

_YEAR = "365d"


@pytest.mark.parametrize("offset", ["+7d", f"+{_YEAR}", f"-{_YEAR}"])
def test_the_clock_jumped_and_nothing_was_reverted(world: World, offset: str) -> None:
    live(world, "kept")
    with clock(world, offset) as later:
        captures(later, "in-another-time")
        captures(later, "and-again")
    world.dc.stop()
    world.dc.start()
    captures(world, "back-again")


@pytest.mark.parametrize("offset", [f"+{_YEAR}", f"-{_YEAR}"])
def test_the_clock_jumped_and_the_dc_was_reverted(world: World, offset: str) -> None:
    live(world, "lost")
    world.revert()
    with clock(world, offset) as later:
        refuses(later, "reverted")
        later.run("guard", "--accept-old-image", code=0)
        later.run("verify", code=0)
        captures(later, "afterwards")


def test_an_agent_that_was_off_for_a_week_finds_its_dc_again(scene: Scene, place: Path) -> None:
    with scene.played(place) as world:
        live(world, "before")
        with clock(world, "+7d") as later, Hands(world.dc) as hands:
            office = f"OU=Office,{hands.base}"
            for number in range(15):
                hands.user(f"week{number}", parent=office, password="Passw0rd.week")
            hands.delete(f"CN=week3,{office}")
            hands.password(f"CN=ada,{office}", "Passw0rd.week")
            hands.rename(f"CN=bert,{office}", "CN=berta")
            captures(later, "monday")
