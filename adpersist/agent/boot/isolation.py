"""Starting a program where only this machine's own processes reach it.

Run as ``python -m adpersist.agent.boot.isolation PARENT CMD...``, with the process id of whoever starts it, whose death
is its own.

The program gets a network of its own with nothing but a loopback in it: no client, no replication partner and no
resolver reaches it, whatever it is told to listen on. Its Unix sockets lie in the file system and work as ever.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

CANNOT_ISOLATE: Final = 71
"""Exit code when the kernel does not let this process make a network of its own (EX_OSERR of sysexits.h)."""

CANNOT_START: Final = 127
"""Exit code when there is no such program, as a shell has it."""

ORPHANED: Final = 1
"""Exit code, which nobody is left to see, when whoever wanted it was killed before it could be tied to that."""

_CLONE_NEWNET: Final = 0x40000000
_PR_SET_PDEATHSIG: Final = 1
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP_RUNNING: Final = 0x41


def isolated_command(command: Sequence[str]) -> list[str]:
    """The command line with which this process starts ``command`` closed.

    Samba is told to make do with the loopback.
    """
    loopback = ["--option=interfaces=127.0.0.1/8", "--option=bind interfaces only=yes"]
    extra = loopback if Path(command[0]).name == "samba" else []
    return [sys.executable, "-m", "adpersist.agent.boot.isolation", str(os.getpid()), *command, *extra]


def _isolate(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # a boot that is killed takes the closed DC with it: two must never share one database
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(ORPHANED)  # killed before that took effect
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        fcntl.ioctl(channel, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))


def main() -> None:
    """Isolate, then become the program."""
    parent, *command = sys.argv[1:]
    try:
        _isolate(int(parent))
    except OSError as error:
        sys.stderr.write(f"no network of its own: {error}\n")
        sys.exit(CANNOT_ISOLATE)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the command is the administrator's own
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    main()
