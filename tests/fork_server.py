"""Starts Python programs by forking a process that has imported adpersist already: 20 ms instead of 700.

Run as `python -m tests.fork_server`, with a socket to the test run as standard input; :mod:`tests.forking` is its
client. Each message asks for one program and carries its standard streams; the answer is its process id and a pidfd. A
program is a process of its own in everything but its imports: arguments, environment, directory, streams, signals, exit
code. Only the interpreter's last tidying up is left out: threads are waited for, exit functions run, streams flushed.
When the test run dies, so does this process, and with it all that it started.

Another one, `python3 -I fork_server.py DESCRIPTOR MODULE...`, is run by the system's interpreter for programs that use
Samba's Python (:mod:`tests.workers`): it imports those modules, and is asked at a socket that has that number.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import importlib.util
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

MESSAGE_BYTES: Final = 1 << 20
_STREAMS: Final = 4
"""Descriptors that come with a message: standard input, output and error, and where the exit status is written."""

_PR_SET_PDEATHSIG: Final = 1
_UNFLUSHED: Final = 120
"""Exit code of an interpreter whose last words nobody took."""

_IMPORTED_LATE: Final = (
    *("azure.identity", "gssapi", "ldap3.extend.standard.PagedSearch"),
    *("pydantic.type_adapter", "rich.markdown", "rich.progress", "rich.rule", "rich.table", "typer.rich_utils"),
)
"""What commands import when they need it, beside adpersist's own modules; optional ones among them may be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a fork becomes.

    Attributes:
        words: Behind the interpreter: `-m MODULE` or a script's path, and arguments.
        environment: All variables.
        directory: Where it works.
        new_session: It leads a session and a process group of its own.
    """

    words: Sequence[str]
    environment: dict[str, str]
    directory: str
    new_session: bool

    def become(self, streams: Sequence[int]) -> NoReturn:
        """Be this program, to its end."""
        self._dress(streams)
        code: object = 0
        try:
            self._run()
        except SystemExit as asked:
            code = asked.code
        except BaseException:  # noqa: BLE001 - the process edge: what the interpreter does there
            sys.excepthook(*sys.exc_info())
            code = 1
        if not (code is None or isinstance(code, int)):
            print(code, file=sys.stderr)
            code = 1
        threading._shutdown()  # type: ignore[attr-defined] # as the interpreter does first of all
        atexit._run_exitfuncs()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:
            code = _UNFLUSHED
        os._exit((code or 0) & 0xFF)

    def _dress(self, streams: Sequence[int]) -> None:
        """Streams, variables and the rest, as a start from nothing would have found them."""
        if self.new_session:
            os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, max(streams) + 1)
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.directory)
        time.tzset()
        # as the interpreter decides at its start
        assert isinstance(sys.stdout, io.TextIOWrapper)
        sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())

    def _run(self) -> None:
        if self.words[0] == "-m":
            sys.argv = [self.words[1], *self.words[2:]]
            runpy.run_module(self.words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(self.words)
            runpy.run_path(self.words[0], run_name="__main__")


def serve(owner: socket.socket, door: socket.socket | None) -> tuple[Program, list[int]]:
    """Start what is asked for until the owner's line breaks; returns in the forks alone, with what to become.

    Args:
        owner: Whoever started this process, who may ask.
        door: Where others come to ask, if any may.
    """
    lines = {each.fileno(): each for each in (owner, door) if each is not None}
    ends: dict[int, tuple[int, int]] = {}
    """By pidfd: process id, and where its exit status goes."""
    while True:
        for ready in select.select([*lines, *ends], [], [])[0]:
            if ready in ends:
                process, status = ends.pop(ready)
                os.close(ready)
                with contextlib.suppress(BrokenPipeError):  # whoever asked for it is gone
                    os.write(status, b"%d" % os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
                os.close(status)
                continue
            line = lines[ready]
            if line is door:
                asking, _ = line.accept()
                lines[asking.fileno()] = asking
                continue
            try:
                message, streams, _, _ = socket.recv_fds(line, MESSAGE_BYTES, _STREAMS)
            except ConnectionResetError:  # it was killed before it took its answer
                message, streams = b"", []
            if not message and line is owner:
                os._exit(0)
            if not message:
                lines.pop(ready).close()
                continue
            program = Program(**json.loads(message))
            parent = os.getpid()
            process = os.fork()
            if process == 0:
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
                if os.getppid() != parent:
                    os._exit(1)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                for each in lines.values():
                    each.close()
                for descriptor in (*ends, *(status for _, status in ends.values()), streams[3]):
                    os.close(descriptor)
                return program, streams[:3]
            end = os.pidfd_open(process)
            ends[end] = (process, streams[3])
            socket.send_fds(line, [b"%d" % process], [end])
            for stream in streams[:3]:
                os.close(stream)


def _import_adpersist() -> None:
    import adpersist

    for module in pkgutil.walk_packages(adpersist.__path__, "adpersist."):
        if module.name.endswith(".__main__"):
            continue  # each program runs it anew
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as missing:
            # one module is for the system's interpreter, which has Samba's own
            if missing.name not in ("ldb", "samba"):
                raise
    for name in _IMPORTED_LATE:
        if importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)


def _import_samba(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    importlib.import_module("samba").Ldb()  # which loads ldb's own modules


def main(door: socket.socket | None, modules: Sequence[str]) -> None:
    """Serve; in a fork, be the program."""
    if door is None:
        from tests import workers

        workers.prepare(workers.OF_WORKERS, os.environ)
        _import_adpersist()
        workers.are_forked()
    else:
        _import_samba(modules)
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, "a fork of a process with threads has locks that nobody will ever open"
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the test run, whose end is ours
    owner = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    owner.sendall(b"ready")
    program, streams = serve(owner, door)
    program.become(streams)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])) if len(sys.argv) > 1 else None, sys.argv[2:])
