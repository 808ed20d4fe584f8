"""What is to be sent, until it is: a SQLite file of its own, so that neither an outage nor a crash loses an alert.

What was found and how far was looked go into one transaction: an alert is there once, or will be found again. It is
sent at least once: who dies between sending and noting that sends it again, under the same id. Every try is noted
before it is made: where that finds no room, nobody is told the same thing over and over.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adpersist.console.alerts.finding import Finding
from adpersist.errors import AdpersistError, ConfigError
from adpersist.model.identity.ids import Seq
from adpersist.stores.sqlite.errors import primary_code
from adpersist.system.files.untrusted_sqlite import distrust
from adpersist.system.passing import PASSES

_VERSION: Final = 1
_KEPT_S: Final = 90 * 86_400.0
"""Sent ones are remembered so long, so that none is found anew."""
_LARGEST_ROW_BYTES: Final = 64 * 1_048_576
"""Far beyond any alert."""
_FIRST_S: Final = 30.0
_LONGEST_S: Final = 3600.0

_SCHEMA: Final = """
CREATE TABLE looked (journal TEXT PRIMARY KEY, seq INTEGER NOT NULL, states TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE alert (
    id TEXT, way TEXT, document TEXT NOT NULL, made REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, next REAL NOT NULL, sent REAL, error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (id, way)
) WITHOUT ROWID;
CREATE INDEX due ON alert (next) WHERE sent IS NULL;
"""


_PASSES: Final = frozenset(
    (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    )
)
"""What SQLite says of a disk that is full, fails or went read-only, and of others at work."""


def way_document(name: str) -> dict[str, str | None]:
    """A way as it is told: its kind, and whom it reaches where there may be several of a kind."""
    kind, _, to = name.partition(" ")
    return {"way": kind, "to": to or None}


class OutboxError(AdpersistError):
    """The outbox cannot be used now. What was found, or is to be sent, is found and sent by the next run."""

    retryable = True
    may_pass = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An alert that one way has not sent yet.

    Attributes:
        document: The finding's, and whose journal it is.
        tries: So often it was tried.
    """

    id: str
    way: str
    document: dict[str, Any]
    tries: int


class Outbox:
    """The file. One process at a time writes to it; a second one waits, and then finds everything done.

    Args:
        path: Made if it is not there, for its owner only.

    Raises:
        ConfigError: It cannot be made or opened, or is something else.
        OutboxError: Not now; so does every method.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._file = sqlite3.connect(path, timeout=30, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        with self._usable():
            distrust(self._file, most_bytes=_LARGEST_ROW_BYTES)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")
            with self._step():
                (version,) = self._file.execute("PRAGMA user_version").fetchone()
                if version == 0:
                    for statement in filter(str.strip, _SCHEMA.split(";")):
                        self._file.execute(statement)
                    self._file.execute(f"PRAGMA user_version = {_VERSION}")
        if version not in (0, _VERSION):
            self.close()
            raise ConfigError(f"{path} is an outbox of another version", hint="Name another file in [alerts] outbox.")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def looked(self, journal: str) -> tuple[Seq, dict[str, str]] | None:
        """How far a journal was looked through, and which states were told; None: never."""
        with self._usable():
            row = self._file.execute("SELECT seq, states FROM looked WHERE journal = ?", (journal,)).fetchone()
        return None if row is None else (Seq(row[0]), json.loads(row[1]))

    def put(
        self,
        journal: str,
        findings: Iterable[Finding],
        ways: Iterable[str],
        *,
        seq: Seq,
        states: Mapping[str, str],
        more: Mapping[str, Any],
        now: float,
    ) -> int:
        """Note down what was found up to a commit, for every way; one that is there already stays as it is.

        Args:
            more: Goes into every document.

        Returns:
            How many are new.
        """
        new, names = 0, list(ways)
        with self._usable(), self._step():
            for finding in findings:
                document = json.dumps({**finding.document(), **more})
                for way in names:
                    done = self._file.execute(
                        "INSERT OR IGNORE INTO alert (id, way, document, made, next) VALUES (?, ?, ?, ?, ?)",
                        (finding.id, way, document, now, now),
                    )
                    new += done.rowcount
            self._file.execute(
                "INSERT OR REPLACE INTO looked (journal, seq, states) VALUES (?, ?, ?)",
                (journal, seq, json.dumps(dict(states))),
            )
            self._file.execute("DELETE FROM alert WHERE sent < ?", (now - _KEPT_S,))
        return new

    def handed_on(self, ways: Iterable[str]) -> None:
        """What waits for a way that is there no more waits for those of its kind that are.

        So a mail reaches who is named now, in place of whoever was mistyped.
        """
        names = list(ways)
        with self._usable(), self._step():
            waiting = self._file.execute("SELECT DISTINCT way FROM alert WHERE sent IS NULL").fetchall()
            for (gone,) in waiting:
                heirs = [name for name in names if name.partition(" ")[0] == gone.partition(" ")[0]]
                if gone in names or not heirs:
                    continue
                for heir in heirs:
                    self._file.execute(
                        "INSERT OR IGNORE INTO alert (id, way, document, made, next)"
                        " SELECT id, ?, document, made, made FROM alert WHERE way = ? AND sent IS NULL",
                        (heir, gone),
                    )
                self._file.execute("DELETE FROM alert WHERE way = ? AND sent IS NULL", (gone,))

    def due(self, way: str, now: float, most: int) -> list[Waiting]:
        """What a way is to send now, oldest first."""
        with self._usable():
            rows = self._file.execute(
                "SELECT id, document, tries FROM alert WHERE way = ? AND sent IS NULL AND next <= ?"
                " ORDER BY made, id LIMIT ?",
                (way, now, most),
            ).fetchall()
        return [Waiting(id=row[0], way=way, document=json.loads(row[1]), tries=row[2]) for row in rows]

    def trying(self, now_tried: Iterable[Waiting], now: float) -> None:
        """They are to be sent now; each that is not out then is tried again later, and later still."""
        with self._usable(), self._step():
            for each in now_tried:
                wait_s = min(_FIRST_S * 2 ** min(each.tries, 20), _LONGEST_S)
                self._file.execute(
                    "UPDATE alert SET tries = tries + 1, next = ? WHERE id = ? AND way = ?",
                    (now + wait_s, each.id, each.way),
                )

    def sent(self, done: Iterable[Waiting], now: float) -> None:
        """They are out."""
        with self._usable(), self._step():
            for each in done:
                self._file.execute(
                    "UPDATE alert SET sent = ?, error = '' WHERE id = ? AND way = ?", (now, each.id, each.way)
                )

    def failed(self, tried: Iterable[Waiting], error: str) -> None:
        """They are not out, and why."""
        with self._usable(), self._step():
            for each in tried:
                self._file.execute(
                    "UPDATE alert SET error = ? WHERE id = ? AND way = ?", (error[:500], each.id, each.way)
                )

    def everything(self, most: int) -> list[dict[str, Any]]:
        """The newest, for people: each with its way, whom that reaches, when it was sent, what went wrong last."""
        with self._usable():
            rows = self._file.execute(
                "SELECT document, way, sent, tries, error FROM alert ORDER BY made DESC, id LIMIT ?", (most,)
            ).fetchall()
        return [
            {**json.loads(row[0]), **way_document(row[1]), "sent": row[2], "tries": row[3], "error": row[4] or None}
            for row in rows
        ]

    @contextmanager
    def _step(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            if self._file.in_transaction:  # on a full disk SQLite may have gone back by itself
                self._file.execute("ROLLBACK")
            raise

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error | OSError) -> AdpersistError:
        code = error.errno if isinstance(error, OSError) else primary_code(error)
        passes = code in (PASSES if isinstance(error, OSError) else _PASSES)
        words = getattr(error, "strerror", None) or str(error)
        return (OutboxError if passes else ConfigError)(
            f"the outbox {self._path} cannot be used: {words}",
            hint="[alerts] outbox names a file that this user may write to, on a disk with room.",
        )
