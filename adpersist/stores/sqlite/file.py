"""The SQLite file below the store: making it, opening it with care, and noticing when it is swapped or written to."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from adpersist.errors import AdpersistError, ConfigError, OutcomeUnknownError, StoreError, StoreUnreachableError
from adpersist.stores.sqlite import reserve
from adpersist.stores.sqlite.errors import (
    DamagedFileError,
    damaged,
    no_room_for_shm,
    primary_code,
    refused_by_os,
    typed,
)
from adpersist.stores.sqlite.schema import is_ours, make_schema
from adpersist.system.files.durable_file import flush_directory
from adpersist.system.files.real_path import beside
from adpersist.system.files.untrusted_sqlite import distrust
from adpersist.telemetry import logger

LARGEST_ROW_BYTES: Final = 4 * 1_048_576
"""Several times the largest head, frame or part; a row beyond it is nobody's of ours, and is not taken into memory."""

_WAL_BYTES: Final = 4 * 1_048_576
"""With so much in it the write-ahead log is brought into the file, whatever its pages have."""

log = logger("store")


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


class SqliteFile:
    """One file, and at most one connection to it.

    The connection is opened when it is first needed, for reading until something is to be written. Before every
    use the path is looked at: a file that was replaced (a golden image put back under us) is opened afresh, and a
    commit that went into a file no longer at its path is reported as unknown, never as done.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._opened: Stamp | None = None
        self._writable = False
        self._quiet = False
        self._proven: int | None = None
        self._length = 0
        self._log: Stamp | None = None

    def make(self) -> None:
        """Make file, directory and schema, as far as they are missing."""
        make(self.path)
        with self._typed():
            make_schema(self._open(writing=True), self.path)
        self.close()  # it was opened for what a blank file is

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """What was fetched inside counts once this is left without an error."""
        with self._typed():
            yield self._open(writing=False)
            self._prove_quiet()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all or nothing; anything raised inside undoes it."""
        with self._typed():
            connection = self._open(writing=True)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            try:
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._commit_failed(error) from error
            if self._opened is None or not self._opened.is_file_of(Stamp.of(self.path)):
                raise OutcomeUnknownError(f"{self.path} was replaced while it was written to")
            if self._log_is_elsewhere():
                self._bring_in_log(connection)
                self.close()

    @contextmanager
    def maintaining(self) -> Iterator[sqlite3.Connection]:
        """The connection outside of a transaction, for what SQLite does in one of its own, or in none."""
        with self._typed():
            yield self._open(writing=True)

    def fold(self, *, shorten: bool = False) -> None:
        """Bring the write-ahead log into the file as far as readers let it, so that it begins anew instead of growing.

        Args:
            shorten: Also give its room back to the disk, and what was cut off the file's end.
        """
        with self.maintaining() as connection:
            connection.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if shorten else 'PASSIVE'})").fetchall()

    def is_ours(self, connection: sqlite3.Connection) -> bool:
        """As :func:`~adpersist.stores.sqlite.schema.is_ours`, once for each version of the schema SQLite goes by."""
        (version,) = connection.execute("PRAGMA schema_version").fetchone()
        if version != self._proven:
            if not is_ours(connection, self.path):
                return False
            self._proven = version
        return True

    def close(self) -> None:
        self._proven = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self, *, writing: bool) -> sqlite3.Connection:
        now = Stamp.of(self.path)
        if self._connection is not None and self._opened is not None:
            stale = not self._opened.is_file_of(now) or (self._quiet and self._opened != now)
            if not stale and self._writable and self._log_is_elsewhere():
                self._bring_in_log(self._connection)
                stale = True
            if not stale and (self._writable or not writing):
                if now is not None and self._writable:
                    self._prove_length(now)
                return self._connection
            self.close()
        connection, quiet = open_reader(self.path, busy_timeout_s=self._busy_timeout_s)
        try:
            is_ours(connection, self.path)  # before anything is opened for writing: closing that may write
        except (sqlite3.Error, AdpersistError, UnicodeDecodeError):
            connection.close()
            raise
        if writing:
            connection.close()
            connection, quiet = open_writer(self.path, busy_timeout_s=self._busy_timeout_s), False
            reserve.keep(self.path)
        self._connection, self._quiet, self._writable, self._opened = connection, quiet, writing, now
        self._length = now.size if now is not None else 0
        self._log = Stamp.of(self._place_of_log)
        return connection

    @property
    def _place_of_log(self) -> Path:
        return beside(self.path, "-wal")

    def _log_is_elsewhere(self) -> bool:
        """Somebody took the write-ahead log away: what is committed now would go with this process."""
        return self._log is not None and not self._log.is_file_of(Stamp.of(self._place_of_log))

    def _bring_in_log(self, connection: sqlite3.Connection) -> None:
        """The log has lost its name and not its content: it goes into the file while it is open.

        Raises:
            OutcomeUnknownError: Not all of it went there.
        """
        if has_wal(self.path):
            raise OutcomeUnknownError(f"{self.path} has another log than the one it was written with")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise OutcomeUnknownError(
                f"{self.path} lost its log, and somebody who reads it keeps that from going there"
            )
        log.warning("store.log_brought_in", path=str(self.path), reason="its write-ahead log was taken away")

    def _prove_length(self, now: Stamp) -> None:
        """A file that got shorter was pruned, or cut off: a connection that is open would not notice, and fill the gap.

        Raises:
            DamagedFileError: Something is lost.
        """
        if now.size < self._length and is_cut_off(self.path):
            anew, _ = open_reader(self.path, busy_timeout_s=self._busy_timeout_s)  # this one remembers what is lost
            with closing(anew):
                (found,) = anew.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise damaged(self.path, "it was cut off")
        self._length = now.size

    def _prove_quiet(self) -> None:
        """What a quiet connection read counts only if nobody has written since it was opened."""
        if self._quiet and (self._opened != Stamp.of(self.path) or has_wal(self.path)):
            raise StoreUnreachableError(f"{self.path} was written to while it was read without a lock")

    def _commit_failed(self, error: sqlite3.Error) -> AdpersistError:
        """A commit that failed to reach the disk may still be found in the write-ahead log after a crash."""
        meaning = typed(error, self.path)
        if primary_code(error) == sqlite3.SQLITE_IOERR:
            return OutcomeUnknownError(meaning.message, hint=meaning.hint)
        return meaning

    @contextmanager
    def _typed(self) -> Iterator[None]:
        """Whatever goes wrong inside leaves as ours, and leaves no transaction open."""
        try:
            yield
        except sqlite3.Error as error:
            self.close()
            raise typed(error, self.path) from error
        except UnicodeDecodeError as error:  # SQLite's message repeats what it found
            self.close()
            raise damaged(self.path, "what SQLite says of it is no UTF-8") from error
        except (OutcomeUnknownError, DamagedFileError):
            self.close()
            raise
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        connection = self._connection
        if connection is not None and connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                self.close()  # closing undoes it as well


def is_cut_off(path: Path) -> bool:
    """The file by itself is shorter than it says; perhaps because somebody is bringing a log into it right now."""
    try:
        _open(path, "mode=ro&immutable=1", 0).close()
    except sqlite3.DatabaseError as error:
        return primary_code(error) == sqlite3.SQLITE_CORRUPT
    return False


def open_reader(path: Path, *, busy_timeout_s: float) -> tuple[sqlite3.Connection, bool]:
    """A connection that cannot write, and whether it is a *quiet* one.

    Reading a WAL database takes its ``-shm`` file; where that is missing and cannot be made (a read-only
    mount, no right to write, a full disk), SQLite refuses. If there is no ``-wal`` either, then nobody has the file
    open, and it is read as it lies: the caller compares its :class:`Stamp` after every read, since a writer that
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
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_BYTES // page_bytes}")
    return connection


def has_wal(path: Path) -> bool:
    """A write-ahead log with something in it lies beside it: somebody is writing, or died while writing."""
    try:
        return beside(path, "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def make(path: Path) -> None:
    """Make the file, empty and for its owner alone, and its directory; what is there is left alone."""
    try:
        missing = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        for folder in (path.parent, *(made.parent for made in missing)):
            flush_directory(folder)
    except FileExistsError as error:
        if not path.parent.is_dir():
            raise ConfigError(f"{path.parent} is not a directory", hint="Name a file in a directory.") from error
    except OSError as error:
        raise refused_by_os(error, path) from error


def _open(path: Path, how: str, busy_timeout_s: float) -> sqlite3.Connection:
    if path.is_dir():
        raise ConfigError(f"{path} is a directory", hint="Name a file in the store URL.")
    if path.exists() and not path.is_file():  # SQLite would wait for whoever is at the other end of a pipe
        raise ConfigError(f"{path} is no file, but a pipe, a socket or a device", hint="Name a file in the store URL.")
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{how}",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = partial(_text, path)
    try:
        distrust(connection, most_bytes=LARGEST_ROW_BYTES)
        connection.execute("PRAGMA application_id").fetchone()  # opens in earnest; connect() alone is lazy
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _text(path: Path, stored: bytes) -> str:
    """Raises: IntegrityError."""
    try:
        return stored.decode()
    except UnicodeDecodeError as error:
        raise damaged(path, "there is text in it that is no UTF-8") from error


def _wants_shm(error: Exception) -> bool:
    return primary_code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or no_room_for_shm(error)
