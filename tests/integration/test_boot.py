"""`adpersist boot`: the DC comes up closed, is proven or healed, and only then opens."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from adpersist.model.plan.engine import Engine
from tests.crash.test_agent_health import Monitor
from tests.forking import Running
from tests.integration.booting import booting, holders
from tests.integration.commands import Adpersist
from tests.integration.hands import Hands
from tests.integration.scene import ENGINES, World, until
from tools.samba_dc import free_port

LDAP_PORT = 389


def _is_open(world: World) -> bool:
    try:
        socket.create_connection((world.dc.address, LDAP_PORT), 1).close()
    except OSError:
        return False
    return True


def _wound(world: World) -> None:
    """Somebody joins, it becomes durable, and the machine goes back to the image."""
    with Hands(world.dc) as hands:
        hands.user("booted", parent=f"OU=Office,{hands.base}")
    world.run("agent", "--once", code=0)
    world.revert()
    world.dc.kill()
    world.dc.prepare()


def _booting(world: World, run: Adpersist, *options: str) -> AbstractContextManager[Running]:
    return booting(world.dc, run, world.log.with_name("boot.log"), *options)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_reverted_dc_opens_only_after_it_was_healed(world: World, engine: Engine) -> None:
    world.write_by(engine)
    _wound(world)
    reports = world.place / "reports"
    if engine is Engine.LDAP:
        reports.write_text("a file: what cannot be reported is healed all the same")
    with _booting(world, world.run, "--report", str(reports)) as process:
        until(lambda: world.dc.answers() or process.poll() is not None, "the DC opens", timeout_s=200)
        assert process.poll() is None, _said(world)
        with Hands(world.dc) as hands:
            assert hands.find("(sAMAccountName=booted)")
        world.run("verify", code=0)
    if engine is Engine.LDAP:
        assert "no report could be written" in _said(world)
    else:
        assert {each.suffix for each in reports.iterdir()} == {".html", ".json"}


def test_samba_is_started_without_keys_and_credentials(world: World) -> None:
    """Closed and open; Samba itself overwrites what /proc shows of it, so that the shell before it looks."""
    world.dc.kill()
    world.dc.prepare()
    seen = world.place / "environment"
    look_and_start = ("sh", "-c", f'env >> {seen}; echo STARTED >> {seen}; exec "$@"', "sh", *world.dc.command())
    run = world.run.with_environment(AZURE_CLIENT_SECRET="hunter2")
    assert "ADPERSIST_RUNTIME_DIRECTORY" in run.environment
    process = run.start("boot", log=world.log.with_name("boot.log"), behind=look_and_start, new_session=True)
    try:
        until(lambda: _is_open(world) or process.poll() is not None, "the DC opens", timeout_s=200)
        assert process.poll() is None, _said(world)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
    *starts, rest = seen.read_text().split("STARTED\n")
    assert (len(starts), rest) == (2, "")
    for environment in starts:
        names = {line.partition("=")[0] for line in environment.splitlines()}
        assert "PATH" in names
        assert not [name for name in names if name.startswith(("ADPERSIST_", "AZURE_"))]


def test_a_dc_that_is_not_proven_stays_closed(world: World) -> None:
    _wound(world)
    with _booting(world, world.run, "--on-revert", "report") as process:
        assert process.wait(90) == 4
    assert not _is_open(world)


@pytest.mark.parametrize("after_s", [0.5, 1.0, 1.5, 2.0, 2.5])
def test_a_boot_killed_anywhere_converges_at_the_next(world: World, after_s: float) -> None:
    _wound(world)
    with _booting(world, world.run) as process:
        time.sleep(after_s)
        process.kill()
        process.wait(10)
    # at once: what is left of the closed DC is waited for
    with _booting(world, world.run) as process:
        until(lambda: world.dc.answers() or process.poll() is not None, "the DC opens", timeout_s=200)
        assert process.poll() is None, _said(world)
        with Hands(world.dc) as hands:
            assert hands.find("(sAMAccountName=booted)")
        world.run("verify", code=0)


def test_a_dc_whose_boot_was_killed_before_the_dc_could_know_does_not_start(place: Path) -> None:
    nobody = "1"  # not our child's parent
    command = [sys.executable, "-m", "adpersist.agent.boot.isolation", nobody, "touch", str(place / "started")]
    assert subprocess.run(command, check=False, timeout=60).returncode == 1
    assert not (place / "started").exists()


def test_a_store_that_is_away_is_waited_for_while_the_dc_stays_closed(world: World) -> None:
    _wound(world)
    port = free_port()
    run = world.run.with_environment(ADPERSIST_HEALTH_LISTEN=f"127.0.0.1:{port}")
    with _booting(world, run) as process:
        with closing(sqlite3.connect(world.store, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            until(lambda: "locked" in _reason(port), "it says what it waits for", timeout_s=200)
            assert process.poll() is None
            assert not _is_open(world)
            other.execute("ROLLBACK")
        until(lambda: world.dc.answers() or process.poll() is not None, "the DC opens", timeout_s=200)
        assert process.poll() is None, _said(world)
    assert not holders(world.dc.directory)


def _reason(port: int) -> str:
    try:
        return str(Monitor(port).health()[1]["reason"])
    except OSError:
        return ""


def _said(world: World) -> str:
    return f"{world.log.with_name('boot.log').read_text()}\n{world.dc.log_tail()}"
