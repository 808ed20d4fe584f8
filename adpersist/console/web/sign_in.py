"""Who may look: whoever has a code that root was given. A code works once and not for long; so does a session."""

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from adpersist.system import durable_file

FIRST_CODE_S: Final = 600.0
"""How long the code is good that is printed when the console begins to listen."""
CODE_S: Final = 60.0
"""How long one is good that ``console --login`` gives."""
IDLE_S: Final = 15 * 60.0
LONGEST_S: Final = 8 * 3600.0
_MOST: Final = 100
"""Sessions at once."""
_CODE_FILE_BYTES: Final = 1024

Clock = Callable[[], float]


def new_code() -> str:
    """One that nobody guesses."""
    return secrets.token_urlsafe(24)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that signed in.

    Attributes:
        began, seen: By the clock.
        token: Stands in every form of its pages.
    """

    began: float
    seen: float
    token: str


def leave_code(place: Path, now: float) -> str:
    """Give out a code by a file that the running console takes away when it is used; only its digest is in it.

    Args:
        place: The file, in a directory that only this user writes to.
        now: Unix seconds.

    Raises:
        OSError: It cannot be written.
    """
    code = new_code()
    with durable_file.replaced(place) as file:
        file.write(json.dumps({"code": _digest(code), "until": now + CODE_S}).encode())
    return code


class SignIn:
    """Codes and sessions of one console; not for several threads.

    Args:
        place: Where ``console --login`` leaves codes.
        clock: Unix seconds.
    """

    def __init__(self, place: Path, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._codes: dict[str, float] = {}
        self._sessions: dict[str, Session] = {}

    def issue(self, good_for_s: float = FIRST_CODE_S) -> str:
        """A fresh code."""
        code = new_code()
        self._codes[_digest(code)] = self._clock() + good_for_s
        return code

    def enter(self, code: str) -> str | None:
        """Use a code up; the secret of a new session, or None where the code is none."""
        now, given = self._clock(), _digest(code)
        good = False
        for digest, until in list(self._codes.items()):
            if hmac.compare_digest(digest, given):
                del self._codes[digest]
                good = now < until
            elif now >= until:
                del self._codes[digest]
        if not (good or self._was_left(given, now)):
            return None
        self._forget(now)
        if len(self._sessions) >= _MOST:
            del self._sessions[min(self._sessions, key=lambda each: self._sessions[each].seen)]
        secret = secrets.token_urlsafe(32)
        self._sessions[_digest(secret)] = Session(began=now, seen=now, token=secrets.token_urlsafe(24))
        return secret

    def session(self, secret: str | None) -> Session | None:
        """The session of a browser, which is in use again; None where it has none any more."""
        now = self._clock()
        self._forget(now)
        found = self._sessions.get(_digest(secret)) if secret else None
        if secret and found is not None:
            found = self._sessions[_digest(secret)] = replace(found, seen=now)
        return found

    def leave(self, secret: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(secret), None)

    def _forget(self, now: float) -> None:
        for name, each in list(self._sessions.items()):
            if now - each.seen > IDLE_S or now - each.began > LONGEST_S:
                del self._sessions[name]

    def _was_left(self, given: str, now: float) -> bool:
        """The code is the one in the file, which is nobody's but ours."""
        try:
            file = os.open(self._place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False  # there is none, the rule
        try:
            status = os.fstat(file)
            content = os.read(file, _CODE_FILE_BYTES)
        finally:
            os.close(file)
        if status.st_uid not in (0, os.geteuid()) or stat.S_IMODE(status.st_mode) & 0o077:
            return False
        try:
            left = json.loads(content)
            code, until = str(left["code"]), float(left["until"])
        except (ValueError, KeyError, TypeError):
            return False
        if not hmac.compare_digest(code.encode(), given.encode()):
            return False
        self._place.unlink(missing_ok=True)
        return now < until
