"""The tables in the SQLite file, and the marks by which a file is known to be ours.

By its application id ([SQLITE-FORMAT] 1.3.17, offset 68); its schema's version is user_version (offset 60). A file that
is something else's is refused and never written to.
"""

import sqlite3
from pathlib import Path
from typing import Final

from adpersist.errors import ConfigError, StoreError

APPLICATION_ID: Final = 0x61647072
"""``adpr``: what ``file(1)`` and we know the file by."""

SCHEMA_VERSION: Final = 1

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


_MARKS: Final = """SELECT application_id, user_version, EXISTS (SELECT 1 FROM sqlite_master)
    FROM pragma_application_id, pragma_user_version"""
"""In one statement, so that another maker's commit does not come between."""


def make_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Turn a blank file into ours; safe against a second maker. Must not be in a transaction."""
    if is_ours(connection, path):
        return
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that it can shrink; heard before the first page
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
    """
    application, version, has_tables = connection.execute(_MARKS).fetchone()
    if application == 0 and version == 0 and not has_tables:
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
