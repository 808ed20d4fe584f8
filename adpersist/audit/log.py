"""Writes, asked for by object, attribute and second.

A person is named where a line of the log, on the same object and attribute and in the same second, says so; never
because nobody else is likely.
"""

import os
import re
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from adpersist.audit.rows import Rows, Sessions
from adpersist.errors import ConfigError
from adpersist.model.identity.dn import comparable
from adpersist.model.objects.audit import AuditLine, as_asked_for

_MOST_BYTES: Final = 64 * 1024 * 1024
"""Of each file, the newest: Samba begins another one at `max log size`, 5 MB if nothing is said."""
_AUDIT_LEVEL: Final = 5
"""From which on Samba logs writes that went well, too."""
_SLACK_S: Final = 0.2
"""A write is stamped when it begins, in whole seconds, and logged when it ends."""


def audit_log_of(log_level: str) -> Path | None:
    """The file of its own that ``log level`` of smb.conf sends the audit log to; None: there is none.

    Args:
        log_level: As Samba understands it, smb.conf(5): ``1 dsdb_json_audit:5@/var/log/samba/dsdb-audit.json``.
    """
    found = re.search(r"(?:^|\s)dsdb_json_audit:(\d+)@(/\S+)", log_level)
    return Path(found[2]) if found and int(found[1]) >= _AUDIT_LEVEL else None


class AuditLog:
    """What a log holds, and its predecessor that was rotated away; or what of many was sealed in a journal.

    Attributes:
        begins: Unix seconds of its first line; None: it has none.
    """

    def __init__(self, lines: Iterable[AuditLine] = ()) -> None:
        self._of: dict[tuple[str, ...], list[AuditLine]] = {}
        self.begins: float | None = None
        self.add(lines)

    @classmethod
    def read(cls, path: Path) -> "AuditLog":
        """Read a log, and what it was called before (`.old`), if that is there.

        Raises:
            ConfigError: It cannot be read.
        """
        older = predecessor(path)
        paths = (older, path) if os.path.exists(older) else (path,)  # noqa: PTH110 - of a folder nobody may look into, no
        sessions: Sessions = {}
        return cls(line for each in paths for line in Rows(sessions).feed(_tail(each) + b"\n"))

    def add(self, lines: Iterable[AuditLine]) -> None:
        """Take in more, in any order."""
        for line in lines:
            insort(self._of.setdefault(comparable(line.dn), []), line, key=_time)
            self.begins = line.time if self.begins is None else min(self.begins, line.time)

    def writes(
        self,
        dns: Collection[str],
        attributes: Collection[str],
        operations: Collection[str],
        *,
        second: int,
        through: float | None = None,
    ) -> list[AuditLine]:
        """Writes on an object, by any of its names, of any of these attributes or kinds, oldest first.

        Args:
            second: Unix seconds that a write was stamped with: those of this second; and of those that ended right
                after it all that a look showed which knew no newer stamp, else the first, if there is no other.
            through: Of the newest line when that look was captured, Unix seconds; None: not known.
        """
        self._reach(second)
        wanted = as_asked_for(attributes)
        found = sorted(
            (
                line
                for dn in {comparable(each) for each in dns if each}
                for line in self._between(dn, second, second + 1 + _SLACK_S)
                if line.operation in operations or line.attributes & wanted
            ),
            key=_time,
        )
        return [line for line in found if line.time < second + 1 or line.time <= (through or 0)] or found[:1]

    def lines(self) -> Iterator[AuditLine]:
        """All of them, in no order."""
        return (line for lines in self._of.values() for line in lines)

    def _reach(self, second: int) -> None:
        """Have the lines of a second, and of the next one, at hand: here are all."""

    def _between(self, dn: tuple[str, ...], since: float, until: float) -> Iterator[AuditLine]:
        lines = self._of.get(dn, [])
        for line in lines[bisect_left(lines, since, key=_time) :]:
            if line.time >= until:
                return
            yield line


class KeptLog:
    """A log that grows: read again when it has.

    Args:
        path: Where it is; None: nowhere.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, ...] = ()
        self._log: AuditLog | None = None

    def now(self) -> AuditLog | None:
        """As it is. Raises: ConfigError."""
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except OSError as error:
            raise _unreadable(self._path, error) from error
        seen = status.st_ino, status.st_size, status.st_mtime_ns
        if self._log is None or seen != self._seen:
            self._log, self._seen = AuditLog.read(self._path), seen
        return self._log


def predecessor(path: Path) -> Path:
    """What Samba calls the file it went on from."""
    return Path(f"{path}.old")


def _time(line: AuditLine) -> float:
    return line.time


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _MOST_BYTES))
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"[capture] audit_log {path} cannot be read: {error.strerror}",
        hint='smb.conf: log level = 1 dsdb_json_audit:5@FILE; docs/console.md, "Who".',
    )
