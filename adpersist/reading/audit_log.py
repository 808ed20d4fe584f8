"""Who wrote something, from the JSON audit log that Samba keeps when it is told to (`dsdb_json_audit:5@FILE`).

In: the log, and what replication knows of a change. Out: who, or why nobody is named. Values in the log are dropped as
it is read: it hides passwords, and not every other secret. A person is named where a line of the log, on the same
object and attribute and in the same second, says so; never because nobody else is likely.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from adpersist.errors import ConfigError
from adpersist.model.identity.dn import comparable
from adpersist.model.identity.sid import sid_from_text, sid_text
from adpersist.reading.rfc3339 import rfc3339

_MOST_BYTES: Final = 64 * 1024 * 1024
"""Of each file, the newest: Samba begins another one at `max log size`, 5 MB if nothing is said."""
_BROKEN: Final = " +>"
"""Samba breaks a line of 4,095 bytes with this, and goes on behind two blanks."""
_LONGEST: Final = 4 * 1024 * 1024
_SLACK_S: Final = 0.2
"""A write is stamped when it begins, in whole seconds, and logged when it ends."""
_AUDIT_LEVEL: Final = 5
"""From which on Samba logs writes that went well, too."""
_SYSTEM: Final = "S-1-5-18"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One write, as the log has it.

    Attributes:
        time: Unix seconds.
        sid: Who; empty where the DC itself, or root on its machine, wrote.
        address: Where from, without a port; empty: this machine.
        operation: Add, Modify, Delete or Rename.
        attributes: In lower case.
    """

    time: float
    sid: str
    address: str
    operation: str
    attributes: frozenset[str]


def audit_log_of(log_level: str) -> Path | None:
    """The file of its own that ``log level`` of smb.conf sends the audit log to; None: there is none.

    Args:
        log_level: As Samba understands it, smb.conf(5): ``1 dsdb_json_audit:5@/var/log/samba/dsdb-audit.json``.
    """
    found = re.search(r"(?:^|\s)dsdb_json_audit:(\d+)@(/\S+)", log_level)
    return Path(found[2]) if found and int(found[1]) >= _AUDIT_LEVEL else None


class AuditLog:
    """What a log holds, and its predecessor that was rotated away.

    Attributes:
        begins: Unix seconds of its first line; None: it has none.
    """

    def __init__(self, lines: Iterable[tuple[tuple[str, ...], Line]]) -> None:
        self._of: dict[tuple[str, ...], list[Line]] = {}
        self.begins: float | None = None
        for dn, line in lines:
            self._of.setdefault(dn, []).append(line)
            self.begins = line.time if self.begins is None else min(self.begins, line.time)
        for found in self._of.values():
            found.sort(key=lambda line: line.time)

    @classmethod
    def read(cls, path: Path) -> "AuditLog":
        """Read a log, and what it was called before (`.old`), if that is there.

        Raises:
            ConfigError: It cannot be read.
        """
        older = path.with_name(f"{path.name}.old")
        parts = [_tail(older)] if older.exists() else []
        return cls(line for text in (*parts, _tail(path)) for line in _lines(text))

    def writes(
        self, dns: Collection[str], attributes: Collection[str], operations: Collection[str], *, second: int
    ) -> list[Line]:
        """Writes on an object, by any of its names, of any of these attributes or kinds, oldest first.

        Args:
            second: Unix seconds: those of this second, or else the first one that ended right after it.
        """
        wanted = {name.casefold() for name in attributes}
        found = sorted(
            (
                line
                for dn in {comparable(each) for each in dns if each}
                for line in self._between(dn, second, second + 1 + _SLACK_S)
                if line.operation in operations or line.attributes & wanted
            ),
            key=lambda line: line.time,
        )
        return [line for line in found if line.time < second + 1] or found[:1]

    def _between(self, dn: tuple[str, ...], since: float, until: float) -> Iterator[Line]:
        lines = self._of.get(dn, [])
        for line in lines[bisect_left(lines, since, key=lambda each: each.time) :]:
            if line.time >= until:
                return
            yield line

    def why_nobody(self, since: float) -> str:
        """Why there is no line of a write on this DC."""
        if self.begins is None:
            return "the audit log is empty"
        if since < self.begins:
            return f"the audit log reaches back to {rfc3339(self.begins)} only"
        return "there is no such line in the audit log: it was written on this machine, past the domain controller"


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


def who(lines: Sequence[Line], name_of: Mapping[str, str]) -> dict[str, Any]:
    """The last write's, which made the value what it is; whoever wrote in the same second before is told, too.

    Args:
        lines: At least one.
        name_of: Account names by SID, as of then.
    """
    *earlier, last = (_person(line, name_of) for line in lines)
    others = [each for number, each in enumerate(earlier) if each != last and each not in earlier[:number]]
    return {**last, **({"also": others} if others else {})}


def _person(line: Line, name_of: Mapping[str, str]) -> dict[str, Any]:
    sid = line.sid or _SYSTEM
    return {
        "sid": sid,
        "name": "SYSTEM" if sid == _SYSTEM else name_of.get(sid),
        "address": line.address or None,
        "how": "over the network" if line.address else "on this machine",
    }


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _MOST_BYTES))
            return file.read(_MOST_BYTES).decode(errors="replace")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"[capture] audit_log {path} cannot be read: {error.strerror}",
        hint='smb.conf: log level = 1 dsdb_json_audit:5@FILE; docs/console.md, "Who".',
    )


def _lines(text: str) -> Iterator[tuple[tuple[str, ...], Line]]:
    """The writes that were carried out; what is cut off, or of another kind, is passed over."""
    begun = ""
    for row in text.splitlines():
        part = begun + (row[2:] if begun and row.startswith("  ") else row.strip())
        if part.endswith(_BROKEN) and len(part) < _LONGEST:
            begun = part.removesuffix(_BROKEN)
            continue
        begun = ""
        if (found := _line(part)) is not None:
            yield found


def _line(text: str) -> tuple[tuple[str, ...], Line] | None:
    try:
        said = json.loads(text)
        change = said["dsdbChange"]
        if change["statusCode"] != 0:
            return None
        return comparable(str(change["dn"])), Line(
            time=datetime.fromisoformat(said["timestamp"]).timestamp(),
            sid=sid_text(sid_from_text(change["userSid"])) if change["userSid"] else "",
            address=_address(str(change["remoteAddress"] or "")),
            operation=str(change["operation"]),
            attributes=frozenset(str(name).casefold() for name in change.get("attributes") or {}),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _address(text: str) -> str:
    """``10.0.0.7`` of ``ipv4:10.0.0.7:51129``; nothing of ``unix:``."""
    family, _, rest = text.partition(":")
    return rest.rpartition(":")[0] if family in ("ipv4", "ipv6") else ""
