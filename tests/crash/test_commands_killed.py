"""SIGKILL at any moment: nothing acknowledged is lost, and the same command run again converges."""

import random
import time

from tests.integration.hands import Hands
from tests.integration.scene import World, until
from tools.samba_dc import dump

_RANDOM = random.Random(17)


def test_an_agent_killed_again_and_again_loses_nothing_it_called_durable(world: World) -> None:
    acknowledged: set[str] = set()
    for round_number in range(6):
        with world.run.agent(world.log) as agent, Hands(world.dc) as hands:
            agent.capturing()
            for number in range(8):
                hands.user(f"k{round_number}x{number}")
                time.sleep(_RANDOM.uniform(0, 0.08))
            before = world.head().seq
            acknowledged |= _captured(world)
            agent.kill()
        assert world.head().seq >= before
        assert acknowledged <= _captured(world)
    world.run("agent", "--once", code=0)
    assert _captured(world) >= {f"CN=k{a}x{b}" for a in range(6) for b in range(8)}
    world.run("check", code=0)
    world.run("verify", code=0)


def _captured(world: World) -> set[str]:
    return {change.rdn for change in world.changes(0) if change.rdn}


def test_a_guard_killed_anywhere_converges_when_it_runs_again(world: World) -> None:
    with Hands(world.dc) as hands:
        members = [hands.user(f"many{number}") for number in range(60)]
        hands.link(hands.group("everybody"), *members)
        hands.delete(hands.user("gone"))
    world.run("agent", "--once", code=0)
    world.dc.stop()
    wanted = _living(world)
    world.dc.start()
    world.revert()
    log = world.log.with_name("guard.log")
    for _ in range(8):
        guard = world.run.start("guard", "--on-revert", "restore", log=log)
        time.sleep(_RANDOM.uniform(0.5, 1.6))
        guard.kill()
        guard.wait(30)
    world.run("guard", "--on-revert", "restore", code=0)
    world.run("verify", code=0)
    world.run("check", code=0)
    world.dc.stop()
    assert _living(world) == wanted


def _living(world: World) -> dict[str, dict[str, tuple[bytes, ...]]]:
    """Identity, names, memberships and secrets of every living object, read from the stopped DC's own files."""
    kept = ("distinguishedName", "objectSid", "sAMAccountName", "member", "unicodePwd", "supplementalCredentials")
    return {
        guid: {name: tuple(sorted(entry[name])) for name in kept if name in entry}
        for guid, entry in dump(world.dc).items()
        if "isDeleted" not in entry
    }


def test_a_dc_that_dies_in_the_middle_of_a_restore_is_one_sentence_and_the_next_run_converges(world: World) -> None:
    with Hands(world.dc) as hands:
        for number in range(60):
            hands.user(f"many{number}")
    world.run("agent", "--once", code=0)
    world.revert()
    log = world.log.with_name("guard.log")
    guard = world.run.start("guard", "--on-revert", "restore", log=log)
    until(lambda: b"restore.began" in log.read_bytes() or guard.poll() is not None, "the restore begins")
    world.dc.kill()
    assert guard.wait(60) == 6
    assert b"Traceback" not in log.read_bytes()
    world.dc.start()
    world.run("agent", "--once", code=4)
    world.run("guard", "--on-revert", "restore", code=0)
    world.run("verify", code=0)
