"""The processes of one DC as others see them: started under a keeper, found by a pid file, killed to the last."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.samba_dc import keeper
from tools.samba_dc.errors import HarnessError
from tools.samba_dc.programs import environment

_GONE_TIMEOUT_S: Final = 15.0
_PAUSE_S: Final = 0.005
_START_TIME_FIELD: Final = 19
"""starttime is field 22 of proc(5) stat; counted from 0 after the state that follows the parenthesised name."""


@dataclass(frozen=True, slots=True)
class _Identity:
    """A process id with its start time, so that a reused id is not taken for ours."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> _Identity | None:
        """None when there is no such process, or only its zombie."""
        try:
            stat = Path("/proc", str(pid), "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[_START_TIME_FIELD]))


class Processes:
    """A keeper, Samba below it, and all that Samba forks.

    Args:
        pid_file: Remembers the keeper, so that another process can kill what this one started.
    """

    def __init__(self, pid_file: Path) -> None:
        self._pid_file = pid_file
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], *, console: Path, env: Mapping[str, str], detached: bool) -> None:
        """Start the command; attached, it dies with this process, whatever kills this process."""
        with console.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-I", keeper.__file__, "detached" if detached else "attached", *command],
                # The lifeline: this end closes with this process. Python's pipes are not inherited by other children.
                stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(env),
                start_new_session=True,
            )
        identity = _Identity.of(self._child.pid)
        if identity is not None:
            self._pid_file.write_text(json.dumps([identity.pid, identity.start_ticks]))

    @property
    def pid(self) -> int | None:
        """Samba's first process; None when it does not run."""
        below = self.members()
        return below[0] if below else None

    def members(self) -> list[int]:
        """Every live process of the DC, Samba's first one at the head; the keeper is not one of them."""
        keeper_id = self._keeper()
        return keeper.descendants(keeper_id) if keeper_id is not None else []

    @property
    def running(self) -> bool:
        """Whether the keeper lives: it outlives all others."""
        return self._keeper() is not None

    def exit_code(self) -> int | None:
        """Of Samba, as a shell would say it; None while it runs or when another process started it."""
        return self._child.poll() if self._child is not None else None

    def wait(self) -> int:
        """Wait until Samba has ended by itself; its exit code.

        Raises:
            HarnessError: This process did not start it.
        """
        if self._child is None:
            raise HarnessError("only the process that started a DC can wait for it")
        return self._child.wait()

    def terminate(self, *, timeout_s: float) -> bool:
        """SIGTERM to Samba; whether everything was gone within the time-out."""
        first = self.pid
        if first is not None:
            _signal(first, signal.SIGTERM)
        return self._gone_within(timeout_s)

    def kill(self) -> None:
        """SIGKILL to every process of the DC, and wait until none is left.

        Raises:
            HarnessError: One survived: it hangs in the kernel.
        """
        keeper_id = self._keeper()
        deadline = time.monotonic() + _GONE_TIMEOUT_S
        while keeper_id is not None and self._keeper() is not None:
            keeper.kill_descendants(keeper_id)
            if time.monotonic() > deadline:
                raise HarnessError(f"processes {self.members()} outlived SIGKILL for {_GONE_TIMEOUT_S:g} s")
            # The keeper ends by itself when nobody is left below it: it adopts what Samba's death orphans.
            if not self._gone_within(0.05):
                continue
        self._collect()

    def _gone_within(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self._keeper() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_S)
        self._collect()
        return True

    def _collect(self) -> None:
        if self._child is not None:
            self._child.wait()
            if self._child.stdin is not None:
                self._child.stdin.close()
        self._pid_file.unlink(missing_ok=True)

    def _keeper(self) -> int | None:
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        try:
            pid, start_ticks = json.loads(self._pid_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return pid if _Identity.of(pid) == _Identity(pid, start_ticks) else None


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
