"""Processes for tests: adpersist and other Python programs by a fork of one that has imported them, all else as ever.

A fork is what `python -m adpersist` would be in all that a test can ask of it, but that the interpreter and its imports
are there. Programs with another clock (libfaketime's) are forked from one that lives by it. Where the start itself is
what a test is about, or the environment tells the loader or the interpreter anything else, the program is started from
nothing; `REAL_STARTS` in the environment of the test run has every program started so.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final, Protocol

from tests.fork_server import MESSAGE_BYTES, Program

REAL_STARTS: Final = "TESTS_REAL_STARTS"
"""Variable: when it is set, nothing is forked."""

REPOSITORY: Final = Path(__file__).resolve().parents[1]
_CLOCK: Final = "FAKETIME"
_READ_AT_THE_START: Final = ("PYTHON", "LD_", "LC_", "LANG", "GLIBC_", "MALLOC_", "OPENSSL_", _CLOCK)
"""Beginnings of variables that count before a program's first line; a fork has those of its server."""


class Running(Protocol):
    """A process of a test: what `subprocess.Popen` and a fork have in common."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """Exit code as last seen; negative when a signal ended it."""

    def poll(self) -> int | None:
        """Look whether it ended; its exit code."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends; its exit code. Raises `subprocess.TimeoutExpired`."""

    def send_signal(self, sig: int) -> None:
        """Signal it, if it runs."""

    def terminate(self) -> None:
        """SIGTERM."""

    def kill(self) -> None:
        """SIGKILL."""


class Fork:
    """A process that the fork server started.

    Args:
        command: The whole command line, for messages.
        process: Its id.
        pidfd: Signals go through it: they never reach another process with the same id.
        status: Where its exit status will be read.
    """

    def __init__(self, command: Sequence[str], process: int, pidfd: int, status: int) -> None:
        self.pid = process
        self.returncode: int | None = None
        self._command = command
        self._pidfd = pidfd
        self._status = status
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Look whether it ended; its exit code."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends; its exit code."""
        code = self._ended(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(list(self._command), timeout)
        return code

    def send_signal(self, sig: int) -> None:
        """Signal it, if it runs."""
        if self.poll() is None:
            try:
                signal.pidfd_send_signal(self._pidfd, sig)
            except ProcessLookupError:
                return

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
                said = os.read(self._status, 16)
                assert said, "the fork server died, and all that it started"
                self.returncode = int(said)
                os.close(self._status)
                os.close(self._pidfd)
            return self.returncode


def ask(line: socket.socket, command: Sequence[str], program: Program, streams: Sequence[int]) -> Fork:
    """Have a fork server start a program.

    Args:
        line: To the server.
        command: The whole command line, for messages.
        program: What the fork becomes.
        streams: Its standard input, output and error.
    """
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE_BYTES)
    status, theirs = os.pipe()
    socket.send_fds(line, [json.dumps(asdict(program)).encode()], [*streams, theirs])
    os.close(theirs)
    answer, descriptors, _, _ = socket.recv_fds(line, 64, 1)
    assert answer, "the fork server died"
    return Fork(command, int(answer), descriptors[0], status)


class _Server:
    """A fork server of this test run.

    Args:
        environment: Variables that are read at the start.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready = False
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server"],
                cwd=REPOSITORY,
                env={name: value for name, value in os.environ.items() if not _at_the_start(name)} | dict(environment),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=None,
                start_new_session=True,
            )
        self._lock = threading.Lock()
        atexit.register(self.close)

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], streams: Sequence[int], *, new_session: bool
    ) -> Fork:
        program = Program(
            words=command[1:], environment=dict(environment), directory=str(Path.cwd()), new_session=new_session
        )
        with self._lock:
            if not self._ready:
                assert self._line.recv(16) == b"ready", "the fork server does not start"
                self._ready = True
            return ask(self._line, command, program, streams)

    def close(self) -> None:
        self._line.close()
        self._process.wait()


def _at_the_start(name: str) -> bool:
    return name.startswith(_READ_AT_THE_START)


def read_at_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    """Those variables that count before a program's first line."""
    return {name: value for name, value in environment.items() if _at_the_start(name)}


_OURS: Final = read_at_the_start(os.environ)
_servers: dict[tuple[tuple[str, str], ...], _Server] = {}
"""By variables that are read at the start; each is started when it is first needed."""
_servers_lock = threading.Lock()


def prepare() -> None:
    """Have the fork server start beside what else there is to do."""
    if REAL_STARTS not in os.environ:
        _server(_OURS)


def _server(environment: Mapping[str, str]) -> _Server:
    with _servers_lock:
        key = tuple(sorted(environment.items()))
        if key not in _servers:
            _servers[key] = _Server(environment)
        return _servers[key]


def _server_for(command: Sequence[str], environment: Mapping[str, str]) -> _Server | None:
    """One whose fork would be the same as a start from nothing."""
    if REAL_STARTS in os.environ or command[0] != sys.executable or (command[1].startswith("-") and command[1] != "-m"):
        return None
    read = read_at_the_start(environment)
    return _server(read) if read == _OURS or _CLOCK in read else None


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
    new_session: bool = False,
) -> Running:
    """Start a program and leave it running: as `subprocess.Popen`, with files, descriptors or DEVNULL for streams."""
    server = _server_for(command, env)
    if server is None:
        return subprocess.Popen(
            command, env=env, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=new_session
        )
    with Path(os.devnull).open("r+b") as nothing:
        given = [nothing if stream == subprocess.DEVNULL else stream for stream in (stdin, stdout, stderr)]
        numbers = [stream if isinstance(stream, int) else stream.fileno() for stream in given]
        return server.start(command, env, numbers, new_session=new_session)


def run(
    command: Sequence[str], *, env: Mapping[str, str], timeout_s: float, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end: as `subprocess.run` with captured output.

    Raises:
        subprocess.TimeoutExpired: It did not end in time, and was killed.
    """

    def started(streams: Sequence[int]) -> Running:
        given, out, err = streams
        return start(command, env=env, stdin=given, stdout=out, stderr=err)

    return run_to_the_end(command, started, timeout_s=timeout_s, stdin=stdin)


def run_to_the_end(
    command: Sequence[str],
    start: Callable[[Sequence[int]], Running],
    *,
    timeout_s: float,
    stdin: str,
    errors: str = "strict",
) -> subprocess.CompletedProcess[str]:
    """The same with another way to start it, which is told the three streams; ``errors`` as for `bytes.decode`.

    Raises:
        subprocess.TimeoutExpired: It did not end in time, and was killed.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        process = start([each.fileno() for each in (given, out, err)])
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            process.kill()
            process.wait()
            raise subprocess.TimeoutExpired(late.cmd, late.timeout, _said(out), _said(err)) from None
        return subprocess.CompletedProcess(command, code, *(_said(each).decode(errors=errors) for each in (out, err)))


def _said(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
