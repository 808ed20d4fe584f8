"""Giving room back to the disk, in steps that a small disk, a crash and an agent beside it can bear.

What is deleted leaves free pages in the file, which are used again. A file whose ``auto_vacuum`` is INCREMENTAL, as
every new one's is, gives room back: pages are moved from its end into free ones, a few at a time, and the end is cut
off. A file of an earlier version has to be written anew once.
"""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from adpersist.errors import WHERE_TO_LOOK, NoJournalError, StoreFullError
from adpersist.stores.sqlite import reserve
from adpersist.stores.sqlite.file import SqliteFile
from adpersist.stores.sqlite.schema import is_ours
from adpersist.system.files.real_path import real

STEP_BYTES: Final = 2 * 1_048_576
"""What one transaction of upkeep deletes or moves: a few times as much goes through the write-ahead log."""

_INCREMENTAL: Final = 2
"""[SQLITE-PRAGMA] auto_vacuum."""

_SPARED: Final = 4
"""By itself, one page in so many may stay free: the next commits take them."""

Progress = Callable[[int], None]


def make_room(path: Path, *, spare_prune: bool = False) -> bool:
    """Give up the reserve, so that what deletes finds room on a full disk; False: there was none.

    Args:
        path: The journal's file.
        spare_prune: Half of it stays for a prune: this is for what deletes nothing, and cannot wait for one.

    Raises:
        StoreError: It cannot be given up, or the file cannot be opened.
    """
    if not reserve.give_up(path, spare_prune=spare_prune):
        return False
    with closing(SqliteFile(path, busy_timeout_s=0.5)) as file:
        file.fold(shorten=True)
    return True


def shrink(file: SqliteFile, *, spare_some: bool = True, progress: Progress = lambda _: None) -> None:
    """Give free pages at the end back, step by step; does nothing to a file of an earlier version.

    Args:
        file: The journal's.
        spare_some: Leave a quarter of the file free for what comes next.
        progress: Told the bytes that are still to go, now and then.

    Raises:
        StoreError: The rest stays for the next time; nothing is lost.
    """
    before = None
    while True:
        with file.maintaining() as connection:
            if _number(connection, "auto_vacuum") != _INCREMENTAL:
                return
            page_bytes, pages = _number(connection, "page_size"), _number(connection, "page_count")
            unneeded = free = _number(connection, "freelist_count")
            if spare_some:
                unneeded -= pages // _SPARED
        if unneeded <= 0 or free == before:
            break
        before = free
        progress(unneeded * page_bytes)
        with file.maintaining() as connection:
            # a script is run to its end; execute() alone would free one page and stop
            connection.executescript(f"PRAGMA incremental_vacuum({min(unneeded, STEP_BYTES // page_bytes)})")
        file.fold()
    file.fold(shorten=before is not None)


def compact(path: Path, *, busy_timeout_s: float, progress: Progress = lambda _: None) -> int:
    """Give back all that is free; a file of an earlier version is written anew, whole or not at all.

    Others may use the file meanwhile; while it is written anew they only read.

    Returns:
        By how many bytes it is smaller.

    Raises:
        NoJournalError: There is no such file, or nothing is in it.
        StoreFullError: There is no room to write it anew; nothing was changed.
    """
    with closing(SqliteFile(path, busy_timeout_s=busy_timeout_s)) as file:
        with file.reading() as connection:
            if not is_ours(connection, path):
                raise NoJournalError(f"{path} holds no journal", hint=WHERE_TO_LOOK)
        file.fold(shorten=True)
        before = path.stat().st_size
        with file.maintaining() as connection:
            anew = _number(connection, "auto_vacuum") != _INCREMENTAL
            if anew:
                _require_room(connection, path)
                progress(before)
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("VACUUM")
        if anew:
            file.fold(shorten=True)
        shrink(file, spare_some=False, progress=progress)
        return before - path.stat().st_size


def _require_room(connection: sqlite3.Connection, path: Path) -> None:
    """The new file is written beside the old one, then through the write-ahead log."""
    pages = _number(connection, "page_count") - _number(connection, "freelist_count")
    wanted, free = 2 * pages * _number(connection, "page_size"), shutil.disk_usage(real(path).parent).free
    if free < wanted:
        raise StoreFullError(
            f"{path} was made by an earlier version and has to be written anew to shrink, which takes "
            f"{wanted / 1e6:.0f} MB; {free / 1e6:.0f} MB are free",
            hint="Free space for as long as that takes, or move the journal: `adpersist copy --to URL --move`.",
        )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (found,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(found)
