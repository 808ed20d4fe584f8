"""The embedded store: one SQLite file, which may hold several journals. For a disk that survives.

WAL with synchronous=FULL: a commit that returned is on the disk, and readers never wait for the writer. Space
freed by trimming is used again; the file does not shrink.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adpersist.errors import (
    AdpersistError,
    FencedError,
    IntegrityError,
    JournalExistsError,
    NoJournalError,
    OutcomeUnknownError,
    StoreUnreachableError,
)
from adpersist.model.ids import Seq
from adpersist.stores import sqlite_file
from adpersist.stores.limits import check_append, check_head, check_journal_id, check_part
from adpersist.stores.port import Frame, StoredHead
from adpersist.stores.sqlite_file import Stamp

_PAGE_BYTES: Final = 4 * 1_048_576
_PAGE_FRAMES: Final = 1000
_TRIM_FRAMES: Final = 500

_Cell = int | str | bytes
_Row = tuple[_Cell, ...]


class SqliteStore:
    """Implements :class:`adpersist.stores.port.Store`.

    A connection is opened when it is first needed, for reading until something is to be written. Before every
    use the path is looked at: a file that was replaced (a golden image put back under us) is opened afresh,
    and a commit that went into a file no longer at its path is reported as unknown, never as done.
    """

    def __init__(self, path: Path, *, journal: str, busy_timeout_s: float = 5.0) -> None:
        self._path = path
        self._journal = check_journal_id(journal)
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._opened: Stamp | None = None
        self._writable = False
        self._quiet = False

    @property
    def location(self) -> str:
        return f"sqlite://{self._path}"

    def create(self, head: bytes) -> StoredHead:
        check_head(head)
        sqlite_file.make(self._path)
        made = StoredHead(seq=Seq(0), body=bytes(head), token=secrets.token_hex(16))
        with self._typed():
            sqlite_file.make_schema(self._open(writing=True), self._path)
        with self._transaction() as connection:
            if self._row(connection) is not None:
                raise JournalExistsError(f"journal {self._journal} is already in {self.location}")
            connection.execute(
                "INSERT INTO journal (name, seq, token, head) VALUES (?, 0, ?, ?)",
                (self._journal, made.token, made.body),
            )
        return made

    def head(self) -> StoredHead:
        with self._typed():
            connection = self._open(writing=False)
            self._present(connection)
            rows = self._rows(connection, "SELECT seq, token, head FROM journal WHERE name = ?", self._journal)
        for seq, token, body in rows:
            return StoredHead(seq=Seq(_int(seq)), token=str(token), body=_bytes(body))
        raise self._missing()

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes) -> StoredHead:
        check_append(frames, onto=onto, head=head)
        made = StoredHead(seq=Seq(onto.seq + len(frames)), body=bytes(head), token=secrets.token_hex(16))
        with self._transaction() as connection:
            row = self._id(connection)
            moved = connection.execute(
                "UPDATE journal SET seq = ?, token = ?, head = ? WHERE id = ? AND token = ?",
                (made.seq, made.token, made.body, row, onto.token),
            )
            if moved.rowcount != 1:
                raise FencedError(f"the head of {self.location} is no longer the one at {onto.seq}")
            connection.executemany(
                "INSERT INTO frame (journal, seq, body) VALUES (?, ?, ?)",
                [(row, frame.seq, frame.body) for frame in frames],
            )
        return made

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        last = self.head().seq if through is None else through
        while after < last:
            page = self._page(after, last)
            if not page:
                return
            yield from page
            after = page[-1].seq

    def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
        with self._transaction() as connection:
            row = self._id(connection)
            connection.execute("INSERT OR IGNORE INTO checkpoint (journal, seq) VALUES (?, ?)", (row, seq))
            connection.execute(
                "DELETE FROM checkpoint_part WHERE journal = ? AND seq = ? AND number >= ?", (row, seq, start)
            )
        for number, part in enumerate(parts, start=start):
            check_part(seq, number, part)
            with self._transaction() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO checkpoint_part (journal, seq, number, body) VALUES (?, ?, ?, ?)",
                    (self._id(connection), seq, number, part),
                )

    def checkpoints(self) -> Sequence[Seq]:
        with self._typed():
            connection = self._open(writing=False)
            rows = self._rows(
                connection, "SELECT seq FROM checkpoint WHERE journal = ? ORDER BY seq", self._id(connection)
            )
        return [Seq(_int(seq)) for (seq,) in rows]

    def checkpoint(self, seq: Seq) -> Iterator[bytes]:
        number = 0
        while True:
            with self._typed():
                connection = self._open(writing=False)
                rows = self._rows(
                    connection,
                    "SELECT body FROM checkpoint_part WHERE journal = ? AND seq = ? AND number = ?",
                    self._id(connection), seq, number,
                )  # fmt: skip
            if not rows:
                return
            yield _bytes(rows[0][0])
            number += 1

    def drop_checkpoint(self, seq: Seq) -> None:
        with self._transaction() as connection:
            row = self._id(connection)
            for table in ("checkpoint_part", "checkpoint"):
                connection.execute(f"DELETE FROM {table} WHERE journal = ? AND seq = ?", (row, seq))  # noqa: S608 two constants

    def trim(self, *, through: Seq) -> None:
        removed = _TRIM_FRAMES
        while removed == _TRIM_FRAMES:  # in steps, so that an append never waits long for the lock
            with self._transaction() as connection:
                removed = connection.execute(
                    "DELETE FROM frame WHERE rowid IN"
                    " (SELECT rowid FROM frame WHERE journal = ? AND seq <= ? ORDER BY seq LIMIT ?)",
                    (self._id(connection), through, _TRIM_FRAMES),
                ).rowcount

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # --- reading ---

    def _page(self, after: Seq, last: Seq) -> list[Frame]:
        page: list[Frame] = []
        size = 0
        with self._typed():
            connection = self._open(writing=False)
            cursor = connection.execute(
                "SELECT seq, body FROM frame WHERE journal = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                (self._id(connection), after, last, _PAGE_FRAMES),
            )
            for seq, body in cursor:
                page.append(Frame(seq=Seq(_int(seq)), body=_bytes(body)))
                size += len(body)
                if size >= _PAGE_BYTES:
                    break
            cursor.close()  # lets go of the snapshot, so that a slow reader never holds up checkpointing
            self._prove_quiet()
        return page

    def _rows(self, connection: sqlite3.Connection, query: str, *arguments: _Cell) -> list[_Row]:
        rows: list[_Row] = connection.execute(query, arguments).fetchall()
        self._prove_quiet()
        return rows

    def _row(self, connection: sqlite3.Connection) -> int | None:
        found = connection.execute("SELECT id FROM journal WHERE name = ?", (self._journal,)).fetchone()
        return None if found is None else _int(found[0])

    def _id(self, connection: sqlite3.Connection) -> int:
        self._present(connection)
        row = self._row(connection)
        if row is None:
            raise self._missing()
        return row

    def _present(self, connection: sqlite3.Connection) -> None:
        if not sqlite_file.is_ours(connection, self._path):
            raise self._missing()

    def _missing(self) -> NoJournalError:
        return NoJournalError(
            f"{self.location} holds no journal {self._journal}",
            hint="Run `adpersist init`, or correct the store URL.",
        )

    # --- the connection ---

    def _open(self, *, writing: bool) -> sqlite3.Connection:
        now = Stamp.of(self._path)
        if self._connection is not None and self._opened is not None:
            stale = not self._opened.is_file_of(now) or (self._quiet and self._opened != now)
            if not stale and (self._writable or not writing):
                return self._connection
            self.close()
        if writing:
            self._connection, self._quiet = (
                sqlite_file.open_writer(self._path, busy_timeout_s=self._busy_timeout_s),
                False,
            )
        else:
            self._connection, self._quiet = sqlite_file.open_reader(self._path, busy_timeout_s=self._busy_timeout_s)
        self._writable = writing
        self._opened = now
        return self._connection

    def _prove_quiet(self) -> None:
        """What a quiet connection read counts only if nobody has written since it was opened."""
        if self._quiet and (self._opened != Stamp.of(self._path) or sqlite_file.has_wal(self._path)):
            raise StoreUnreachableError(f"{self._path} was written to while it was read without a lock")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; anything raised inside undoes it."""
        with self._typed():
            connection = self._open(writing=True)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            try:
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._commit_failed(error) from error
            if self._opened is None or not self._opened.is_file_of(Stamp.of(self._path)):
                raise OutcomeUnknownError(f"{self._path} was replaced while it was written to")

    def _commit_failed(self, error: sqlite3.Error) -> AdpersistError:
        """A commit that failed to reach the disk may still be found in the write-ahead log after a crash."""
        meaning = sqlite_file.typed(error, self._path)
        if sqlite_file.primary_code(error) == sqlite3.SQLITE_IOERR:
            return OutcomeUnknownError(meaning.message, hint=meaning.hint)
        return meaning

    @contextmanager
    def _typed(self) -> Iterator[None]:
        """Whatever goes wrong inside leaves as ours, and leaves no transaction open."""
        try:
            yield
        except sqlite3.Error as error:
            self.close()
            raise sqlite_file.typed(error, self._path) from error
        except OutcomeUnknownError:
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


def _int(cell: _Cell) -> int:
    if not isinstance(cell, int):
        raise IntegrityError(f"expected a number, found {type(cell).__name__}")
    return cell


def _bytes(cell: _Cell) -> bytes:
    if not isinstance(cell, bytes):
        raise IntegrityError(f"expected bytes, found {type(cell).__name__}")
    return cell
