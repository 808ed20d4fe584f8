"""The process between a test and its DC: it sees to it that no process of the DC outlives either.

Samba's daemons leave the process group and session they were started in (smbd, winbindd, samba_kcc), and a
parent-death signal fires when the *thread* that forked ends. So a keeper becomes the subreaper of everything below it,
and holds the reading end of a pipe, the lifeline, that the kernel closes when the test dies, however it dies.

Run as a script, with nothing else from this package: `keeper.py {attached|detached} COMMAND...`. Attached, its standard
input is the lifeline. Its exit code is the command's, or 128 plus the signal that ended it.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PAUSE_S: Final = 0.005


def parents() -> dict[int, tuple[int, str]]:
    """Every process of this machine: process id to (parent's id, state letter as in proc(5))."""
    table: dict[int, tuple[int, str]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                stat = (path / "stat").read_text(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            # The name in the second field may hold spaces and parentheses: count from its end.
            state, parent = stat.rpartition(")")[2].split()[:2]
            table[int(path.name)] = (int(parent), state)
    return table


def descendants(root: int) -> list[int]:
    """Live processes below `root`, parents before children; zombies hold nothing and do not count."""
    table = parents()
    found, queue = [], [root]
    while queue:
        above = queue.pop(0)
        for process, (parent, state) in table.items():
            if parent == above:
                queue.append(process)
                if state not in "ZX":
                    found.append(process)
    return found


def kill_descendants(root: int) -> list[int]:
    """Send SIGKILL once to all below `root`; returns whom. Call again until nobody is left: they may fork meanwhile."""
    victims = descendants(root)
    for process in victims:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return victims


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def _spawn(command: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    # The keeper has one thread, so here the parent-death signal means what it says.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        os.execvp(command[0], command)  # noqa: S606 -- the command is the caller's, and no shell is wanted
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def _reap() -> None:
    """Collect every child that has ended, adopted ones too."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def main(mode: str, command: list[str]) -> int:
    """Run the command until it ends, or until the lifeline breaks; leave nobody behind."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child = _spawn(command)
    end = os.pidfd_open(child)
    watch = select.poll()
    watch.register(end, select.POLLIN)
    if mode == "attached":
        watch.register(0, select.POLLIN | select.POLLHUP)
    ready = [fd for fd, _ in watch.poll()]
    if end not in ready:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    while kill_descendants(os.getpid()):
        _reap()
        time.sleep(_PAUSE_S)
    _reap()
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
