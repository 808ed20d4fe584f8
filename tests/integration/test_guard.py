"""What the guard must not take for proof, and must not do."""

from __future__ import annotations

import shutil
import time

import pytest

from adpersist import config
from adpersist.agent import connections
from adpersist.directory.domain_controller import DomainController
from adpersist.model.journal.head import Writer
from tests.integration.commands import complaint
from tests.integration.hands import Hands
from tests.integration.scene import PASSWORD, World, copy_journal

KILLED = Writer(id="visitor-here-1", host="here", pid=1)
"""A restore that is no more."""


def _a_day(world: World) -> None:
    with Hands(world.dc) as hands:
        hands.user("today", parent=f"OU=Office,{hands.base}")
    world.run("agent", "--once", code=0)


def _there(world: World) -> bool:
    with Hands(world.dc) as hands:
        return bool(hands.find("(cn=today)"))


@pytest.mark.parametrize("words", [("guard",), ("restore", "--yes")])
def test_a_dc_is_never_taken_back_to_a_store_that_was_put_back(world: World, words: tuple[str, ...]) -> None:
    yesterday = world.store.with_name("yesterday.db")
    copy_journal(world.store, yesterday)
    _a_day(world)
    for suffix in ("-wal", "-shm"):
        world.store.with_name(world.store.name + suffix).unlink(missing_ok=True)
    shutil.copy(yesterday, world.store)
    ran = world.run(*words, code=4)
    assert "store" in complaint(ran)
    assert _there(world), "the day was undone"


def test_a_second_revert_right_after_the_restore_is_no_news(world: World) -> None:
    """Killed between the restore's end and the first look after it, then put back again."""
    _a_day(world)
    world.revert()
    assert world.run.config is not None
    settings = config.load(world.run.config, {})
    dc = DomainController.connect(world.dc.ldapi_url)
    journal = connections.journal(settings, dc.identity)
    journal.begin_restore(target=journal.head.seq, writer=KILLED, now=time.time())
    journal.end_restore(now=time.time())
    journal.close()
    dc.close()
    assert world.run.status()["lineage"] == "reverted"
    before = world.head()
    world.run("agent", "--once", code=4)
    assert world.head() == before
    world.run("guard", code=0)
    assert _there(world)
    world.run("verify", code=0)


def test_the_guard_leaves_a_running_agent_alone(world: World) -> None:
    with world.run.agent(world.log) as agent:
        writer = world.head().writer
        world.run("guard", code=0)
        assert world.head().writer == writer
        with Hands(world.dc) as hands:
            hands.user("afterwards")
        world.run.settled()
        assert agent.process.poll() is None


def test_the_dcs_own_secret_is_never_taken_from_the_journal(world: World) -> None:
    """The machine's secrets database and keytab went back with the disk: a newer password would lock the DC out."""
    machine = f"CN=DC1,OU=Domain Controllers,{world.dc.base_dn}"
    secrets = ("unicodePwd", "supplementalCredentials", "pwdLastSet")
    with Hands(world.dc) as hands:
        golden = hands.read(machine, *secrets)
        hands.password(machine, "Rotated.on-the-day-1")
        assert hands.read(machine, *secrets) != golden
    world.run("agent", "--once", code=0)
    world.revert()
    world.run("guard", code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        assert hands.read(machine, *secrets) == golden
    world.dc.kinit("ada", PASSWORD)
    world.dc.service_ticket("ldap")
