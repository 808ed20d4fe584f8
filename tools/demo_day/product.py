"""adpersist as its users run it: a program with words, exit codes and JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

PROGRAM: Final = Path(sys.executable).with_name("adpersist")
REVERTED: Final = 4
"""The exit code that says: this is not the DC the journal was taken from, and it was not restored."""

_TIMEOUT_S: Final = 300.0
_DURABLE_TIMEOUT_S: Final = 120.0
_REFUSAL_TIMEOUT_S: Final = 60.0
_PAUSE_S: Final = 0.1


class ProductError(Exception):
    """adpersist did not do what the demo counts on; the message shows its own words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one command ended.

    Attributes:
        words: The command, without --config.
        code: Its exit code.
        document: Its JSON; empty when it printed none.
        stderr: What it said to people.
        took_s: Seconds it ran.
    """

    words: tuple[str, ...]
    code: int
    document: Mapping[str, Any]
    stderr: str
    took_s: float

    def expect(self, *codes: int) -> Self:
        """The same answer, when it ended with one of these codes.

        Raises:
            ProductError: It ended otherwise.
        """
        if self.code not in codes:
            raise ProductError(f"`adpersist {' '.join(self.words)}` ended with exit code {self.code}: {self.stderr}")
        return self


class Product:
    """One installation: a configuration, and at most one running agent.

    Args:
        directory: For configuration, key, journal and log; it must outlive the DC's machine, so not on its disk.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.config = directory / "adpersist.toml"
        self.log = directory / "agent.log"
        self._store = directory / "journal.db"
        self._key = directory / "key"
        self._agent: subprocess.Popen[bytes] | None = None

    def init(self, directory_url: str) -> Answer:
        """`adpersist init` for a DC."""
        return self.run(
            *("init", "--directory", directory_url, "--store", f"sqlite://{self._store}"),
            *("--key-file", str(self._key)),
        ).expect(0)

    def run(self, *words: str) -> Answer:
        """One command, with --json.

        Raises:
            ProductError: It did not end in time, or printed something else than JSON.
        """
        command = [str(PROGRAM), *words, "--config", str(self.config), "--json"]
        began = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            raise ProductError(f"`adpersist {' '.join(words)}` did not end within {_TIMEOUT_S:g} s") from None
        took_s = time.monotonic() - began
        try:
            document = json.loads(done.stdout) if done.stdout.strip() else {}
        except json.JSONDecodeError:
            raise ProductError(f"`adpersist {' '.join(words)}` printed no JSON: {done.stdout[:500]}") from None
        return Answer(words, done.returncode, document, done.stderr.strip(), took_s)

    def start_agent(self) -> None:
        """`adpersist agent`, in the background."""
        with self.log.open("ab") as log:
            self._agent = subprocess.Popen(
                self._agent_command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def agent_refuses(self) -> bool:
        """Start an agent where it must not capture; whether it ends by itself with the code that says so."""
        try:
            done = subprocess.run(
                self._agent_command(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_REFUSAL_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == REVERTED

    def kill_agent(self) -> None:
        """SIGKILL, as when the machine loses its power. Fine when none runs."""
        if self._agent is not None:
            self._agent.kill()
            self._agent.wait()
            self._agent = None

    def wait_durable(self) -> Mapping[str, Any]:
        """Wait until `status` says that all the DC has committed is in the journal; returns its document.

        Raises:
            ProductError: The agent ended, or the lag did not go away.
        """
        deadline = time.monotonic() + _DURABLE_TIMEOUT_S
        while True:
            answer = self.run("status")
            document = answer.document
            if answer.code == 0 and document["lag"]["usn"] == 0 and document["durable"]["usn"] > 0:
                return document
            if self._agent is not None and self._agent.poll() is not None:
                raise ProductError(f"the agent ended with exit code {self._agent.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ProductError(f"the journal did not catch up: {document or answer.stderr}\n{self.log_tail()}")
            time.sleep(_PAUSE_S)

    def wait_durable_files(self) -> None:
        """Wait until the journal has SYSVOL and the local databases as they are; a second, when nobody writes there.

        Raises:
            ProductError: They do not come to agree.
        """
        deadline = time.monotonic() + _DURABLE_TIMEOUT_S
        while differing := self.run("verify").document["files"]:
            if time.monotonic() > deadline:
                raise ProductError(f"the journal did not catch up with files: {differing}\n{self.log_tail()}")
            time.sleep(_PAUSE_S)

    def log_tail(self) -> str:
        """The last lines of the agent's log."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "(no log)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_agent()

    def _agent_command(self) -> Sequence[str]:
        # Whatever ends this process, even SIGKILL, ends the agent.
        return ["setpriv", "--pdeathsig", "KILL", str(PROGRAM), "agent", "--config", str(self.config)]
