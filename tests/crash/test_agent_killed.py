"""Kill the agent, the guard or the DC at any moment: nothing acknowledged is lost, and running again converges."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.head import Phase
from adpersist.model.plan.engine import Engine
from tests.crash.deaths import DYING, KILLED, dying
from tests.forking import Running
from tests.integration.commands import Adpersist, Agent, complaint
from tests.integration.hands import Hands
from tests.integration.proof import unlike
from tests.integration.scene import ENGINES, PASSWORD, Scene, World, until
from tools.samba_dc import AES256, dbcheck

DIRECTORY = 6


# The agent in a stream of changes.


@contextmanager
def stream(world: World) -> Iterator[list[str]]:
    """Somebody works on the directory without a pause; the names of the users made so far."""
    made: list[str] = []
    stop = threading.Event()

    def work() -> None:
        with Hands(world.dc) as hands:
            group = hands.group("stream")
            while not stop.is_set():
                name = f"stream{len(made)}"
                dn = hands.user(name, parent=f"OU=Office,{hands.base}")
                hands.link(group, dn)
                hands.set(dn, description=f"number {len(made)}")
                made.append(name)
                if len(made) % 5 == 0:
                    hands.delete(f"CN=stream{len(made) - 3},OU=Office,{hands.base}")
                time.sleep(0.01)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield made
    finally:
        stop.set()
        worker.join()


def _is_beyond(world: World, seq: int) -> bool:
    return world.head().seq > seq


def test_an_agent_killed_in_a_stream_of_changes_loses_nothing_acknowledged(world: World) -> None:
    chance = random.Random(2026)
    acknowledged = world.head()
    with stream(world) as made:
        for number in range(8):
            agent = Agent(world.run, world.log)
            agent.capturing()
            if number % 2:
                until(partial(_is_beyond, world, acknowledged.seq), "something is captured")
            time.sleep(chance.uniform(0, 0.4))
            acknowledged = world.head()
            agent.kill()
            kept = world.commits()
            assert kept[-1].seq >= acknowledged.seq
            assert acknowledged.digest in {commit.digest for commit in kept}, "a durable commit was replaced"
        until(lambda: len(made) > 20, "there was a stream")
    assert acknowledged.seq > 3
    world.run("agent", "--once", code=0)
    assert world.run("verify", "--json", code=0).json["differences"] == []
    world.run("check", code=0)


@pytest.mark.parametrize("point", ["look", "commit", "committed"])
def test_an_agent_killed_at_a_point_goes_on_where_it_was(world: World, point: str) -> None:
    with Hands(world.dc) as hands:
        hands.user("witness", parent=f"OU=Office,{hands.base}")
    before = world.head().seq
    assert dying(world.run, point, 1, "agent", "--once") == KILLED
    assert world.head().seq == before + (point == "committed")
    world.run("agent", "--once", code=0)
    looks = [each for each in world.commits(before) if each.kind is CommitKind.LOOK]
    assert len(looks) == 1, "captured once, not twice"
    world.run("verify", code=0)


# The guard.


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A reverted DC, and what it was before.

    Attributes:
        world: The DC, its journal holding the lost day.
        lived: The database's files before the revert.
        engine: The way restores write.
    """

    world: World
    lived: Path
    engine: Engine = Engine.AUTO

    def step(self, number: int) -> int:
        """As far into the restore as this step over LDAP: a replica takes many at once."""
        return number if self.engine is Engine.LDAP else min(number, 2)

    def revert(self) -> None:
        self.world.revert()

    def judged(self, moment: str) -> None:
        """Compare files, secrets included."""
        self.world.dc.kill()
        files = self.world.dc.snapshot(self.world.place / moment)
        assert unlike(self.lived, files) == []
        verdict = dbcheck(files, since=self.world.dc.golden)
        assert verdict.ok, verdict.text


@contextmanager
def losing(scene: Scene, place: Path) -> Iterator[Lost]:
    """Live through a day, capture it, and stop the DC."""
    with scene.played(place) as world:
        with Hands(world.dc) as hands:
            _day(hands)
        world.run("agent", "--once", code=0)
        world.dc.kill()
        yield Lost(world=world, lived=world.dc.snapshot(world.place / "lived"))


@pytest.fixture(scope="module", params=ENGINES)
def lost(request: pytest.FixtureRequest, scene: Scene, module_place: Path) -> Iterator[Lost]:
    with losing(scene, module_place / request.param) as day:
        day.world.write_by(request.param)
        yield replace(day, engine=request.param)


def _day(hands: Hands) -> None:
    """Creates, swaps, memberships, passwords and deletes: everything whose middle is not its end."""
    room, office = f"OU=Names,{hands.base}", f"OU=Office,{hands.base}"
    hands.rename(f"CN=left,{room}", "CN=between")
    hands.rename(f"CN=right,{room}", "CN=left")
    hands.rename(f"CN=between,{room}", "CN=right")
    hands.set(f"CN=boss,{room}", sAMAccountName="exboss", userPrincipalName="exboss@example.com")
    hands.set(f"CN=heir,{room}", sAMAccountName="boss")
    lab = hands.ou("Lab")
    for number in range(6):
        hands.user(f"lost{number}", parent=lab, password=f"Passw0rd.lost{number}")
    hands.group("losers", [f"CN=lost{number},{lab}" for number in range(6)], parent=lab)
    hands.link(f"CN=crew,{office}", f"CN=losers,{lab}")
    hands.rename(f"OU=Annex,{office}", "OU=Annex", lab)
    hands.password(f"CN=ada,{office}", "Passw0rd.later")
    hands.set(f"CN=everyone,{office}", info="later")
    hands.delete(f"CN=dora,{office}")
    hands.delete(f"CN=reused,{room}")
    hands.user("reused", parent=room, password=PASSWORD)


@pytest.mark.parametrize(
    ("point", "number"),
    [
        ("begun", 1),
        ("applied", 2),
        ("apply", 12),
        ("ended", 1),
        ("commit", 1),
    ],
)
def test_a_guard_killed_at_a_point_converges_at_the_next_run(lost: Lost, point: str, number: int) -> None:
    lost.revert()
    world = lost.world
    assert dying(world.run, point, lost.step(number), "guard") == KILLED, "the point lies beyond the restore's end"
    if point not in {"ended", "commit"}:
        world.run("agent", "--once", code=4)  # half a restore is never captured
    world.run("guard", code=0)
    world.run("verify", code=0)
    world.run("agent", "--once", code=0)
    lost.judged(f"after-{point}-{number}")


def test_a_guard_killed_again_and_again_in_its_restore_converges_in_the_end(lost: Lost) -> None:
    lost.revert()
    world, chance, log = lost.world, random.Random(4711), lost.world.place / "guards.log"
    log.touch()
    killed_inside = 0
    while killed_inside < 4:
        began = _restores_begun(log)
        guard = world.run.start("guard", log=log)
        until(partial(_has_begun_or_ended, guard, log, began), "the restore begins")
        time.sleep(chance.uniform(0, 0.3))
        guard.kill()
        assert guard.wait(30) in (KILLED, 0), log.read_text()
        if world.head().phase is Phase.RESTORING:
            killed_inside += 1
        else:
            lost.revert()  # it came through before the kill: take the day away again
    world.run("guard", code=0)
    world.run("verify", code=0)
    world.run("check", code=0)
    assert "Traceback" not in log.read_text()
    lost.judged("after-many-kills")
    world.dc.start()
    assert world.dc.can_login("ada", "Passw0rd.later", enctypes=AES256)


def _restores_begun(log: Path) -> int:
    return log.read_text().count("restore.began")


def _has_begun_or_ended(guard: Running, log: Path, began: int) -> bool:
    return _restores_begun(log) > began or guard.poll() is not None


def test_a_restore_that_let_the_dc_win_and_was_killed_still_ends_as_it_would_have(scene: Scene, place: Path) -> None:
    """What the killed run wrote itself must not pass for somebody's local writes at the next."""
    with losing(scene, place) as day:
        day.world.write_by(Engine.LDAP)
        day.revert()
        for number in (3, 4, 9):
            assert dying(day.world.run, "applied", number, "guard", "--on-conflict", "dc") == KILLED
            assert day.world.run.status()["lineage"] == "reverted"
        day.world.run("guard", "--on-conflict", "dc", code=0)
        day.judged("after-dc-wins")


@pytest.fixture
def wounded(scene: Scene, place: Path) -> Scene:
    """A reverted DC that somebody worked on, also on objects that have changes of the lost day; to be copied."""
    with losing(scene, place / "day") as day:
        day.revert()
        with Hands(day.world.dc) as hands:
            hands.outlive_the_second()  # originating times count in whole seconds
            _local_writes(hands, "first")
        day.world.dc.stop()
        image = day.world.dc.take_golden(place / "wounded")
        return Scene(golden=image, store=day.world.store, key=day.world.key, journal=scene.journal)


def _local_writes(hands: Hands, word: str) -> None:
    office = f"OU=Office,{hands.base}"
    hands.link(f"CN=everyone,{office}", hands.contact(f"{word} contact", parent=office))
    hands.set(f"CN=ada,{office}", description=word)
    hands.user(f"{word} user", parent=office)


def _restored(world: World, deaths: tuple[int, ...]) -> dict[str, list[bytes]]:
    """What the DC has of both, after a restore that was killed on the way."""
    for number in deaths:
        assert dying(world.run, "applied", number, "guard", "--on-conflict", "dc") == KILLED
    world.run("guard", "--on-conflict", "dc", code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        found = hands.read(f"CN=ada,{office}", "description") | hands.read(f"CN=everyone,{office}", "info", "member")
        return {
            **found,
            "people": sorted(dn.encode() for dn in hands.find("(|(objectClass=user)(objectClass=contact))")),
        }


def test_local_writes_are_kept_however_often_the_restore_is_killed(wounded: Scene, place: Path) -> None:
    with wounded.played(place / "calm") as world:
        world.write_by(Engine.LDAP)
        calm = _restored(world, ())
    assert (calm["description"], calm["info"]) == ([b"first"], [b"later"])
    assert any(dn.startswith(b"CN=first contact,") for dn in calm["member"])
    assert any(dn.startswith(b"CN=first user") for dn in calm["people"])
    with wounded.played(place / "killed") as world:
        world.write_by(Engine.LDAP)
        assert _restored(world, (2, 5, 11)) == calm


def test_a_dc_that_is_put_back_in_the_middle_of_a_restore_has_other_local_writes(wounded: Scene, place: Path) -> None:
    with wounded.played(place / "again") as world:
        world.write_by(Engine.LDAP)
        assert dying(world.run, "applied", 15, "guard", "--on-conflict", "dc") == KILLED
        world.revert()
        with Hands(world.dc) as hands:
            _local_writes(hands, "second")
        found = _restored(world, (1, 7))
    assert (found["description"], found["info"]) == ([b"second"], [b"later"])
    for word in (b"first", b"second"):
        assert any(dn.startswith(b"CN=" + word + b" contact,") for dn in found["member"])
        assert any(dn.startswith(b"CN=" + word + b" user") for dn in found["people"])


# The DC.


def murdering(world: World, point: str, number: int) -> Adpersist:
    """The command line with the DC's death at a point."""
    victims = [str(process) for process in world.dc.processes]
    return world.run.with_program(sys.executable, str(DYING), point, str(number), *victims, "--")


@pytest.mark.parametrize("number", [1, 3])
def test_a_dc_that_dies_in_the_middle_of_a_look_is_looked_at_again(world: World, number: int) -> None:
    with Hands(world.dc) as hands:
        hands.user("interrupted", parent=f"OU=Office,{hands.base}")
    before = world.head()
    ran = murdering(world, "look", number)("agent", "--once", code=DIRECTORY)
    assert complaint(ran)
    assert world.head().seq == before.seq
    world.dc.kill()
    world.dc.start()
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)


@pytest.mark.parametrize(("point", "number"), [("look", 1), ("apply", 7)])
def test_a_dc_that_dies_in_the_middle_of_a_restore_is_restored_at_the_next(lost: Lost, point: str, number: int) -> None:
    lost.revert()
    ran = murdering(lost.world, point, lost.step(number))("guard", code=DIRECTORY)
    assert complaint(ran)
    lost.world.dc.kill()
    lost.world.dc.start()
    lost.world.run("guard", code=0)
    lost.world.run("verify", code=0)
    lost.judged(f"dc-died-{point}-{number}")


def test_a_dc_that_dies_after_the_proof_was_restored(lost: Lost) -> None:
    lost.revert()
    # the commit of the look that proved it; all that comes after is bookkeeping
    murdering(lost.world, "commit", 1)("guard", code=0)
    lost.world.dc.kill()
    lost.world.dc.start()
    lost.world.run("guard", code=0)
    lost.world.run("verify", code=0)
    lost.judged("dc-died-after-the-proof")
