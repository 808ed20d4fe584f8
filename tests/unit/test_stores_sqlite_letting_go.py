"""After an error the SQLite store says what it was, and holds on to nothing: no file, no lock, no room on the disk."""

import errno
import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from adpersist.errors import (
    AdpersistError,
    ConfigError,
    NoJournalError,
    OutcomeUnknownError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnreachableError,
)
from adpersist.stores.sqlite.errors import DamagedFileError, refused_by_os, typed
from adpersist.stores.sqlite.file import SqliteFile
from tests.unit.test_stores_sqlite import filled, numbers, one, opened, replace_in_the_middle_of_a_commit

HERE = Path("/somewhere/journal.db")


def held(path: Path) -> list[str]:
    """What of the file, and of those beside it, this process has open; of those that are deleted, too."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            target = str(each.readlink())
        except FileNotFoundError:  # the one that lists them
            continue
        if target.startswith(str(path)):
            found.append(target)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of one commit."""
    made = tmp_path / "journal.db"
    with closing(opened(made)) as store:
        filled(store, 1)
    return made


def written_by_somebody(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript(script)


@pytest.mark.parametrize(
    ("script", "refused"),
    [
        ("PRAGMA application_id = 7", ConfigError),
        ("PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = CAST(x'ff' AS TEXT)", DamagedFileError),
        ("UPDATE frame SET body = zeroblob(5000000)", DamagedFileError),
    ],
    ids=["another program's", "a schema that is no text", "a row that is too large"],
)
def test_a_file_that_is_refused_is_let_go_of(path: Path, script: str, refused: type[AdpersistError]) -> None:
    written_by_somebody(path, script)
    with closing(opened(path)) as store:
        with pytest.raises(refused) as caught:
            numbers(store)
        assert (caught.type, held(path)) == (refused, []), "while whoever handles the error still has it in hand"


def test_what_is_no_database_is_let_go_of(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database. " * 200)
    with closing(opened(path)) as store, pytest.raises(DamagedFileError) as caught:
        store.head()
    assert (caught.type, held(path)) == (DamagedFileError, [])


def test_a_file_that_is_gone_is_let_go_of(path: Path) -> None:
    """Its room would not become free, as long as the agent runs."""
    with closing(opened(path)) as store:
        store.head()
        assert held(path)
        path.unlink()
        with pytest.raises(NoJournalError):
            store.head()
        assert [each for each in held(path) if "-" not in Path(each).name] == []


def test_a_file_that_was_replaced_during_a_commit_is_let_go_of(path: Path, tmp_path: Path) -> None:
    with closing(opened(path)) as store:
        store.head()
        shutil.copy(path, tmp_path / "golden.db")
        with pytest.raises(OutcomeUnknownError):
            replace_in_the_middle_of_a_commit(store, path, tmp_path / "golden.db")
        assert held(path) == []


def test_a_log_keeps_its_room_until_it_is_asked_for(path: Path) -> None:
    """Making it anew for every part of a checkpoint would have whoever reads wait."""
    log = path.with_name(path.name + "-wal")
    with closing(opened(path)) as store:
        store.append(one(2, bytes(100_000)), onto=store.head(), head=b"head 2")
        file = SqliteFile(path, busy_timeout_s=0.2)
        before = log.stat().st_size
        file.fold()
        assert log.stat().st_size == before > 100_000
        file.fold(shorten=True)
        assert log.stat().st_size == 0
        file.close()


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (errno.EACCES, StoreReadOnlyError),
        (errno.EPERM, StoreReadOnlyError),
        (errno.EROFS, StoreReadOnlyError),
        (errno.ENOSPC, StoreFullError),
        (errno.EDQUOT, StoreFullError),
        (errno.EIO, StoreError),
        (errno.ENAMETOOLONG, StoreError),
    ],
    ids=errno.errorcode.get,
)
def test_why_a_file_cannot_be_made_is_told_by_what_helps(code: int, meaning: type[AdpersistError]) -> None:
    """Free space, rights, or another place."""
    found = refused_by_os(OSError(code, os.strerror(code)), HERE)
    assert (type(found), os.strerror(code) in found.message, bool(found.hint)) == (meaning, True, True)


def test_a_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    with closing(opened(tmp_path / ("x" * 300))) as store, pytest.raises(StoreError, match="too long") as caught:
        store.create(b"")
    assert caught.type is StoreError


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (sqlite3.SQLITE_FULL, StoreFullError),
        (sqlite3.SQLITE_IOERR_SHMSIZE, StoreFullError),
        (sqlite3.SQLITE_READONLY, StoreReadOnlyError),
        (sqlite3.SQLITE_READONLY_DIRECTORY, StoreReadOnlyError),
        (sqlite3.SQLITE_PERM, StoreReadOnlyError),
        (sqlite3.SQLITE_BUSY, StoreUnreachableError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreUnreachableError),
        (sqlite3.SQLITE_LOCKED, StoreUnreachableError),
        (sqlite3.SQLITE_NOTADB, DamagedFileError),
        (sqlite3.SQLITE_CORRUPT, DamagedFileError),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, DamagedFileError),
        (sqlite3.SQLITE_TOOBIG, DamagedFileError),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreUnreachableError),
        (sqlite3.SQLITE_CANTOPEN, NoJournalError),
        (sqlite3.SQLITE_ERROR, StoreError),
        (None, StoreError),
    ],
)
def test_what_sqlite_says_is_told_by_what_helps(code: int | None, meaning: type[AdpersistError]) -> None:
    """[SQLITE-RESCODE] 3 and 4: the low byte is the primary code. None: Python's own module raised it."""
    said = sqlite3.OperationalError("said")
    if code is not None:
        said.sqlite_errorcode = code
    assert type(typed(said, HERE)) is meaning


def test_a_store_is_at_home_in_every_thread(path: Path) -> None:
    """Content is made durable beside whoever reads what comes next."""
    with closing(opened(path)) as store, ThreadPoolExecutor(1) as beside:
        head = beside.submit(store.append, one(2), onto=store.head(), head=b"head 2").result()
        assert store.head() == head
