"""Who keeps the journal meanwhile: data keys and the key that wraps them, checkpoints, prunes, checks, and a copy that
follows. All beside the agent, and at any moment of every trouble."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tools.soaking.keeper import Keeper

_DONE: Final = 0
_AWAY: Final = 5
"""The store is away; a later run does it."""
_ENDED: Final = {-signal.SIGKILL, -signal.SIGTERM}
"""By us; by the latter, before it could say that it heeds that."""
_KEEP: Final = "90s"
"""Longer than the copy is ever away: one that is further behind than what was pruned is refused for good."""

_RESTART_S: Final = 0.5
_FOLLOWED_TIMEOUT_S: Final = 60.0


class Upkeep:
    """One command after another beside the agent, and a copy that follows.

    Attributes:
        ended: How often each ended with which exit code.
        pruned: The commit the journal was pruned through.
        wrong: What a command said that may not be; empty: nothing.
    """

    def __init__(self, keeper: Keeper, place: Path, *, seed: int) -> None:
        self._keeper, self._place = keeper, place
        self._random = random.Random(seed)
        self._stop, self._left = threading.Event(), threading.Event()
        self._now: dict[str, subprocess.Popen[bytes]] = {}
        self._threads: list[threading.Thread] = []
        self._keys = 0
        self.copy = f"sqlite://{place}/copy.db"
        self.ended: Counter[str] = Counter()
        self.pruned = 0
        self.wrong = ""

    def start(self) -> None:
        """Begin."""
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._work, self._follow)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait for the last command; the copy follows on until :meth:`stop_following`."""
        self._stop.set()
        for thread in self._threads[:1]:
            thread.join()

    def stop_following(self) -> None:
        """End the copy as systemd would."""
        self._left.set()
        for thread in self._threads[1:]:
            while thread.is_alive():
                self._signal("copy", signal.SIGTERM)
                thread.join(_RESTART_S)

    def kill_command(self) -> None:
        """Power cut of the command that runs now, if one does."""
        self._signal("command", signal.SIGKILL)

    def kill_copy(self) -> None:
        """Power cut of the copy."""
        self._signal("copy", signal.SIGKILL)

    def is_at_work(self) -> bool:
        """Both go on."""
        return all(thread.is_alive() for thread in self._threads)

    def never_done(self) -> list[str]:
        """Commands that did not end well once: what is said to have been tried was not."""
        names = [name for name in (*_COMMANDS, "rewrap") if not self.ended[f"{name} {_DONE}"]]
        return names if self.pruned else [*names, "a prune that took something"]

    def differs(self) -> str:
        """What the copy has otherwise than the journal, or the DC otherwise than the copy; empty when nothing.

        Nobody but the copy that follows brings it to where the journal is.
        """
        other = self._keeper.elsewhere(self.copy)
        deadline = time.monotonic() + _FOLLOWED_TIMEOUT_S
        while True:
            ours, theirs = self._keeper.run("check", "--json"), other.run("check", "--json")
            if ours.returncode == theirs.returncode == _DONE and _head(ours) == _head(theirs):
                break
            if time.monotonic() > deadline:
                return f"the copy did not follow: {ours.stdout}{ours.stderr}{theirs.stdout}{theirs.stderr}"
            time.sleep(1)
        exported = ("export", "--ldif", "--secrets", "--at", str(_head(ours)["seq"]))
        states = [each.run(*exported) for each in (self._keeper, other)]
        if any(each.returncode or not each.stdout for each in states):
            return "".join(each.stderr for each in states) or "nothing was exported"
        if states[0].stdout != states[1].stdout:
            return "the copy tells another state than the journal"
        verified = other.run("verify")
        return verified.stdout + verified.stderr if verified.returncode else ""

    def _work(self) -> None:
        while not self._stop.is_set():
            todo = [*_COMMANDS, "rewrap"]
            self._random.shuffle(todo)
            for name in todo:
                if self._stop.wait(self._random.uniform(0.5, 4)):
                    return
                if name == "rewrap":
                    self._rewrap()
                else:
                    self._one(name, _COMMANDS[name])

    def _rewrap(self) -> None:
        """Another key wraps the data keys; what runs is started anew, as one does, and the old key opens nothing."""
        self._keys += 1
        key = str(self._place / f"key{self._keys}")
        while self._one("new key", ("key", "rotate", "--new-key-file", key)) != _DONE:
            if self._stop.wait(_RESTART_S):
                return
        self._keeper.signal(signal.SIGTERM)
        self._signal("copy", signal.SIGTERM)
        while self._one("rewrap", ("key", "rotate", "--finish", "--yes")) != _DONE:
            if self._stop.wait(_RESTART_S):
                return

    def _one(self, name: str, words: Sequence[str]) -> int:
        code, said = self._run("command", words)
        self._ended(name, code, said)
        if name == "prune" and code == _DONE:
            self.pruned = max(self.pruned, *map(int, re.findall(r'"through": *(\d+)', said)))
        return code

    def _follow(self) -> None:
        while not self._left.is_set():
            code, said = self._run("copy", ("copy", "--to", self.copy, "--follow"))
            self._ended("copy", code, said)
            self._left.wait(_RESTART_S)

    def _run(self, what: str, words: Sequence[str]) -> tuple[int, str]:
        path = self._place / f"{what}.log"
        with path.open("wb") as output:
            self._now[what] = self._keeper.started(words, output)
            code = self._now[what].wait()
        return code, path.read_text(errors="replace")

    def _ended(self, name: str, code: int, said: str) -> None:
        self.ended[f"{name} {code}"] += 1
        if code not in {_DONE, _AWAY, *_ENDED} and not self.wrong:
            self.wrong = f"{name} ended with {code}: {said[-2000:]}"

    def _signal(self, what: str, number: int) -> None:
        if (running := self._now.get(what)) is not None and running.poll() is None:
            running.send_signal(number)


_COMMANDS: Final = {
    "data key": ("key", "rotate"),
    "checkpoint": ("checkpoint",),
    "prune": ("prune", "--keep", _KEEP, "--yes", "--json"),
    "check": ("check",),
}


def _head(checked: subprocess.CompletedProcess[str]) -> Any:  # noqa: ANN401 - a document of the command's own shape
    return json.loads(checked.stdout)["head"]
