"""The real command line, run as people and unit files run it: a process, words, an exit code."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests import forking
from tests.forking import Running

PATIENCE_S: Final = 180.0
"""How long anything may take on a busy machine before a test gives up."""

PROGRAM: Final = (sys.executable, "-m", "adpersist")

_DOCUMENTED: Final = frozenset(range(12))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One command that ended.

    Attributes:
        words: As given, without the program.
        code: Exit code; negative when a signal ended it.
        out: Standard output.
        err: Standard error.
        took_s: Wall time.
    """

    words: tuple[str, ...]
    code: int
    out: str
    err: str
    took_s: float

    @property
    def json(self) -> Any:  # noqa: ANN401 - a document of the command's own shape
        """Standard output as the one JSON document it is."""
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"`adpersist {' '.join(self.words)}` -> {self.code} in {self.took_s:.1f} s\n{self.out}\n{self.err}"


def quiet_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without what could configure adpersist from outside the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ADPERSIST", "NOTIFY_SOCKET"))}
    return kept | {"NO_COLOR": "1", "COLUMNS": "160"} | dict(extra or {})


def complaint(ran: Ran) -> str:
    """The one sentence a person gets when a command fails, without the hint below it.

    Asserts that there is exactly one, and that nothing internal shows.
    """
    lines = [line for line in ran.err.splitlines() if line.startswith("adpersist: ")]
    assert len(lines) == 1, f"not one clear sentence but {len(lines)}: {ran}"
    return lines[0].removeprefix("adpersist: ")


def _decent(ran: Ran) -> Ran:
    for text in (ran.err, ran.out):
        assert "Traceback" not in text, f"a traceback reached a person: {ran}"
        assert "an unexpected " not in text, f"an error nobody foresaw: {ran}"
    return ran


class Adpersist:
    """The command line with one configuration.

    Args:
        config: Given as ``--config`` behind the command's words; None: not at all.
        program: The interpreter and module, or a launcher that takes the same words.
    """

    def __init__(
        self,
        config: Path | None,
        *,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.config = config
        self._environment = dict(environment or {})
        self._program = tuple(program)

    def with_environment(self, **environment: str) -> Adpersist:
        """The same with more variables."""
        return Adpersist(self.config, environment=self._environment | environment, program=self._program)

    def with_program(self, *program: str) -> Adpersist:
        """The same through a launcher."""
        return Adpersist(self.config, environment=self._environment, program=program)

    @property
    def environment(self) -> dict[str, str]:
        """What its processes see.

        Each configuration has lock files and an index of its own: many tests play copies of one DC at once, as no
        machine ever does.
        """
        locks = Path(tempfile.gettempdir(), "adp-locks")
        locks.mkdir(mode=0o700, exist_ok=True)
        name = hashlib.sha256(str(self.config).encode()).hexdigest()[:16]
        usual = {
            "ADPERSIST_RUNTIME_DIRECTORY": str(locks / name),
            "ADPERSIST_JOURNAL_INDEX": str(locks / f"{name}-index"),
        }
        return quiet_environment(usual | self._environment)

    def command(self, *words: str) -> list[str]:
        """The whole command line."""
        return [*self._program, *words, *(("--config", str(self.config)) if self.config is not None else ())]

    def __call__(self, *words: str, code: int | None = None, timeout_s: float = PATIENCE_S, stdin: str = "") -> Ran:
        """Run a command to its end; with ``code`` that must be how it ends."""
        began = time.monotonic()
        done = forking.run(self.command(*words), env=self.environment, timeout_s=timeout_s, stdin=stdin)
        ran = _decent(
            Ran(words=words, code=done.returncode, out=done.stdout, err=done.stderr, took_s=time.monotonic() - began)
        )
        assert ran.code in _DOCUMENTED, f"no documented exit code: {ran}"
        assert code is None or ran.code == code, f"expected exit code {code}: {ran}"
        return ran

    def start(self, *words: str, log: Path, behind: Sequence[str] = (), new_session: bool = False) -> Running:
        """Start a command and leave it running; both its outputs go to ``log``.

        Args:
            words: The command's.
            log: Appended to.
            behind: A command line for the command itself, which comes last.
            new_session: In a session of its own.
        """
        command = [*self.command(*words), *(("--", *behind) if behind else ())]
        with log.open("ab") as output:
            return forking.start(command, env=self.environment, stdout=output, stderr=output, new_session=new_session)

    def status(self) -> Any:  # noqa: ANN401 - the status document
        """``status --json``, whatever its exit code."""
        return self("status", "--json").json

    def settled(self, *, timeout_s: float = PATIENCE_S) -> Any:  # noqa: ANN401 - the status document
        """Wait until ``status`` says that everything is durable; returns what it said."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = self("status", "--json")
            is_durable = found.code == 0 and found.json["lag"]["usn"] == 0 and found.json["durable"]["usn"] > 0
            if is_durable and not (found.json.get("files") or {}).get("lag_s"):
                return found.json
            assert time.monotonic() < deadline, f"the agent does not catch up: {found}"
            time.sleep(0.05)

    @contextmanager
    def agent(self, log: Path) -> Iterator[Agent]:
        """The agent in the background, for as long as the block lasts; everything is durable when it begins."""
        running = Agent(self, log)
        try:
            running.capturing()
            self.settled()
            yield running
        finally:
            running.kill()
            assert "Traceback" not in running.said, running.said


class Agent:
    """One running ``adpersist agent``."""

    def __init__(self, run: Adpersist, log: Path) -> None:
        self._log = log
        self._earlier = self.said.count("capture.began") if log.exists() else 0
        self.process = run.start("agent", log=log)

    @property
    def said(self) -> str:
        """Its log so far, over all agents with the same file."""
        return self._log.read_text(errors="replace")

    def capturing(self) -> None:
        """Wait until it holds the journal."""
        deadline = time.monotonic() + PATIENCE_S
        while self.said.count("capture.began") == self._earlier:
            assert self.process.poll() is None, f"the agent ended with {self.process.returncode}: {self.said}"
            assert time.monotonic() < deadline, f"the agent does not begin: {self.said}"
            time.sleep(0.02)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait until it ends by itself; its exit code."""
        return self.process.wait(timeout_s)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """SIGKILL; fine when it ended already."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
