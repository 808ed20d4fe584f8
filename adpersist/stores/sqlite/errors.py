"""What SQLite's and the system's errors mean to us."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import Final

from adpersist.errors import (
    WHERE_TO_LOOK,
    AdpersistError,
    IntegrityError,
    NoJournalError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnreachableError,
)
from adpersist.system.files.real_path import real

_WRITABLE_HINT: Final = (
    "The file and its directory must be writable for this user; to read a copy on read-only ground, "
    "take the file from an agent that was stopped cleanly, or copy it with its -wal to a writable place."
)

_MOUNTED_HINT: Final = (
    "Its disk is mounted read-only, as the kernel does with one that fails: `dmesg` tells more. Once it may be written "
    "again, an agent goes on by itself."
)

_FULL_HINT: Final = "Nothing was written to it. Free space, or `adpersist prune --keep 30d`, for which room is kept."


def typed(error: sqlite3.Error, path: Path) -> AdpersistError:
    """What SQLite's error means to us, by its primary result code ([SQLITE-RESCODE] 3)."""
    meaning: AdpersistError
    match primary_code(error):
        case _ if no_room_for_shm(error):
            meaning = StoreFullError(f"{path}: the disk is full", hint=_FULL_HINT)
        case sqlite3.SQLITE_FULL:
            meaning = StoreFullError(f"{path}: the disk is full", hint=_FULL_HINT)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            meaning = _read_only(path, f"{path} cannot be written")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            meaning = StoreUnreachableError(
                f"{path} is locked by another process", hint="See who holds it: lsof or fuser."
            )
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_CONSTRAINT | sqlite3.SQLITE_TOOBIG:
            meaning = damaged(path, str(error))
        case sqlite3.SQLITE_IOERR:
            meaning = StoreUnreachableError(f"{path}: {error}", hint="Look at the disk: dmesg tells more.")
        case sqlite3.SQLITE_CANTOPEN if not os.path.lexists(path):
            meaning = NoJournalError(f"there is no file {path}", hint=WHERE_TO_LOOK)
        case sqlite3.SQLITE_CANTOPEN if os.access(path, os.R_OK):
            meaning = _read_only(path, f"{path} can only be opened by who may write beside it")
        case sqlite3.SQLITE_CANTOPEN:
            meaning = StoreError(f"{path} cannot be opened", hint=_WRITABLE_HINT)
        case _:
            meaning = StoreError(f"{path}: {error}")
    return meaning


def _read_only(path: Path, message: str) -> StoreReadOnlyError:
    return StoreReadOnlyError(message, hint=_MOUNTED_HINT if is_mounted_read_only(path) else _WRITABLE_HINT)


def is_mounted_read_only(path: Path) -> bool:
    """Nobody may write there, whoever it is."""
    try:
        return bool(os.statvfs(real(path).parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False


class DamagedFileError(IntegrityError):
    """The file is not what SQLite, or we, ever wrote.

    Attributes:
        why: What was seen of it.
    """

    way_out = (
        "Put a copy of the journal back where there is one. Else `adpersist check --repair`, while no agent runs, "
        "writes the file anew with all that can be read of it and goes on; the damaged one is kept beside it."
    )

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is damaged, or no journal: {why}")
        self.why = why


def damaged(path: Path, why: str) -> DamagedFileError:
    """The error that says so."""
    return DamagedFileError(path, why)


def no_room_for_shm(error: BaseException) -> bool:
    """The file that readers share could not be made as long as it must be."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHMSIZE


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code; SQLITE_ERROR for what Python's own module raised."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def refused_by_os(error: OSError, path: Path) -> AdpersistError:
    """What it means that the file or its directory could not be made."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _read_only(path, f"{path}: {error.strerror}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFullError(f"{path}: {error.strerror}", hint=_FULL_HINT)
    return StoreError(f"{path}: {error.strerror}", hint="Name another place in the store URL.")
