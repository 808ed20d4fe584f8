"""What can go wrong in the harness, as one tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_TAIL_CHARACTERS: Final = 3000


def tail(text: str, characters: int = _TAIL_CHARACTERS) -> str:
    """The last `characters` of `text`, cut at a line where possible; empty text stays empty."""
    text = text.rstrip()
    if len(text) <= characters:
        return text
    cut = text[-characters:]
    return "[...]\n" + cut[cut.find("\n") + 1 :]


class HarnessError(Exception):
    """Base of all errors the harness raises on purpose."""


class PrerequisiteError(HarnessError):
    """This machine cannot run a DC: not root, or packages are missing. The message names what to install."""


class NotGoldenError(HarnessError):
    """The directory exists but holds no finished golden image."""


class StateError(HarnessError):
    """The call does not fit the DC's state: a snapshot of a running DC, a start of a started one."""


class AddressInUseError(HarnessError):
    """Something else answers on the DC's address; the LDAP ports cannot be chosen, the address can."""


class NotStartedError(HarnessError):
    """The DC ended or did not answer in time. The message carries the tail of its log."""


class ProgramError(HarnessError):
    """An external program failed or took too long.

    Attributes:
        command: The command line.
        returncode: Its exit code; None when the time-out ended it.
        output: Standard output, whole.
        stderr: Standard error, whole.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        returncode: int | None,
        output: str,
        stderr: str,
        timeout_s: float,
    ) -> None:
        self.command = tuple(command)
        self.returncode = returncode
        self.output = output
        self.stderr = stderr
        fate = f"did not end within {timeout_s:g} s" if returncode is None else f"ended with exit code {returncode}"
        words = " ".join(command[:3])
        super().__init__(f"`{words} ...` {fate}:\n{tail(stderr) or tail(output) or '(it printed nothing)'}")
