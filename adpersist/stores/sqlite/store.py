"""The embedded store: one SQLite file, which may hold several journals. For a disk that survives.

WAL with synchronous=FULL: a commit that returned is on the disk, and readers never wait for the writer. Space
freed by trimming is used again, and what is free beyond a quarter of the file is given back to the disk.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from adpersist.errors import WHERE_TO_LOOK, FencedError, IntegrityError, JournalExistsError, NoJournalError
from adpersist.model.identity.ids import Seq
from adpersist.stores.limits import (
    check_advance,
    check_append,
    check_head,
    check_journal_id,
    check_part,
    check_stage,
    frames_behind,
)
from adpersist.stores.port import Frame, StoredHead
from adpersist.stores.sqlite.file import SqliteFile
from adpersist.stores.sqlite.schema import SPARE, has_spares, is_ours
from adpersist.stores.sqlite.shrinking import STEP_BYTES, shrink

_PAGE_BYTES: Final = 4 * 1_048_576
_PAGE_FRAMES: Final = 1000
_TRIM_FRAMES: Final = 500

_Cell = int | str | bytes


def journals_in(path: Path, *, busy_timeout_s: float = 0.5) -> list[str]:
    """Ids of the journals in a file, those included whose head is lost; writes nothing.

    Raises:
        NoJournalError: There is no such file.
        AdpersistError: It cannot be read, or is another program's.
    """
    file = SqliteFile(path, busy_timeout_s=busy_timeout_s)
    try:
        with file.reading() as connection:
            if not is_ours(connection, path):
                return []
            found = connection.execute("SELECT name FROM journal").fetchall()
            if has_spares(connection):
                found += connection.execute("SELECT name FROM spare").fetchall()
    finally:
        file.close()
    return sorted({str(name) for (name,) in found})


class SqliteStore:
    """Implements :class:`adpersist.stores.port.Store`."""

    def __init__(self, path: Path, *, journal: str, busy_timeout_s: float = 0.5) -> None:
        self._journal = check_journal_id(journal)
        self._file = SqliteFile(path, busy_timeout_s=busy_timeout_s)

    @property
    def location(self) -> str:
        return f"sqlite://{self._file.path}"

    def create(self, head: bytes) -> StoredHead:
        check_head(head)
        self._file.make()
        made = StoredHead(seq=Seq(0), body=bytes(head), token=secrets.token_hex(16))
        with self._file.writing() as connection:
            if self._row(connection) is not None:
                raise JournalExistsError(f"journal {self._journal} is already in {self.location}")
            connection.execute(
                "INSERT INTO journal (id, name, seq, token, head) VALUES (?, ?, 0, ?, ?)",
                (self._id_of_spare(connection), self._journal, made.token, made.body),
            )
        return made

    def head(self) -> StoredHead:
        with self._file.reading() as connection:
            self._present(connection)
            query = "SELECT seq, token, head FROM journal WHERE name = ?"
            rows = connection.execute(query, (self._journal,)).fetchall()
        for seq, token, body in rows:
            return StoredHead(seq=Seq(_int(seq)), token=str(token), body=_bytes(body))
        raise self._missing()

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        check_append(frames, onto=onto, head=head, spare=spare)
        made = StoredHead(seq=Seq(onto.seq + len(frames)), body=bytes(head), token=secrets.token_hex(16))
        with self._file.writing() as connection:
            row = self._move(connection, onto, made)
            try:
                connection.executemany(
                    "INSERT INTO frame (journal, seq, body) VALUES (?, ?, ?)",
                    [(row, frame.seq, frame.body) for frame in frames],
                )
            except sqlite3.IntegrityError as error:
                raise frames_behind(self.location, onto.seq) from error
            if spare:
                self._keep_spare(connection, row, made.body)
        return made

    def stage(self, frames: Sequence[Frame], *, onto: StoredHead) -> StoredHead:
        check_stage(frames, onto=onto)
        made = StoredHead(seq=onto.seq, body=onto.body, token=secrets.token_hex(16))
        with self._file.writing() as connection:
            row = self._move(connection, onto, made)
            connection.executemany(
                "INSERT OR REPLACE INTO frame (journal, seq, body) VALUES (?, ?, ?)",
                [(row, frame.seq, frame.body) for frame in frames],
            )
        return made

    def advance(self, *, onto: StoredHead, seq: Seq, head: bytes) -> StoredHead:
        check_advance(onto=onto, seq=seq, head=head)
        made = StoredHead(seq=seq, body=bytes(head), token=secrets.token_hex(16))
        with self._file.writing() as connection:
            row = self._move(connection, onto, made)
            self._keep_spare(connection, row, made.body)
        return made

    def clear(self, *, onto: StoredHead) -> StoredHead:
        made = StoredHead(seq=onto.seq, body=onto.body, token=secrets.token_hex(16))
        with self._file.writing() as connection:
            row = self._move(connection, onto, made)
            connection.execute("DELETE FROM frame WHERE journal = ? AND seq > ?", (row, onto.seq))
        return made

    def spare(self) -> bytes | None:
        try:
            with self._file.reading() as connection:
                if not self._has_spares(connection):
                    return None
                query = "SELECT head FROM spare WHERE name = ?"
                found = connection.execute(query, (self._journal,)).fetchone()
        except NoJournalError:  # not even a file
            return None
        return None if found is None else _bytes(found[0])

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        last = self.head().seq if through is None else through
        while after < last:
            page = self._page(after, last)
            if not page:
                return
            yield from page
            after = page[-1].seq

    def frames_of(self, spans: Sequence[tuple[Seq, Seq]]) -> Iterator[Frame]:
        for after, through in spans:
            yield from self.frames(after=after, through=through)

    def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
        with self._file.writing() as connection:
            row = self._id(connection)
            connection.execute("INSERT OR IGNORE INTO checkpoint (journal, seq) VALUES (?, ?)", (row, seq))
            connection.execute(
                "DELETE FROM checkpoint_part WHERE journal = ? AND seq = ? AND number >= ?", (row, seq, start)
            )
        written = 0
        for number, part in enumerate(parts, start=start):
            check_part(seq, number, part)
            with self._file.writing() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO checkpoint_part (journal, seq, number, body) VALUES (?, ?, ?, ?)",
                    (self._id(connection), seq, number, part),
                )
            written += len(part)
            if written > STEP_BYTES:  # or a large checkpoint would lie in the write-ahead log, and then in the file too
                self._file.fold()
                written = 0

    def checkpoints(self) -> Sequence[Seq]:
        with self._file.reading() as connection:
            query = "SELECT seq FROM checkpoint WHERE journal = ? ORDER BY seq"
            rows = connection.execute(query, (self._id(connection),)).fetchall()
        return [Seq(_int(seq)) for (seq,) in rows]

    def checkpoint(self, seq: Seq) -> Iterator[bytes]:
        number = 0
        while True:
            with self._file.reading() as connection:
                query = "SELECT body FROM checkpoint_part WHERE journal = ? AND seq = ? AND number = ?"
                found = connection.execute(query, (self._id(connection), seq, number)).fetchone()
            if found is None:
                return
            yield _bytes(found[0])
            number += 1

    def drop_checkpoint(self, seq: Seq) -> None:
        while self._forget_parts(seq):
            self._file.fold()
        with self._file.writing() as connection:
            connection.execute("DELETE FROM checkpoint WHERE journal = ? AND seq = ?", (self._id(connection), seq))
        shrink(self._file)

    def trim(self, *, through: Seq) -> None:
        while self._forget_frames(through):
            self._file.fold()
        shrink(self._file)

    # --- deleting, in steps: an append never waits long for the lock, and a full disk's reserve suffices for one ---

    def _forget_frames(self, through: Seq) -> bool:
        """A step of :meth:`trim`; False: there is nothing left to forget."""
        with self._file.writing() as connection:
            row = self._id(connection)
            last = _end_of_step(
                connection.execute(
                    "SELECT seq, length(body) FROM frame WHERE journal = ? AND seq <= ? ORDER BY seq LIMIT ?",
                    (row, through, _TRIM_FRAMES),
                )
            )
            if last is not None:
                connection.execute("DELETE FROM frame WHERE journal = ? AND seq <= ?", (row, last))
        return last is not None

    def _forget_parts(self, seq: Seq) -> bool:
        """A step of :meth:`drop_checkpoint`, from the end; False: there is no part left."""
        with self._file.writing() as connection:
            row = self._id(connection)
            first = _end_of_step(
                connection.execute(
                    "SELECT number, length(body) FROM checkpoint_part WHERE journal = ? AND seq = ?"
                    " ORDER BY number DESC LIMIT ?",
                    (row, seq, _TRIM_FRAMES),
                )
            )
            if first is not None:
                connection.execute(
                    "DELETE FROM checkpoint_part WHERE journal = ? AND seq = ? AND number >= ?", (row, seq, first)
                )
        return first is not None

    def close(self) -> None:
        self._file.close()

    # --- reading ---

    def _page(self, after: Seq, last: Seq) -> list[Frame]:
        page: list[Frame] = []
        size = 0
        with self._file.reading() as connection:
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
        return page

    # --- writing ---

    def _move(self, connection: sqlite3.Connection, onto: StoredHead, made: StoredHead) -> int:
        """Put ``made`` in the place of ``onto``; the journal's row. Raises: FencedError."""
        row = self._id(connection)
        moved = connection.execute(
            "UPDATE journal SET seq = ?, token = ?, head = ? WHERE id = ? AND token = ?",
            (made.seq, made.token, made.body, row, onto.token),
        )
        if moved.rowcount != 1:
            raise FencedError(f"the head of {self.location} is no longer the one at {onto.seq}")
        return row

    def _keep_spare(self, connection: sqlite3.Connection, row: int, head: bytes) -> None:
        connection.execute(SPARE)
        connection.execute("INSERT OR REPLACE INTO spare VALUES (?, ?, ?)", (self._journal, row, head))

    # --- which journal ---

    def _id_of_spare(self, connection: sqlite3.Connection) -> int | None:
        """The number under which frames lie whose journal's row is gone; None: a new one."""
        if not self._has_spares(connection):
            return None
        found = connection.execute("SELECT journal FROM spare WHERE name = ?", (self._journal,)).fetchone()
        return None if found is None else _int(found[0])

    def _has_spares(self, connection: sqlite3.Connection) -> bool:
        return self._file.is_ours(connection) and has_spares(connection)

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
        if not self._file.is_ours(connection):
            raise self._missing()

    def _missing(self) -> NoJournalError:
        return NoJournalError(
            f"{self.location} holds no journal {self._journal}",
            hint=WHERE_TO_LOOK,
        )


def _end_of_step(rows: sqlite3.Cursor) -> int | None:
    """The number of the last row that one step deletes, of rows of a number and a size; at least the first's."""
    end, size = None, 0
    for number, body_bytes in rows:
        size += _int(body_bytes)
        if end is not None and size > STEP_BYTES:
            break
        end = _int(number)
    rows.close()
    return end


def _int(cell: _Cell) -> int:
    if not isinstance(cell, int):
        raise IntegrityError(f"expected a number, found {type(cell).__name__}")
    return cell


def _bytes(cell: _Cell) -> bytes:
    if not isinstance(cell, bytes):
        raise IntegrityError(f"expected bytes, found {type(cell).__name__}")
    return cell
