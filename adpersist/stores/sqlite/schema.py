"""The tables in the SQLite file, and the marks by which a file is known to be ours.

By its application id ([SQLITE-FORMAT] 1.3.17, offset 68); its schema's version is user_version (offset 60). A file that
is something else's is refused and never written to. So is one of ours into which somebody put more than ours, before a
statement names any of it: a trigger, or a view in a table's place, would do what its maker wants with our rights.
"""

import sqlite3
from pathlib import Path
from typing import Final

from adpersist.errors import ConfigError, IntegrityError, StoreError
from adpersist.stores.sqlite.errors import damaged

APPLICATION_ID: Final = 0x61647072
"""``adpr``: what ``file(1)`` and we know the file by."""

SCHEMA_VERSION: Final = 1

PAGE_BYTES: Final = 16_384
"""A frame of a megabyte is written twice as fast as in SQLite's usual pages of four kilobytes."""

SPARE: Final = """CREATE TABLE IF NOT EXISTS spare (
        name TEXT PRIMARY KEY, journal INTEGER NOT NULL, head BLOB NOT NULL)"""
"""Copies of heads, by name, so that they outlive the rows they were taken from; an older file gets the table with its
first one."""

SCHEMA: Final = (
    """CREATE TABLE journal (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        seq INTEGER NOT NULL, token TEXT NOT NULL, head BLOB NOT NULL)""",
    """CREATE TABLE frame (
        journal INTEGER NOT NULL REFERENCES journal (id), seq INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (journal, seq))""",
    """CREATE TABLE checkpoint (
        journal INTEGER NOT NULL REFERENCES journal (id), seq INTEGER NOT NULL,
        PRIMARY KEY (journal, seq))""",
    """CREATE TABLE checkpoint_part (
        journal INTEGER NOT NULL, seq INTEGER NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (journal, seq, number))""",
    SPARE,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


def _words(sql: str) -> list[str]:
    """A statement but for its line breaks, which differed in earlier versions."""
    return sql.replace("CREATE TABLE IF NOT EXISTS", "CREATE TABLE").split()


_OURS: Final = {words[2]: words for words in map(_words, SCHEMA) if words[:2] == ["CREATE", "TABLE"]}
"""Our tables by name."""

_ANALYZED: Final = {
    "sqlite_stat1": _words("CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    "sqlite_stat4": _words("CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"),
}
"""What a person's ``ANALYZE`` leaves behind ([SQLITE-FORMAT] 2.6.3, 2.6.5)."""


_KINDS: Final = ("table", "index", "view", "trigger")


def make_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Turn a blank file into ours; safe against a second maker. Must not be in a transaction."""
    if is_ours(connection, path):
        return
    # both are heard before the first page
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that it can shrink
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


def has_spares(connection: sqlite3.Connection) -> bool:
    """The file has the table of spare heads; one of an earlier version gets it with its first spare."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'spare'"
    return connection.execute(query).fetchone() is not None


def is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """True for our database, False for a blank one.

    Raises:
        ConfigError: It is another program's, or a later version's.
        IntegrityError: It is ours, and holds what we never put into it, or lacks a table.
    """
    connection.execute("SAVEPOINT look")  # one state of the file, so that another maker's commit does not come between
    try:
        # this first, and the marks by statements of SQLite's own: a view may bear the name of a table, or of
        # pragma_application_id, and would run
        found = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY rowid").fetchall()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    finally:
        connection.execute("RELEASE look")
    if application == 0 and version == 0 and not found:
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
    _require_ours_alone(found, path)
    return True


def _require_ours_alone(found: list[tuple[object, object, object]], path: Path) -> None:
    """Of a schema's objects only the name and the statement count: SQLite itself asks no more.

    Raises:
        IntegrityError: There is another one than ours, or one is missing.
    """
    tables = set()
    for kind, name, sql in found:
        known = {**_OURS, **_ANALYZED}.get(str(name))
        if sql is None and kind == "index":
            continue  # what a key brings
        if known is None or _words(str(sql)) != known:
            raise IntegrityError(
                f"{path} holds the {kind if kind in _KINDS else 'object'} {str(name)[:64]!r}, which adpersist did not "
                "make; nothing in it was used",
                hint="Somebody wrote into the journal's file. Keep a copy of it as evidence, put a copy of the journal "
                "back or drop what is named with sqlite3, then run `adpersist check`.",
            )
        tables.add(name)
    missing = sorted(_OURS.keys() - tables - {"spare"})
    if missing:
        raise damaged(path, f"it lacks the table {missing[0]}")
