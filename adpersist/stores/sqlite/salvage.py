"""A damaged file written anew with what can be read of it, so that one lost page does not take the journal with it.

What SQLite itself finds wrong with a file it does not read past. Here the rows that are left go into a new file, which
takes the old one's place; the old one stays beside it. What of the journal is lost then, a check of the journal tells.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

from adpersist.errors import StoreUnreachableError
from adpersist.stores.sqlite.errors import DamagedFileError, damaged, primary_code, refused_by_os, typed
from adpersist.stores.sqlite.file import LARGEST_ROW_BYTES, SqliteFile, has_wal, make, open_writer
from adpersist.stores.sqlite.rows import Cell, rows
from adpersist.stores.sqlite.schema import PAGE_BYTES, make_schema
from adpersist.system.files.durable_file import flush_directory
from adpersist.system.files.real_path import beside, real

_PATIENCE_S: Final = 5.0
_HEADER_BYTES: Final = 100
_LEAST_PAGE_BYTES: Final = 512
_LARGEST_PAGE_BYTES: Final = 65_536
_ROWS: Final = {
    (type(None), str, int, str, bytes): "INSERT INTO journal VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET seq = excluded.seq, token = excluded.token, head = excluded.head"
    " WHERE excluded.seq > seq",
    (int, int, bytes): "INSERT OR IGNORE INTO frame VALUES (?, ?, ?)",
    (int, int): "INSERT OR IGNORE INTO checkpoint VALUES (?, ?)",
    (int, int, int, bytes): "INSERT OR IGNORE INTO checkpoint_part VALUES (?, ?, ?, ?)",
    (str, int, bytes): "INSERT OR IGNORE INTO spare VALUES (?, ?, ?)",
}
"""Our tables by the kinds of their columns: no two are of the same. A journal's own number is its row's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """A file that was written anew.

    Attributes:
        kept: Where the damaged one lies now.
        rows: How many could be read of it.
    """

    kept: Path
    rows: int


def damage_in(path: Path) -> str | None:
    """What keeps SQLite, or us, from reading the file; None: nothing, and what it lacks the journal lacks. Reads all.

    Raises:
        AdpersistError: There is none, it cannot be had, or it is not ours alone.
    """
    with closing(SqliteFile(path, busy_timeout_s=_PATIENCE_S)) as file:
        try:
            with file.reading() as connection:
                if not file.is_ours(connection):
                    return None
                (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except DamagedFileError as error:
            return error.why
    return None if found == "ok" else " ".join(str(found).split())


def salvage(path: Path) -> Salvaged:
    """Write the file anew; nobody else may have it open. Killed anywhere, it is the damaged one, or the new one, whole.

    Raises:
        DamagedFileError: Nothing of a journal can be read of it. It is as it was.
        StoreUnreachableError: Somebody has it open.
        StoreError: It cannot be written beside. It is as it was.
    """
    path = real(path)
    anew, image = beside(path, "-anew"), beside(path, "-image")
    try:
        _clear(anew, image)
        _take_image(path, image)
        written = _write(image, anew, path)
        if has_wal(path):
            raise _in_use(path, "somebody writes to it")
        kept = _keep(path)
        anew.replace(path)
        flush_directory(path.parent)
    except sqlite3.Error as error:
        raise typed(error, path) from error
    except OSError as error:
        raise refused_by_os(error, path) from error
    finally:
        with suppress(OSError):  # the next one clears what is left of it
            _clear(anew, image)
    return Salvaged(kept=kept, rows=written)


def _take_image(path: Path, image: Path) -> None:
    """All pages as they are, those in the log included; of what SQLite does not take for a database the bytes.

    The log is brought into the file, so that nothing of it is lost with its name.
    """
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA writable_schema = ON")  # or one that was cut short is not opened
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            with closing(sqlite3.connect(image)) as copy:
                copy.execute("PRAGMA synchronous = OFF")
                connection.backup(copy)
        except sqlite3.DatabaseError as error:
            match primary_code(error):
                case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                    raise _in_use(path, str(error)) from error
                case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
                    shutil.copyfile(path, image)
                case _:
                    raise


def _in_use(path: Path, why: str) -> StoreUnreachableError:
    return StoreUnreachableError(
        f"{path} is damaged and has to be written anew, and is in use: {why}",
        hint="End whoever has it open, the agent first (`systemctl stop adpersist`), and run the same command again.",
    )


def _write(image: Path, anew: Path, old: Path) -> int:
    """The new file, of the rows that an image has; how many. Raises: DamagedFileError: None is of a journal."""
    make(anew)
    owned = old.stat()
    with suppress(PermissionError):
        os.chown(anew, owned.st_uid, owned.st_gid)
    with closing(open_writer(anew, busy_timeout_s=_PATIENCE_S)) as connection, image.open("rb") as file:
        make_schema(connection, anew)
        connection.execute("BEGIN")
        before = connection.total_changes
        for statement, row in _statements(file):
            connection.execute(statement, row)
        written = connection.total_changes - before
        connection.execute("INSERT OR IGNORE INTO checkpoint SELECT DISTINCT journal, seq FROM checkpoint_part")
        ours = connection.execute("SELECT name FROM journal UNION SELECT name FROM spare").fetchone()
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if ours is None:
        raise damaged(old, "nothing of a journal can be read of it")
    return written


def _statements(image: BinaryIO) -> Iterator[tuple[str, Sequence[Cell]]]:
    """What puts each row of ours that is left into its table."""
    header = image.read(_HEADER_BYTES)
    page_bytes = int.from_bytes(header[16:18], "big")  # [SQLITE-FORMAT] 1.3.2
    page_bytes = _LARGEST_PAGE_BYTES if page_bytes == 1 else page_bytes
    if page_bytes < _LEAST_PAGE_BYTES or page_bytes & (page_bytes - 1):
        page_bytes = PAGE_BYTES  # the first page is lost, too
    pages = os.fstat(image.fileno()).st_size // page_bytes

    def page(number: int) -> bytes:
        if not 0 < number <= pages:
            return b""
        image.seek((number - 1) * page_bytes)
        return image.read(page_bytes)

    for rowid, columns in rows(page, pages, most_bytes=LARGEST_ROW_BYTES):
        statement = _ROWS.get(tuple(map(type, columns)))
        if statement is not None:
            yield statement, (rowid if columns[0] is None else columns[0], *columns[1:])


def _keep(path: Path) -> Path:
    """Another name for the damaged file, which nothing takes away from it but a person."""
    for number in count(1):
        kept = beside(path, f"-damaged-{number}")
        try:
            os.link(path, kept)
        except FileExistsError:
            continue
        except OSError:  # a file system without links
            shutil.copy2(path, kept)
        return kept
    raise AssertionError


def _clear(*places: Path) -> None:
    for place in places:
        for part in ("", "-wal", "-shm", "-journal"):
            place.with_name(place.name + part).unlink(missing_ok=True)
