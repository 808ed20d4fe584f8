"""What a person sees on a terminal while a restore works."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess

from tests import forking
from tests.integration.hands import Hands
from tests.integration.scene import World


def _on_a_terminal(world: World, *words: str) -> tuple[int, str]:
    """Run a command whose standard error is a terminal; its exit code, and all that was written there."""
    master, terminal = pty.openpty()
    try:
        process = forking.start(
            world.run.command(*words),
            env={**world.run.environment, "TERM": "xterm", "LINES": "24"},
            stdout=subprocess.DEVNULL,
            stderr=terminal,
        )
        os.close(terminal)
        seen = bytearray()
        while part := _read(master):
            seen += part
        return process.wait(60), seen.decode(errors="replace")
    finally:
        os.close(master)


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # EIO: nobody holds the other end any more
        return b""


def test_a_restore_shows_what_it_does_how_fast_and_how_long_it_will_take(world: World) -> None:
    with Hands(world.dc) as hands:
        lab = hands.ou("Lab")
        for number in range(150):
            hands.user(f"lost{number}", parent=lab)
    world.run("agent", "--once", code=0)
    world.revert()
    code, seen = _on_a_terminal(world, "restore", "--yes", "--engine", "ldap")
    assert code == 0, seen
    assert "looking at DC=" in seen
    frames = [line for line in re.split(r"[\r\n]", seen) if "restoring" in line]
    assert any(re.search(r"\b[1-9]\d*/\d{3}\b.*\b[1-9]\d*/s\b.*\b\d:\d\d:\d\d\b", line) for line in frames), seen[
        -2000:
    ]
    assert "Traceback" not in seen


def test_a_machine_is_told_how_far_a_restore_is(world: World) -> None:
    with Hands(world.dc) as hands:
        hands.user("lost")
    world.run("agent", "--once", code=0)
    world.revert()
    ran = world.run("restore", "--yes", "--progress", "--json", code=0)
    told = [json.loads(line)["progress"] for line in ran.err.splitlines() if line.startswith('{"progress"')]
    assert any(each["doing"].startswith("looking at DC=") for each in told)
    assert told[-1]["of"] is None or told[-1]["done"] == told[-1]["of"]
    assert any(each["done"] == each["of"] for each in told)


def test_nothing_moves_where_nobody_looks(world: World) -> None:
    ran = world.run("verify", code=0)
    assert "looking" not in ran.err
    assert "\x1b" not in ran.err + ran.out
