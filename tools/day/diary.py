"""What the day leaves behind that somebody outside can ask about."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """A password, and why it must be taken or refused.

    Attributes:
        user: sAMAccountName.
        password: In the clear.
        why: A few words for a table.
    """

    user: str
    password: str
    why: str


@dataclass(slots=True)
class Diary:
    """What must hold at the end of the day, and again after a restore.

    Attributes:
        logins: Taken, with AES keys too; the machine's among them.
        refused: Not taken any more.
        gone: sAMAccountNames of those who were deleted.
        service: A service principal that exists since today, as service and host.
    """

    logins: list[Login] = field(default_factory=list)
    refused: list[Login] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    service: tuple[str, str] = ("", "")
