"""adpersist's workers, which the system's interpreter runs, by a fork of one that has imported Samba's modules.

That import is half of what a worker does in a test. For what a fork server (:mod:`tests.fork_server`) forks alone, and
for the programs that adpersist starts as its workers: all else, and where the environment tells the loader or the
interpreter anything else, is started from nothing.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any, Final

from adpersist.directory.samba import worker_process
from tests.fork_server import Program
from tests.forking import ask, read_at_the_start

_WORKERS: Final = Path(worker_process.__file__).parent
_OURS: Final = read_at_the_start(os.environ)
_ADDRESS: Final = f"\0adpersist-tests-{os.getpid()}"
"""Where this process's server is asked, in the abstract namespace: it is gone when the server is."""

_STREAMS: Final = ("stdin", "stdout", "stderr")

_from_nothing: Final = subprocess.Popen
_owned: list[socket.socket] = []
"""The line to the server, which ends when this process does."""


def prepare(server: Path) -> None:
    """Have the server start."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(_ADDRESS)
        door.listen(128)
        owner, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            _from_nothing(
                [worker_process.SYSTEM_PYTHON, "-I", str(server), str(door.fileno())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                pass_fds=[door.fileno()],
                start_new_session=True,
            )
    _owned.append(owner)


def are_forked() -> None:
    """From now on, in this process and in what it forks."""
    subprocess.Popen = _start  # type: ignore[assignment,misc]


def _start(command: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as Popen, or what stands for it
    if not _is_worker(command, options):
        return _from_nothing(command, *arguments, **options)
    program = Program(words=command[2:], environment=options["env"], directory=options["cwd"], new_session=False)
    given = [options[name] for name in _STREAMS]
    streams = [each if isinstance(each, int) else each.fileno() for each in given]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        try:
            line.connect(_ADDRESS)
        except ConnectionRefusedError:  # there is no Samba here to import, as the worker says in its own words
            return _from_nothing(command, **options)
        return ask(line, command, program, streams)


def _is_worker(command: Any, options: dict[str, Any]) -> bool:  # noqa: ANN401 - whatever Popen takes
    return (
        isinstance(command, list)
        and len(command) > 2
        and command[:2] == [worker_process.SYSTEM_PYTHON, "-I"]
        and Path(command[2]).parent == _WORKERS
        and options.keys() == {*_STREAMS, "cwd", "env"}
        and read_at_the_start(options["env"]) == _OURS
    )
