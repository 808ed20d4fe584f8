"""Locks that say whether a command is at work on a journal on this machine, or a closed DC runs here. The kernel lets
go of one when the process ends, however that happens, so that no process id is ever asked whether it lives.

Every command that has the journal for a moment holds its file's lock shared; whoever could take it exclusively knows
that there is none. A file is never removed and nothing is written into it.
"""

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import ELOOP, ENOTDIR
from pathlib import Path
from typing import Final

from adpersist.errors import ConfigError
from adpersist.telemetry import logger

DIRECTORY_VARIABLE: Final = "ADPERSIST_RUNTIME_DIRECTORY"
"""For those who share a machine but none of the usual places, like containers."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_OURS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

log = logger("agent")


class LockFile:
    """An open lock file; see :func:`opened`.

    Attributes:
        name: 16 hex digits that tell this file, on this boot of this machine, from all others. Containers that share
            the file share its name; those with a ``/run`` of their own have other names.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        found, boot = os.fstat(file), _BOOT_ID.read_text(encoding="ascii").strip()
        self.name = hashlib.sha256(f"{boot} {found.st_dev} {found.st_ino}".encode()).hexdigest()[:16]

    def hold(self) -> None:
        """Be a command that is at work, until the file is closed or this process ends."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def take(self) -> bool:
        """Have it alone, until the file is closed in every process that was given :attr:`descriptor`; False: others
        have it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @property
    def descriptor(self) -> int:
        """For a child, which then has it as well, and whoever it starts."""
        return self._file

    def is_held(self) -> bool:
        """A command is at work that opened the file by itself; not to be asked by one that holds it."""
        if not self.take():
            return True
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return False


@contextmanager
def opened(name: str) -> Iterator[LockFile | None]:
    """The lock file of this name (a journal's is its id), made if it is not there.

    Yields:
        None where none can be made: nobody here can tell then who is at work.

    Raises:
        ConfigError: What lies there is not this user's own.
    """
    directory = runtime_directory()
    try:
        file = _open(directory, f"{name}.lock")
    except OSError as error:
        if error.errno in {ELOOP, ENOTDIR}:
            raise _not_ours(directory, "there is a symbolic link, or a file in its place") from error
        log.warning("lock_file.not_made", directory=str(directory), error=error.strerror)
        yield None
        return
    try:
        yield LockFile(file)
    finally:
        os.close(file)


def runtime_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Where lock files lie. What one of an earlier boot says is not believed, should it survive."""
    if environment.get(DIRECTORY_VARIABLE):
        return Path(environment[DIRECTORY_VARIABLE])
    user = os.geteuid()
    if user == 0:
        return Path("/run/adpersist")
    if environment.get("XDG_RUNTIME_DIR"):
        return Path(environment["XDG_RUNTIME_DIR"], "adpersist")
    # the same for all of this user's, and on a full disk, too, which tempfile would say is no place
    return Path(environment.get("TMPDIR") or "/tmp", f"adpersist-{user}")  # noqa: S108 - what lies there must be ours


def _open(directory: Path, name: str) -> int:
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    place = os.open(directory, _OURS | os.O_DIRECTORY)
    try:
        _require_ours(directory, place)
        # one that exists is opened on a read-only file system, too
        file = os.open(name, _OURS | os.O_CREAT, 0o600, dir_fd=place)
    finally:
        os.close(place)
    try:
        _require_ours(directory / name, file)
    except ConfigError:
        os.close(file)
        raise
    return file


def _require_ours(path: Path, file: int) -> None:
    found = os.fstat(file)
    if found.st_uid != os.geteuid():
        raise _not_ours(path, f"it belongs to user {found.st_uid}")
    if found.st_mode & _OTHERS_WRITE:
        raise _not_ours(path, "others may write to it")


def _not_ours(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path} cannot be trusted to hold lock files: {why}",
        hint="Remove it: it is made anew, readable by its user alone.",
    )
