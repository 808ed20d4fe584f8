"""A process that runs the system's Python, which has Samba's modules, and answers questions."""

import os
import pickle
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

from adpersist.errors import AdpersistError
from adpersist.system.secrecy import environment_for_others

SYSTEM_PYTHON: Final = "/usr/bin/python3"
"""Distributions install Samba's Python for their own interpreter."""

_BACKTRACE: Final = re.compile(r"\s*(BACKTRACE:|#\d+ )")
"""Begins the lines that Samba's code ends with where it gives up; what it gave up for stands before them."""
_GOING_S: Final = 1.0
"""Its socket is closed before a process is gone."""
_AHEAD_BYTES: Final = 1024 * 1024
"""How far requests may be ahead of the worker, if the system lets a socket hold that much."""
ANSWER_TIMEOUT_S: Final = 300
"""A question waits for whoever writes to the database just then, which a DC does for moments."""
WRITE_TIMEOUT_S: Final = 3600
"""One change of access rights at the root of a large domain rewrites every object in it."""


class WorkerProcess:
    """One worker.

    Args:
        program: Its file; it speaks as :mod:`.worker_frames` says.
        arguments: Its arguments.
        task: What it does, for people: ``reads /path``.
        gone: Makes an error of words that say why it cannot be started, or that it ended.
        timeout_s: How long an answer may take.
    """

    def __init__(
        self,
        program: Path,
        *arguments: str,
        task: str,
        gone: Callable[[str], AdpersistError],
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._task = task
        self._gone = gone
        with ExitStack() as opened:
            try:
                # in memory: on a full disk, too, a worker is wanted
                self._said = opened.enter_context(os.fdopen(os.memfd_create("said"), "w+b"))
                ours, its_end = socket.socketpair()
                self._socket = opened.enter_context(ours)
                with its_end:
                    self._process = subprocess.Popen(
                        [SYSTEM_PYTHON, "-I", str(program), *arguments],
                        stdin=its_end.fileno(),
                        stdout=its_end.fileno(),
                        stderr=self._said,
                        cwd="/",
                        env=environment_for_others(),
                    )
            except OSError as error:
                raise gone(f"{SYSTEM_PYTHON} cannot be started: {error.strerror}") from error
            opened.pop_all()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _AHEAD_BYTES)
        self._socket.settimeout(timeout_s)
        self._to, self._from = self._socket.makefile("wb"), self._socket.makefile("rb")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_closed(self) -> bool:
        """It was let go."""
        return self._from.closed

    def send(self, request: object) -> None:
        """Ask; answers come in the order of the questions. Raises: what ``gone`` makes."""
        try:
            pickle.dump(request, self._to)
            self._to.flush()
        except OSError as error:
            raise self._ended() from error

    def receive(self) -> Any:  # noqa: ANN401 - what the worker gives
        """The next answer. Raises: what ``gone`` makes."""
        try:
            return pickle.load(self._from)  # noqa: S301 - from a process of our own
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise self._ended() from error

    def close(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # what was on the way to a worker that is gone
            self._to.close()
        self._from.close()
        self._socket.close()
        self._said.close()

    def _ended(self) -> AdpersistError:
        try:
            code = self._process.wait(_GOING_S)
        except subprocess.TimeoutExpired:
            code = 0  # it lives, and does not answer
        self._process.kill()
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        said = [line for line in lines if not _BACKTRACE.match(line)]
        by = f" by {signal.Signals(-code).name}" if code < 0 else ""
        return self._gone(f"the worker that {self._task} ended{by}" + (f": {said[-1]}" if said else ""))
