"""The SQLite file below the store: making it, opening it with care, and saying in our words what went wrong.

The file is known by its application id ([SQLITE-FORMAT] 1.3.17, offset 68) and its schema by user_version
(offset 60). A file that is something else's is refused and never written to.
"""

import errno
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from adpersist.errors import (
    AdpersistError,
    ConfigError,
    IntegrityError,
    NoJournalError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnreachableError,
)

APPLICATION_ID: Final = 0x61647072
"""``adpr``: what ``file(1)`` and we know the file by."""

SCHEMA_VERSION: Final = 1

SCHEMA: Final = (
    """CREATE TABLE journal (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        seq INTEGER NOT NULL, token TEXT NOT NULL, head BLOB NOT NULL)""",
    """CREATE TABLE frame (
        journal INTEGER NOT NULL REFERENCES journal (id), seq INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (journal, seq))""",
    """CREATE TABLE checkpoint (
        journal INTEGER NOT NULL REFERENCES journal (id), seq INTEGER NOT NULL, PRIMARY KEY (journal,
        seq))""",
    """CREATE TABLE checkpoint_part (
        journal INTEGER NOT NULL, seq INTEGER NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (journal, seq, number))""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which file it is, and of which moment: to notice one that was replaced, or written to, under us."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "Stamp | None":
        """None when there is no such file."""
        try:
            seen = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}", hint="The directory must be readable.") from error
        return cls(seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)

    def is_file_of(self, other: "Stamp | None") -> bool:
        """The same file, whatever was written to it."""
        return other is not None and (self.device, self.inode) == (other.device, other.inode)


def open_reader(path: Path, *, busy_timeout_s: float) -> tuple[sqlite3.Connection, bool]:
    """A connection that cannot write, and whether it is a *quiet* one.

    Reading a WAL database takes its ``-shm`` file; where that is missing and cannot be made (a read-only
    mount, no right to write), SQLite refuses. If there is no ``-wal`` either, then nobody has the file open,
    and it is read as it lies: the caller compares its :class:`Stamp` after every read, since a writer that
    came in between shows there or by a ``-wal``.
    """
    try:
        return _open(path, "mode=ro", busy_timeout_s), False
    except (sqlite3.Error, AdpersistError) as error:
        if not (_wants_shm(error) and Stamp.of(path) and not has_wal(path)):
            raise
    return _open(path, "mode=ro&immutable=1", busy_timeout_s), True


def open_writer(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection whose commits are on the disk when they return."""
    connection = _open(path, "mode=rw", busy_timeout_s)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def has_wal(path: Path) -> bool:
    """A write-ahead log with something in it lies beside it: somebody is writing, or died while writing."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def make(path: Path) -> None:
    """Make the file, empty and for its owner alone, and its directory; what is there is left alone."""
    try:
        missing = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        for folder in (path.parent, *(made.parent for made in missing)):
            _sync(folder)
    except FileExistsError as error:
        if not path.parent.is_dir():
            raise ConfigError(f"{path.parent} is not a directory", hint="Name a file in a directory.") from error
    except OSError as error:
        raise _refused_by_os(error, path) from error


def make_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Turn a blank file into ours; safe against a second maker. Must not be in a transaction."""
    if is_ours(connection, path):
        return
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            f"{path}: this file system cannot hold a write-ahead log ({mode})",
            hint="Use a local disk, not a network share.",
        )
    connection.execute("BEGIN IMMEDIATE")
    if not is_ours(connection, path):
        for statement in SCHEMA:
            connection.execute(statement)
    connection.execute("COMMIT")


def is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """True for our database, False for a blank one.

    Raises:
        ConfigError: It is another program's, or a later version's.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version, tables) == (0, 0, 0):
        return False
    if application != APPLICATION_ID:
        raise ConfigError(
            f"{path} is a database of another program; it was not touched",
            hint="Name another file in the store URL.",
        )
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"{path} has schema version {version}, this adpersist knows {SCHEMA_VERSION}; it was not touched",
            hint="Use the version of adpersist that wrote it, or a later one.",
        )
    return True


def typed(error: sqlite3.Error, path: Path) -> AdpersistError:
    """What SQLite's error means to us, by its primary result code ([SQLITE-RESCODE] 3)."""
    meaning: AdpersistError
    match primary_code(error):
        case sqlite3.SQLITE_FULL:
            meaning = StoreFullError(f"{path}: the disk is full", hint="Free space; nothing was written.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            meaning = StoreReadOnlyError(f"{path} cannot be written", hint=_WRITABLE_HINT)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            meaning = StoreUnreachableError(
                f"{path} is locked by another process", hint="See who holds it: lsof or fuser."
            )
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_CONSTRAINT:
            meaning = IntegrityError(
                f"{path} is damaged, or no journal: {error}",
                hint="Keep it as it is and put a copy back; sqlite3's `pragma integrity_check` tells more.",
            )
        case sqlite3.SQLITE_IOERR:
            meaning = StoreUnreachableError(f"{path}: {error}", hint="Look at the disk: dmesg tells more.")
        case sqlite3.SQLITE_CANTOPEN if Stamp.of(path) is None:
            meaning = NoJournalError(f"there is no file {path}", hint="Run `adpersist init`, or correct the store URL.")
        case sqlite3.SQLITE_CANTOPEN if os.access(path, os.R_OK):
            meaning = StoreReadOnlyError(f"{path} can only be opened by who may write beside it", hint=_WRITABLE_HINT)
        case sqlite3.SQLITE_CANTOPEN:
            meaning = StoreError(f"{path} cannot be opened", hint=_WRITABLE_HINT)
        case _:
            meaning = StoreError(f"{path}: {error}")
    return meaning


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code; SQLITE_ERROR for what Python's own module raised."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


_WRITABLE_HINT: Final = (
    "The file and its directory must be writable for this user; to read a copy on read-only ground, "
    "take the file from an agent that was stopped cleanly, or copy it with its -wal to a writable place."
)


def _open(path: Path, how: str, busy_timeout_s: float) -> sqlite3.Connection:
    if path.is_dir():
        raise ConfigError(f"{path} is a directory", hint="Name a file in the store URL.")
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{how}",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA application_id").fetchone()  # opens in earnest; connect() alone is lazy
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _sync(folder: Path) -> None:
    """Put a directory's entries on the disk; without it a file made just now may be gone after a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _wants_shm(error: Exception) -> bool:
    return primary_code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def _refused_by_os(error: OSError, path: Path) -> AdpersistError:
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return StoreReadOnlyError(f"{path}: {error.strerror}", hint=_WRITABLE_HINT)
    return StoreError(f"{path}: {error.strerror}", hint="Name another place in the store URL.")
