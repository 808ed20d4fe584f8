"""Who holds the journal, and whether an agent that lost it may go on.

An agent holds the journal for as long as it runs. A command that takes a moment (``agent --once``, ``guard``,
``restore``) *visits*: it takes the journal over, and hands it back when it is done. The running agent waits for that
and goes on, once it has proven its DC anew. Another agent, or anybody on another machine, is no visitor: it keeps the
journal. Whether a visitor still is at work its :class:`.LockFile` tells.

A machine that was put back to an image finds itself named there and takes the journal over at once. Another machine may
be a clone that should not reach the journal at all: it waits until the one that is named has been silent for longer
than an agent that lives ever is.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from math import isinf
from typing import Final

from adpersist.errors import AdpersistError, ExitCode, FencedError
from adpersist.model.journal.head import Head, Writer
from adpersist.system.files import lock_file
from adpersist.system.files.lock_file import LockFile
from adpersist.system.machine import machine_id

_BEATS: Final = 3
"""An agent that let so many beats pass does not live."""


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
    asked_every_s = 0.5


class HeldElsewhereError(AdpersistError):
    """Another machine has the journal, and wrote to it lately."""

    exit_code = ExitCode.FENCED
    retryable = True
    asked_every_s = 10.0


@dataclass(frozen=True, slots=True)
class _WriterId:
    """A writer's id, as this module makes it: ``role-lock-random-machine``.

    Attributes:
        lock: Name of the lock file that a visitor holds; as random as the rest where it holds none.
        machine: See :func:`adpersist.system.machine.machine_id`; empty: not known.
    """

    role: Role
    lock: str
    random: str
    machine: str = ""

    @classmethod
    def of(cls, writer: Writer) -> "_WriterId":
        role, _, rest = writer.id.partition("-")
        lock, _, rest = rest.partition("-")
        random, _, machine = rest.partition("-")
        # what was written by another version is an agent, or names no lock file of this machine: nobody waits for it
        return cls(Role(role), lock, random, machine) if role in set(Role) else cls(Role.AGENT, "", writer.id)

    def __str__(self) -> str:
        return "-".join((self.role, self.lock, self.random, *([self.machine] if self.machine else [])))

    def is_here(self, lock: LockFile | None) -> bool:
        """It is a visitor on this machine."""
        return self.role is Role.VISITOR and lock is not None and lock.name == self.lock


def new_writer(role: Role, lock: LockFile | None = None) -> Writer:
    """This process, as the journal will know it.

    Args:
        role: What it wants of the journal.
        lock: What a visitor holds; without one, nobody waits for it.
    """
    name = _WriterId(role, lock.name if lock else secrets.token_hex(8), secrets.token_hex(8), machine_id())
    return Writer(id=str(name), host=socket.gethostname(), pid=os.getpid())


@contextmanager
def visiting(journal: str) -> Iterator[Writer]:
    """Be a visitor of a journal, named by its id: a running agent waits until the block, or this process, ends."""
    with lock_file.opened(journal) as lock:
        if lock is not None:
            lock.hold()
        yield new_writer(Role.VISITOR, lock)


def handed_back(writer: Writer) -> Writer:
    """The same process, when it is done with the journal."""
    name = _WriterId.of(writer)
    name = _WriterId(Role.NOBODY, name.lock, name.random, name.machine)
    return Writer(id=str(name), host=writer.host, pid=writer.pid)


def is_held(writer: Writer) -> bool:
    """Nobody said that it is done with the journal."""
    return _WriterId.of(writer).role is not Role.NOBODY


def wait_for_visitor(holder: Writer, own: Writer, lock: LockFile | None) -> None:
    """Let a command on this machine end that has the journal.

    Args:
        holder: Whom the head names.
        own: Who asks.
        lock: The journal's, here; not yet held by who asks.

    Raises:
        VisitedError: One has it, and is at work.
    """
    if holder.id != own.id and lock is not None and _WriterId.of(holder).is_here(lock) and lock.is_held():
        raise VisitedError(
            f"process {holder.pid} on {holder.host} has the journal for a moment",
            hint="It is a guard, a restore or a single look on this machine; try again when it has ended.",
        )


def require_silent(head: Head, *, beat_s: float, now: float) -> None:
    """Make sure that no other machine is at work on the journal; one that cannot be told from this is none.

    Where agents say nothing while nothing happens, silence proves nothing, and the journal is taken over.

    Args:
        head: The journal's, read just now.
        beat_s: How often an agent that lives says so in the journal; infinite: it does not.
        now: Unix seconds.

    Raises:
        HeldElsewhereError: One has it, and wrote to it less than three beats ago.
    """
    here, there = machine_id(), _WriterId.of(head.writer).machine
    silent_s = now - head.time
    if here in ("", there) or not there or not is_held(head.writer) or isinf(beat_s) or silent_s >= _BEATS * beat_s:
        return
    ago = f"{max(silent_s, 0):.0f} s ago"
    raise HeldElsewhereError(
        f"{head.writer.host}, another machine than this, holds the journal and wrote to it {ago}",
        hint=f"A clone must not reach the journal. Whoever replaces a machine that is gone gets it when it has been "
        f"silent for {_BEATS * beat_s:.0f} s, and at once with --take-over.",
    )


def give_way(holder: Writer, own: Writer, lock: LockFile | None, *, same: bool) -> None:
    """Whether an agent that held the journal may take it again.

    Own commits this process does not remember are no reason to give way: it was resumed from a snapshot, and its DC
    tells whether that went back, too. Who handed it back and left another DC than this one as the right one was at work
    on a clone of this machine: were both healed in turn, neither would ever rest.

    Args:
        holder: Whom the head names.
        own: The agent.
        lock: The journal's, here.
        same: The DC still is the one the journal was taken from.

    Raises:
        FencedError: The journal is another's; it is named.
    """
    died_here = _WriterId.of(holder).is_here(lock)  # it was waited for
    if holder.id == own.id or died_here or (same and not is_held(holder)):
        return
    raise FencedError(
        f"process {holder.pid} on {holder.host} took the journal over",
        hint="One agent goes on; this one stops so that the two do not fight.",
    )
