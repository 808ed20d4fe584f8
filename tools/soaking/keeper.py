"""What systemd does for adpersist: the guard before every start of the agent, and the agent again whenever it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

_PROGRAM: Final = (sys.executable, "-m", "adpersist")
_RESTART_S: Final = 0.5
FENCED: Final = 3
_MAY_END: Final = {0, 4, 5, 6, 9, -signal.SIGKILL, -signal.SIGTERM}
"""Well; reverted; store or directory away; the key is not the journal's any more; by us."""


class Keeper:
    """Guard, agent, guard, agent.

    Attributes:
        environment: Of every command.
        ended: How often each ended with which exit code.
        heal_s: Seconds of every guard that restored something.
        most_memory: Kilobytes the agent had at most.
        wrong: What one said that ended as none may here; empty: nothing.
    """

    def __init__(self, config: Path, log: Path, environment: dict[str, str]) -> None:
        self._config, self._log = config, log
        self.environment = environment
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._now: subprocess.Popen[bytes] | None = None
        self.ended: Counter[str] = Counter()
        self.heal_s: list[float] = []
        self.most_memory = 0
        self.wrong = ""
        self.fenced = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End both."""
        self._stop.set()
        self.signal(15)
        self._thread.join(120)

    def signal(self, number: int) -> None:
        """To whatever runs now."""
        if (running := self._now) is not None and running.poll() is None:
            running.send_signal(number)

    def run(self, *words: str, timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        command = [*_PROGRAM, *words, "--config", str(self._config)]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def started(self, words: Sequence[str], output: BinaryIO) -> subprocess.Popen[bytes]:
        """One command, just begun."""
        command = [*_PROGRAM, *words, "--config", str(self._config)]
        return subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def elsewhere(self, url: str) -> Keeper:
        """For the same journal in another store."""
        return Keeper(self._config, self._log, {**self.environment, "ADPERSIST_STORE_URL": url})

    def _keep(self) -> None:
        while not self._stop.is_set() and not self.fenced:
            began = time.monotonic()
            told = self._size()
            if self._one("guard", "--wait", "60") == 0:
                if b"restore.ended" in self._since(told):
                    self.heal_s.append(time.monotonic() - began)
                self.fenced = self._one("agent") == FENCED
            self._stop.wait(_RESTART_S)

    def _one(self, *words: str) -> int:
        told = self._size()
        with self._log.open("ab") as output:
            self._now = self.started(words, output)
        while (code := self._now.poll()) is None:
            self.most_memory = max(self.most_memory, _memory(self._now.pid))
            time.sleep(0.1)
        self.ended[f"{words[0]} {code}"] += 1
        if code not in _MAY_END and not self.wrong:
            self.wrong = f"{words[0]} ended with {code}: {self._since(told)[-2000:].decode(errors='replace')}"
        return code

    def _size(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def _since(self, told: int) -> bytes:
        with self._log.open("rb") as file:
            file.seek(told, os.SEEK_SET)
            return file.read()


def _memory(pid: int) -> int:
    try:
        lines = Path("/proc", str(pid), "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
