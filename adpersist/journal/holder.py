"""Who holds the journal, and whether an agent that lost it may go on.

An agent holds the journal for as long as it runs. A command that takes a moment (``agent --once``, ``guard``,
``restore``) *visits*: it takes the journal over, and hands it back when it is done. The running agent waits for that
and goes on, once it has proven its DC anew. Another agent, or anybody on another machine, is no visitor: it keeps the
journal.
"""

import hashlib
import os
import secrets
import socket
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from adpersist.errors import AdpersistError, ExitCode, FencedError
from adpersist.model.journal.head import Writer

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES: Final = Path("/proc/self/ns/pid")


class Role(StrEnum):
    """What a writer wants of the journal."""

    AGENT = "agent"
    VISITOR = "visitor"
    NOBODY = "nobody"
    """It has handed the journal back."""


class VisitedError(AdpersistError):
    """A command on this machine has the journal for a moment, and will hand it back."""

    exit_code = ExitCode.FENCED
    retryable = True


@dataclass(frozen=True, slots=True)
class _WriterId:
    """A writer's id, as this module makes it: ``role-system-random``."""

    role: Role
    system: str
    random: str

    @classmethod
    def of(cls, writer: Writer) -> "_WriterId":
        role, _, rest = writer.id.partition("-")
        system, _, random = rest.partition("-")
        # what was written by another version is an agent, and of another machine: nobody waits for it
        return cls(Role(role), system, random) if role in set(Role) else cls(Role.AGENT, "", writer.id)

    def __str__(self) -> str:
        return f"{self.role}-{self.system}-{self.random}"


def new_writer(role: Role) -> Writer:
    """This process, as the journal will know it."""
    name = _WriterId(role, _this_system(), secrets.token_hex(8))
    return Writer(id=str(name), host=socket.gethostname(), pid=os.getpid())


def handed_back(writer: Writer) -> Writer:
    """The same process, when it is done with the journal."""
    name = _WriterId.of(writer)
    return Writer(id=str(_WriterId(Role.NOBODY, name.system, name.random)), host=writer.host, pid=writer.pid)


def is_held(writer: Writer) -> bool:
    """Nobody said that it is done with the journal."""
    return _WriterId.of(writer).role is not Role.NOBODY


def wait_for_visitor(holder: Writer, own: Writer) -> None:
    """Let a command on this machine end that has the journal.

    Raises:
        VisitedError: One has it, and lives.
    """
    found = _WriterId.of(holder)
    if holder.id != own.id and found.role is Role.VISITOR and _is_here(found) and _lives(holder.pid):
        raise VisitedError(
            f"process {holder.pid} on {holder.host} has the journal for a moment",
            hint="It is a guard, a restore or a single look on this machine; try again when it has ended.",
        )


def give_way(holder: Writer, own: Writer, *, same: bool) -> None:
    """Whether an agent that held the journal may take it again.

    Own commits this process does not remember are no reason to give way: it was resumed from a snapshot, and its DC
    tells whether that went back, too. Who handed it back and left another DC than this one as the right one was at work
    on a clone of this machine: were both healed in turn, neither would ever rest.

    Args:
        holder: Whom the head names.
        own: The agent.
        same: The DC still is the one the journal was taken from.

    Raises:
        FencedError: The journal is another's; it is named.
    """
    found = _WriterId.of(holder)
    died_here = found.role is Role.VISITOR and _is_here(found)
    if holder.id == own.id or died_here or (same and not is_held(holder)):
        return
    raise FencedError(
        f"process {holder.pid} on {holder.host} took the journal over",
        hint="One agent goes on; this one stops so that the two do not fight.",
    )


def _is_here(name: _WriterId) -> bool:
    return name.system == _this_system()


def _this_system() -> str:
    """Tells this boot of this machine, and in it this family of process ids, from all others."""
    boot, processes = _BOOT_ID.read_text(encoding="ascii").strip(), _PROCESSES.readlink()
    return hashlib.sha256(f"{boot} {processes}".encode()).hexdigest()[:16]


def _lives(pid: int) -> bool:
    try:
        stat = Path("/proc", str(pid), "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"  # proc(5): the state follows the name in parentheses
