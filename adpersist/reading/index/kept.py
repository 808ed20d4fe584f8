"""The index's file: whose it is, how current, and one process at a time that changes it.

Everybody who uses it holds a lock beside it, shared to ask and alone to fill; the kernel lets go of it when the process
ends. So SQLite's own are never waited for, and a file that is damaged is removed while nobody has it open.
"""

import fcntl
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from adpersist.model.identity.ids import Seq
from adpersist.system.files.untrusted_sqlite import distrust
from adpersist.telemetry import logger

_VERSION: Final = 3
"""Of the tables below; a file of another one is made anew."""
_PATIENCE_S: Final = 20.0
"""How long another process that fills it is waited for; after that the answer comes without it."""
_PAUSE_S: Final = 0.02
_LARGEST_ROW_BYTES: Final = 64 * 1_048_576
"""Far beyond any name or list of names in it."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
OFF: Final = "off"

_SCHEMA: Final = """
CREATE TABLE made (version INTEGER, seed BLOB, pruned INTEGER, seq INTEGER, digest BLOB);
CREATE TABLE objects (id INTEGER PRIMARY KEY, guid BLOB NOT NULL UNIQUE);
CREATE TABLE commits (
    seq INTEGER PRIMARY KEY, look INTEGER, kind TEXT, timeline INTEGER, time REAL, usn_from INTEGER, usn_to INTEGER,
    ends_look INTEGER, complete INTEGER, target INTEGER, digest BLOB, size INTEGER, mark TEXT, host TEXT, deeds TEXT,
    count INTEGER
);
CREATE INDEX commits_kind ON commits (kind);
CREATE INDEX commits_look ON commits (look);
CREATE TABLE names (id INTEGER PRIMARY KEY, list TEXT NOT NULL UNIQUE);
CREATE TABLE touches (
    object INTEGER, seq INTEGER, part INTEGER, names INTEGER, valued INTEGER, digests BLOB, whole INTEGER,
    PRIMARY KEY (object, seq)
) WITHOUT ROWID;
CREATE TABLE places (
    object INTEGER, seq INTEGER, present INTEGER, parent INTEGER, rdn TEXT, deleted INTEGER, born INTEGER,
    former INTEGER, key TEXT, PRIMARY KEY (object, seq)
) WITHOUT ROWID;
CREATE INDEX places_key ON places (key);
CREATE INDEX places_parent ON places (parent);
CREATE TABLE classes (object INTEGER, seq INTEGER, class TEXT, PRIMARY KEY (object, seq)) WITHOUT ROWID;
CREATE TABLE called (
    attribute TEXT, name TEXT, object INTEGER, PRIMARY KEY (attribute, name, object)
) WITHOUT ROWID;
CREATE TABLE dns (id INTEGER PRIMARY KEY, dn TEXT NOT NULL UNIQUE);
CREATE TABLE lines (
    number INTEGER PRIMARY KEY, seq INTEGER, object INTEGER, kind TEXT, class TEXT, was INTEGER, became INTEGER,
    moved INTEGER, dn_from INTEGER, dn_to INTEGER, names INTEGER, links INTEGER
);
CREATE INDEX lines_seq ON lines (seq);
CREATE INDEX lines_object ON lines (object);
CREATE TABLE written (
    line INTEGER, time INTEGER, origin BLOB, names INTEGER, PRIMARY KEY (line, time, origin)
) WITHOUT ROWID;
CREATE TABLE tallies (kind TEXT, class TEXT, count INTEGER, PRIMARY KEY (kind, class)) WITHOUT ROWID;
CREATE INDEX written_time ON written (time);
CREATE TABLE aliases (alias BLOB, object INTEGER, PRIMARY KEY (alias, object)) WITHOUT ROWID;
CREATE TABLE types (type TEXT, object INTEGER, PRIMARY KEY (type, object)) WITHOUT ROWID;
CREATE TABLE accounts (object INTEGER, seq INTEGER, sid BLOB, account TEXT, PRIMARY KEY (object, seq)) WITHOUT ROWID;
CREATE INDEX accounts_sid ON accounts (sid);
CREATE TABLE links (
    target INTEGER, source INTEGER, attribute TEXT, form BLOB, seq INTEGER, present INTEGER,
    PRIMARY KEY (target, source, attribute, form, seq)
) WITHOUT ROWID;
CREATE INDEX links_source ON links (source, seq);
CREATE TABLE definitions (
    object INTEGER, seq INTEGER, defines INTEGER, name TEXT, syntax TEXT, flags TEXT, link TEXT,
    PRIMARY KEY (object, seq)
) WITHOUT ROWID;
CREATE TABLE databases (object INTEGER, seq INTEGER, invocations TEXT, PRIMARY KEY (object, seq)) WITHOUT ROWID;
CREATE TABLE audited (seq INTEGER PRIMARY KEY, since REAL, through REAL, trouble TEXT);
CREATE INDEX audited_through ON audited (through);
CREATE TABLE writers (second INTEGER, seq INTEGER, who TEXT, PRIMARY KEY (second, seq, who)) WITHOUT ROWID;
"""

log = logger("index")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What an index was made of.

    Attributes:
        seed: Tells the journal, and the key of its digests, from any other.
        pruned: Commits up to this one are in it as one.
        seq: The last commit in it.
        digest: Of that.
    """

    seed: bytes
    pruned: Seq
    seq: Seq
    digest: bytes


class Index:
    """An open index."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.rows = connection

    def made(self) -> Made | None:
        """What it was made of; None: nothing yet."""
        found = self.rows.execute(
            "SELECT seed, pruned, seq, digest FROM made WHERE version = ?", (_VERSION,)
        ).fetchone()
        return Made(seed=found[0], pruned=found[1], seq=found[2], digest=found[3]) if found else None

    def note(self, made: Made) -> None:
        """Say what it is made of by now; within a transaction."""
        self.rows.execute("DELETE FROM made")
        self.rows.execute(
            "INSERT INTO made VALUES (?, ?, ?, ?, ?)", (_VERSION, made.seed, made.pruned, made.seq, made.digest)
        )

    @contextmanager
    def changed(self) -> Iterator[None]:
        """A transaction: all of it or nothing."""
        self.rows.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.rows.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self.rows.execute("ROLLBACK")
            raise


class IndexFile:
    """Where the index of one journal lies.

    Args:
        directory: Made, for this user alone, where it is missing.
        journal: The journal's id.
    """

    def __init__(self, directory: Path, journal: str) -> None:
        self.path = directory / f"{journal}.index"
        self._lock: int | None = None

    @contextmanager
    def held(self, patience_s: float | None = None) -> Iterator[None]:
        """Nobody changes it within the block.

        Args:
            patience_s: How long whoever changes it is waited for; None: as long as a command does.

        Raises:
            OSError: It cannot be had, or not in time; or others could have written it.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_ours(self.path.parent.stat(), _OTHERS_WRITE)
        self._lock = os.open(
            self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            _require_ours(os.fstat(self._lock), _OTHERS_WRITE)
            _wait(self._lock, fcntl.LOCK_SH, _PATIENCE_S if patience_s is None else patience_s)
            yield
        finally:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else uses it within the block; to be called while it is held. Others may have changed it before."""
        assert self._lock is not None  # noqa: S101 - see above
        _wait(self._lock, fcntl.LOCK_EX, _PATIENCE_S)
        try:
            yield
        finally:
            _wait(self._lock, fcntl.LOCK_SH, _PATIENCE_S)

    @contextmanager
    def opened(self, *, filling: bool) -> Iterator[Index]:
        """The index, to ask it or to fill it; one is made where there is none.

        Raises:
            OSError: It cannot be opened, or others could have written it.
            sqlite3.Error: It is damaged.
        """
        if filling:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        _require_ours(self.path.lstat(), _OTHERS)
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={'rw' if filling else 'ro'}", uri=True, isolation_level=None, timeout=0
        )
        try:
            distrust(connection, most_bytes=_LARGEST_ROW_BYTES)
            if filling and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                connection.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
            yield Index(connection)
        finally:
            connection.close()

    def remove(self) -> None:
        """Forget it; to be called while nobody else has it. Raises: OSError."""
        for name in (self.path.name, f"{self.path.name}-journal"):
            self.path.with_name(name).unlink(missing_ok=True)


def directory_of(configured: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where indexes lie; None: none is to be kept.

    Args:
        configured: ``[journal] index``.
        environment: Of this process.
    """
    if configured == OFF:
        return None
    if configured:
        return Path(configured)
    if os.geteuid() == 0:
        return Path("/var/cache/adpersist")
    home = environment.get("XDG_CACHE_HOME") or (f"{environment['HOME']}/.cache" if environment.get("HOME") else None)
    return Path(home, "adpersist") if home else None


def _wait(lock: int, how: int, patience_s: float) -> None:
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _require_ours(found: os.stat_result, forbidden: int) -> None:
    if found.st_uid != os.geteuid() or found.st_mode & forbidden:
        raise PermissionError("it is not this user's alone")
