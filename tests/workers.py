"""Programs that use Samba's Python, by a fork of the system's interpreter that has imported it: half of what they do.

Those are adpersist's workers, for what a fork server (:mod:`tests.fork_server`) forks, and the harness's judges and
samba-tool, for the test run itself; each of the two has a server of its own. All else, and where the environment tells
the loader or the interpreter anything else than the server's, is started from nothing.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adpersist.directory.samba import worker_process
from tests import fork_server, forking
from tests.fork_server import Program
from tests.forking import Fork, read_at_the_start
from tools.samba_dc import programs

OF_WORKERS: Final = (
    *("ldb", "tdb", "samba.auth", "samba.credentials", "samba.crypto", "samba.ndr", "samba.net", "samba.param"),
    *("samba.samdb", *(f"samba.dcerpc.{name}" for name in ("drsblobs", "drsuapi", "misc", "security"))),
)
"""What adpersist's workers import."""
_OF_TOOLS: Final = tuple(
    f"samba.netcmd.{name}"
    for name in ("main", "dbcheck", "dns", "domain", "drs", "dsacl", "group", "ldapcmp", "ntacl", "user")
)
"""What judges and samba-tool import beside that."""

_SAMBA_TOOL: Final = "samba-tool", "/usr/bin/samba-tool"
_JUDGES: Final = Path(programs.__file__).parent
_WORKERS: Final = Path(worker_process.__file__).parent
_STREAMS: Final = ("stdin", "stdout", "stderr")
_ADDRESS: Final = f"\0adpersist-tests-{os.getpid()}"
"""Where this process's server is asked, in the abstract namespace: it is gone when the server is."""

_from_nothing: Final = subprocess.Popen
_lines: list[socket.socket] = []
"""The line to this process's server, which ends when this process does."""
_its_own: dict[str, str] = {}
"""Those of the server's variables that count before a program's first line."""


def prepare(modules: Sequence[str], environment: Mapping[str, str]) -> None:
    """Have this process's server start, which imports these."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(_ADDRESS)
        door.listen(128)
        owner, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            _from_nothing(
                [worker_process.SYSTEM_PYTHON, "-I", fork_server.__file__, str(door.fileno()), *modules],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=dict(environment),
                pass_fds=[door.fileno()],
                start_new_session=True,
            )
    _lines.append(owner)
    _its_own.update(read_at_the_start(environment))


def are_forked() -> None:
    """From now on adpersist's workers are, in this process and in what it forks."""
    subprocess.Popen = _popen  # type: ignore[assignment,misc]


def judge() -> None:
    """From now on the harness's judges and samba-tool are forked, where this process asks for them."""
    if forking.REAL_STARTS not in os.environ:
        prepare((*OF_WORKERS, *_OF_TOOLS), programs.environment())
        programs.run_to_the_end = _run


def _popen(command: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as Popen, or what stands for it
    if _is_worker(command, options):
        program = Program(words=command[2:], environment=options["env"], directory=options["cwd"], new_session=False)
        given = [options[name] for name in _STREAMS]
        fork = _fork(command, program, [each if isinstance(each, int) else each.fileno() for each in given])
        if fork is not None:
            return fork
    return _from_nothing(command, *arguments, **options)


def _is_worker(command: Any, options: dict[str, Any]) -> bool:  # noqa: ANN401 - whatever Popen takes
    return (
        isinstance(command, list)
        and len(command) > 2
        and command[:2] == [worker_process.SYSTEM_PYTHON, "-I"]
        and Path(command[2]).parent == _WORKERS
        and options.keys() == {*_STREAMS, "cwd", "env"}
        and read_at_the_start(options["env"]) == _its_own
    )


def _run(
    command: Sequence[str], *, stdin: str, timeout_s: float, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    words = _words(command)
    if not words or read_at_the_start(env) != _its_own:
        return programs.run_from_nothing(command, stdin=stdin, timeout_s=timeout_s, env=env)
    program = Program(words=words, environment=env, directory=str(Path.cwd()), new_session=True)

    def start(streams: Sequence[int]) -> Fork:
        fork = _fork(command, program, streams)
        assert fork is not None, "Samba's Python cannot be imported"
        return fork

    return forking.run_to_the_end(command, start, timeout_s=timeout_s, stdin=stdin, errors="backslashreplace")


def _words(command: Sequence[str]) -> tuple[str, ...]:
    """A program's file and arguments; empty for what is none of the harness's."""
    name, file = _SAMBA_TOOL
    if command[0] == name:
        return file, *command[1:]
    if tuple(command[:2]) == (programs.SYSTEM_PYTHON, "-I") and Path(command[2]).parent == _JUDGES:
        return tuple(command[2:])
    return ()


def _fork(command: Sequence[str], program: Program, streams: Sequence[int]) -> Fork | None:
    """None where there is no Samba to import, as whoever is started from nothing says in its own words."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        try:
            line.connect(_ADDRESS)
        except ConnectionRefusedError:
            return None
        return forking.ask(line, command, program, streams)
