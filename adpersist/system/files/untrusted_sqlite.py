"""A SQLite file as one that somebody else may have written: nothing in it is taken at its word."""

import sqlite3
import sys


def distrust(connection: sqlite3.Connection, *, most_bytes: int) -> None:
    """To be called before the connection's first statement.

    No function runs because the schema says so, no page is believed to be what its header tells, and, where Python can
    ask for it (from 3.12 on), no statement bends the schema.

    Args:
        connection: Just made.
        most_bytes: Of a row: a larger one is not read, and raises :class:`sqlite3.DataError`.

    Raises:
        sqlite3.Error: The file cannot be opened.
    """
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_TRUSTED_SCHEMA, False)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most_bytes)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
