"""A DC is healed while people work on it: what they do after the restore began is neither lost nor fought."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from tests.integration.commands import PATIENCE_S
from tests.integration.hands import Hands
from tests.integration.scene import PASSWORD, World, until

_LOST = 150
"""Accounts: a restore that takes seconds over LDAP."""

_CROWD = 500
"""Whose coming back takes many steps."""
_STEP_S = 0.1
_MANY = 400
"""As many as somebody needs who connects once the first of them is back, and takes the name of the last."""


class People:
    """Writers who do not stop until they are told to.

    Attributes:
        done: Names of the contacts they made, and of those who were in the image and got a new telephone number.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self.hired: list[str] = []
        self.phones: dict[str, str] = {}
        self.failure: BaseException | None = None

    def work(self) -> None:
        try:
            with Hands(self._world.dc) as hands:
                office = f"OU=Office,{hands.base}"
                number = 0
                while not self._stop.wait(0.05):
                    number += 1
                    hands.contact(f"late{number}", parent=office)
                    self.hired.append(f"late{number}")
                    hands.set(f"CN=dora,{office}", telephoneNumber=str(number))
                    self.phones["dora"] = str(number)
                    hands.link(f"CN=crew,{office}", f"CN=late{number},{office}")
        except BaseException as error:
            self.failure = error
            raise

    @contextmanager
    def working(self) -> Iterator[None]:
        """They work in this block."""
        thread = threading.Thread(target=self.work)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(PATIENCE_S)


def _there(world: World, name: str) -> bool:
    with Hands(world.dc) as hands:
        return bool(hands.find(f"(cn={name})"))


@pytest.mark.parametrize("policy", ["journal", "dc"])
def test_a_restore_under_live_writers_ends_proven_and_costs_them_nothing(world: World, policy: str) -> None:
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        for number in range(_LOST):
            hands.user(f"lost{number}", parent=office, password=PASSWORD if number == 7 else "")
        hands.set(f"CN=dora,{office}", description="from the journal")
        hands.link(f"CN=crew,{office}", f"CN=lost0,{office}")
    world.run("agent", "--once", code=0)
    world.revert()
    people = People(world)
    guard: dict[str, Any] = {}

    def heal() -> None:
        guard["ran"] = world.run("guard", "--engine", "ldap", "--on-conflict", policy, "--json", timeout_s=300)

    healing = threading.Thread(target=heal)
    healing.start()
    until(partial(_there, world, "lost0"), "the restore is under way")
    with people.working():
        healing.join(300)
    assert people.failure is None
    ran = guard["ran"]
    assert ran.code == 0, ran
    assert len(people.hired) > 10, "nobody worked meanwhile"
    meanwhile = {each["dn"].partition(",")[0] for each in ran.json["restored"]["conflicts"] if each["meanwhile"]}
    assert {"CN=late1", "CN=dora"} <= meanwhile
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        members = {dn.split(b",")[0] for dn in hands.read(f"CN=crew,{office}", "member")["member"]}
        dora = hands.read(f"CN=dora,{office}", "description", "telephoneNumber")
        lost = {f"lost{number}" for number in range(_LOST)}
        there = {dn.split(",")[0].removeprefix("CN=") for dn in hands.find("(|(cn=late*)(cn=lost*))")}
    assert there >= {*people.hired, *lost}
    assert dora == {"description": [b"from the journal"], "telephoneNumber": [people.phones["dora"].encode()]}
    assert members >= {b"CN=lost0", *(f"CN={name}".encode() for name in people.hired)}
    assert world.dc.can_login("lost7", PASSWORD)


def test_a_name_that_is_taken_in_the_middle_of_a_restore_is_given_back_and_nobody_goes(world: World) -> None:
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        for number in range(_CROWD):
            hands.user(f"lost{number}", parent=office)
    world.run("agent", "--once", code=0)
    world.revert()
    log = world.place / "guard.log"
    guard = world.run.start("guard", "--engine", "ldap", log=log)

    def is_under_way() -> bool:
        """Step by step: a DC that is given one write after the other may answer nobody else before the last."""
        guard.send_signal(signal.SIGCONT)
        time.sleep(_STEP_S)
        guard.send_signal(signal.SIGSTOP)
        return _there(world, "lost0")

    until(is_under_way, "the restore is under way")
    with Hands(world.dc) as hands:  # one that knows the new invocationID
        taken = next(number for number in reversed(range(_CROWD)) if _takes(hands, f"CN=lost{number},{office}"))
    guard.send_signal(signal.SIGCONT)
    assert guard.wait(300) == 0, log.read_text()
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        assert len(hands.find(f"(sAMAccountName=lost{taken})")) == 1
        assert len(hands.find("(&(objectClass=user)(cn=lost*))")) == _CROWD
        (kept,) = hands.find("(&(objectClass=contact)(mail=contact@example.org)(cn=lost*))")
        assert kept.startswith(f"CN=lost{taken}"), "it was written while the restore ran, so it stays"


def _takes(hands: Hands, dn: str) -> bool:
    try:
        hands.contact(dn.partition(",")[0].removeprefix("CN="), parent=dn.partition(",")[2])
    except AssertionError:
        return False
    return True


def _healed_beside(world: World, desk: Callable[[], None], ended: threading.Event) -> None:
    """Heal, and have people work meanwhile; they are told when it has ended."""
    working = threading.Thread(target=desk)
    working.start()
    ran = world.run("guard", "--json", timeout_s=300)
    ended.set()
    working.join(PATIENCE_S)
    assert ran.code == 0, ran


def test_what_is_written_to_those_who_just_came_back_stays(world: World) -> None:
    """They come by hundreds, and the first are there for seconds before the proof: the help desk calls them at once."""
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        for number in range(_MANY + _LOST):
            hands.contact(f"lost{number}", parent=office)
            if number % 5 == 0:
                hands.link(f"CN=crew,{office}", f"CN=lost{number},{office}")
    world.run("agent", "--once", code=0)
    world.revert()
    written: list[str] = []
    gone: list[str] = []
    ended = threading.Event()

    def write() -> None:
        with Hands(world.dc) as hands:
            for name in (f"lost{number}" for number in range(1, _MANY, 5)):
                while not ended.is_set() and not hands.find(f"(cn={name})"):
                    time.sleep(0.01)
                if ended.is_set():
                    return
                hands.set(f"CN={name},{office}", telephoneNumber="called")
                hands.link(f"CN=crew,{office}", f"CN={name},{office}")
                written.append(name)
                if len(written) % 10 == 0:
                    hands.delete(f"CN={name},{office}")
                    gone.append(written.pop())

    _healed_beside(world, write, ended)
    assert len(written) > 3, "nobody was called meanwhile"
    with Hands(world.dc) as hands:
        called = {dn.split(",")[0].removeprefix("CN=") for dn in hands.find("(telephoneNumber=called)")}
        members = {dn.split(b",")[0] for dn in hands.read(f"CN=crew,{office}", "member")["member"]}
        there = {dn.split(",")[0].removeprefix("CN=") for dn in hands.find("(&(objectClass=contact)(cn=lost*))")}
    assert called == set(written)
    joined = {f"CN={name}".encode() for name in (*(f"lost{at}" for at in range(0, _MANY + _LOST, 5)), *written)}
    assert {name for name in members if name.startswith(b"CN=lost")} == joined
    assert there == {f"lost{number}" for number in range(_MANY + _LOST)} - set(gone)
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)


def test_who_just_came_back_is_moved_renamed_and_taken_out_of_a_group_and_stays_so(world: World) -> None:
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        for number in range(_MANY + _LOST):
            hands.contact(f"lost{number}", parent=office)
            hands.link(f"CN=crew,{office}", f"CN=lost{number},{office}")
    world.run("agent", "--once", code=0)
    world.revert()
    moved: list[str] = []
    left: list[str] = []
    ended = threading.Event()

    def reorganize() -> None:
        with Hands(world.dc) as hands:
            for number in range(0, _MANY, 5):
                name = f"lost{number}"
                while not ended.is_set() and f"CN={name},{office}" not in members(hands):
                    time.sleep(0.01)
                if ended.is_set():
                    return
                hands.unlink(f"CN=crew,{office}", f"CN={name},{office}")
                left.append(f"CN={name}")
                if number % 2:
                    hands.rename(f"CN={name},{office}", f"CN=former {name}", f"OU=Annex,{office}")
                    left[-1] = f"CN=former {name}"
                    moved.append(left[-1])

    def members(hands: Hands) -> set[str]:
        return {dn.decode() for dn in hands.read(f"CN=crew,{office}", "member")["member"]}

    _healed_beside(world, reorganize, ended)
    assert len(moved) > 1, "nobody was moved meanwhile"
    with Hands(world.dc) as hands:
        assert {dn.split(",")[0] for dn in hands.find("(cn=former*)")} == set(moved)
        there = {dn.split(",")[0] for dn in hands.find("(&(objectClass=contact)(|(cn=lost*)(cn=former*)))")}
        joined = {dn.split(",")[0] for dn in members(hands) if dn.startswith(("CN=lost", "CN=former"))}
    assert len(there) == _MANY + _LOST
    assert joined == there - set(left)
    world.run("agent", "--once", code=0)
    world.run("verify", code=0)
