"""Bytes of the log -> the writes they tell of, however they are cut; what is of another kind is passed over."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from adpersist.model.identity.sid import sid_from_text, sid_text
from adpersist.model.objects.audit import AuditLine

_BROKEN: Final = b" +>"
"""Samba breaks a line of 4,095 bytes with this, and goes on behind two blanks."""
_LONGEST: Final = 4 * 1024 * 1024
_LONGEST_TEXT: Final = 8 * 1024
"""Of a DN, an account, an address: more is nobody's."""
_MOST_SESSIONS: Final = 10_000
_NOBODY: Final = ("", "")
SOCKET: Final = "a socket of this machine"
"""By which somebody came whose service the log does not name."""

Sessions = dict[str, tuple[str, str]]
"""DOMAIN\\account and service of whoever signed in, by the session's id, oldest first."""


class Rows:
    """One file, read piece by piece.

    Args:
        sessions: Who signed in, where `auth_json_audit` is logged too; shared by the files of one log.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._rest = b""
        self._begun = b""

    def feed(self, content: bytes) -> Iterator[AuditLine]:
        """The writes that are whole with these bytes."""
        *rows, self._rest = (self._rest + content).split(b"\n")
        if len(self._rest) > _LONGEST:
            self._rest = b""
        for row in rows:
            part = self._begun + (row[2:] if self._begun and row.startswith(b"  ") else row.strip())
            if part.endswith(_BROKEN) and len(part) < _LONGEST:
                self._begun = part.removesuffix(_BROKEN)
                continue
            self._begun = b""
            if (found := self._line(part)) is not None:
                yield found

    def _line(self, text: bytes) -> AuditLine | None:
        try:
            said = json.loads(text)
            if "Authorization" in said:
                self._signed_in(said["Authorization"])
                return None
            change = said["dsdbChange"]
            if change["statusCode"] != 0 or len(change["dn"]) > _LONGEST_TEXT:
                return None
            account, service = self._sessions.get(str(change.get("sessionId")), _NOBODY)
            here = str(change["remoteAddress"]).startswith("unix:")
            return AuditLine(
                time=datetime.fromisoformat(said["timestamp"]).timestamp(),
                dn=str(change["dn"]),
                operation=_short(change["operation"]),
                attributes=frozenset(_short(name).casefold() for name in change.get("attributes") or {}),
                sid=sid_text(sid_from_text(change["userSid"])) if change["userSid"] else "",
                account=account,
                address=_address(_short(change["remoteAddress"] or "")),
                service=service or (SOCKET if here and change["userSid"] else ""),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            return None

    def _signed_in(self, said: dict[str, Any]) -> None:
        account = f"{_short(said['domain'])}\\{_short(said['account'])}"
        self._sessions[str(said["sessionId"])] = account, f"{_short(said['serviceDescription'])}, {said['authType']}"
        if len(self._sessions) > _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]


def _short(text: object) -> str:
    return str(text)[:256]


def _address(text: str) -> str:
    """``10.0.0.7`` of ``ipv4:10.0.0.7:51129``; nothing of ``unix:``."""
    family, _, rest = text.partition(":")
    return rest.rpartition(":")[0] if family in ("ipv4", "ipv6") else ""
