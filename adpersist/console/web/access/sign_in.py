"""Who may look: whoever has a code that root was given, or whom the domain believes and a group names.

A code works once and not for long; so does a session. A name and a password are shown to the DC and forgotten.
"""

import hashlib
import hmac
import json
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from adpersist.errors import AdpersistError, ExitCode, LoginRefusedError
from adpersist.system.files import durable_file

FIRST_CODE_S: Final = 600.0
"""How long the code is good that is printed when the console begins to listen."""
CODE_S: Final = 60.0
"""How long one is good that ``console --login`` gives."""
IDLE_S: Final = 15 * 60.0
LONGEST_S: Final = 8 * 3600.0
_MOST: Final = 100
"""Sessions at once."""
_CODE_FILE_BYTES: Final = 1024

REFUSED_S: Final = 2.0
"""How long a refusal takes at least, whatever the reason: nobody guesses quickly, or learns whose name is one."""
_LONGEST_LOGIN: Final = 1024

ASKED_AGAIN_S: Final = 180.0
"""How long the groups somebody was found in count for looking; for taking back they are asked each time."""

Clock = Callable[[], float]


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    """Look at everything that is no secret."""

    OPERATOR = "operator"
    """And take back, where the console was started to let anybody."""


class TurnError(AdpersistError):
    """One name is tried at a time."""

    exit_code = ExitCode.FENCED
    way_out = "Try again in a few seconds, or use a code: `adpersist console --login`."


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
        name: Who that is; of a code, that it was one.
        role: What they may do.
        sid: Theirs; empty: a code has none.
        asked: When the DC was asked what they may.
    """

    began: float
    seen: float
    token: str
    name: str
    role: Role
    sid: str
    asked: float


class _Believed(Protocol):
    @property
    def sid(self) -> str: ...

    @property
    def groups(self) -> frozenset[str]: ...


class Domain:
    """The domain's own names and passwords.

    Args:
        ask: Asks the DC about a name, a password and groups; raises LoginRefusedError where it does not believe them.
        again: Asks it in which of some groups a SID is by now, without a password.
        suffix: The domain's DNS name, for who says a bare account name.
        viewers, operators: Groups, by account name or SID; empty: nobody.
        pause: Waits for so many seconds.
    """

    def __init__(
        self,
        ask: Callable[[str, str, list[str]], _Believed],
        *,
        again: Callable[[str, list[str]], frozenset[str]],
        suffix: str,
        viewers: str,
        operators: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ask = ask
        self._again = again
        self._suffix = suffix
        self._roles = {Role.OPERATOR: operators.strip(), Role.VIEWER: viewers.strip()}
        self._pause = pause
        self._turn = threading.Lock()

    def role_of(self, name: str, password: str) -> tuple[Role, str] | None:
        """What somebody may do, and their SID; None: nothing, or they are not who they say.

        Raises:
            TurnError: Another one is tried just now.
            DirectoryUnreachableError: The DC cannot be asked.
        """
        if not self._turn.acquire(blocking=False):
            raise TurnError("somebody else is signing in")
        try:
            began = time.monotonic()
            found = self._found(name.strip(), password)
            if found is None:
                self._pause(max(0.0, REFUSED_S - (time.monotonic() - began)))
            return found
        finally:
            self._turn.release()

    def _found(self, name: str, password: str) -> tuple[Role, str] | None:
        if not name or not password or len(name) + len(password) > _LONGEST_LOGIN:
            return None
        full = name if {"@", "\\"} & set(name) else f"{name}@{self._suffix}"
        try:
            person = self._ask(full, password, self._groups())
        except LoginRefusedError:
            return None
        role = self._role(person.groups)
        return None if role is None else (role, person.sid)

    def role_now(self, sid: str) -> Role | None:
        """What somebody who signed in may do by now; None: nothing any more.

        Raises:
            DirectoryError: The DC cannot be asked.
        """
        return self._role(self._again(sid, self._groups()))

    def _groups(self) -> list[str]:
        return [group for group in self._roles.values() if group]

    def _role(self, groups: frozenset[str]) -> Role | None:
        return next((role for role, group in self._roles.items() if group and group in groups), None)


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
        return self.admit("a code", Role.OPERATOR)

    def admit(self, name: str, role: Role, sid: str = "") -> str:
        """Begin a session; its secret."""
        now = self._clock()
        self._forget(now)
        if len(self._sessions) >= _MOST:
            del self._sessions[min(self._sessions, key=lambda each: self._sessions[each].seen)]
        secret = secrets.token_urlsafe(32)
        token = secrets.token_urlsafe(24)
        self._sessions[_digest(secret)] = Session(
            began=now, seen=now, token=token, name=name, role=role, sid=sid, asked=now
        )
        return secret

    def session(self, secret: str | None) -> Session | None:
        """The session of a browser, which is in use again; None where it has none any more."""
        now = self._clock()
        self._forget(now)
        found = self._sessions.get(_digest(secret)) if secret else None
        if secret and found is not None:
            found = self._sessions[_digest(secret)] = replace(found, seen=now)
        return found

    def is_to_be_asked(self, session: Session) -> bool:
        """What the DC said of them is of too long ago; of a code it said nothing."""
        return bool(session.sid) and not 0 <= self._clock() - session.asked < ASKED_AGAIN_S

    def asked(self, secret: str, role: Role) -> Session | None:
        """The DC was asked again what they may; the session as it is by now."""
        name = _digest(secret)
        if name in self._sessions:
            self._sessions[name] = replace(self._sessions[name], role=role, asked=self._clock())
        return self._sessions.get(name)

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
