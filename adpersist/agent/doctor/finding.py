"""What the doctor says of one thing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from adpersist.errors import AdpersistError


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    """To be known; nothing needs to be done."""

    WARNING = "warning"
    """It works, and will hurt on the day it is needed."""

    BAD = "bad"
    """It does not work."""


ORDER: Final = (Grade.OK, Grade.NOTE, Grade.WARNING, Grade.BAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        about: What, in a word or two.
        grade: How bad it is.
        says: What was found, as a sentence.
        mend: The command, or the words, that mend it; empty where nothing is to be mended.
    """

    about: str
    grade: Grade
    says: str
    mend: str = ""


def ok(about: str, says: str) -> Finding:
    """All is well."""
    return Finding(about=about, grade=Grade.OK, says=says)


def note(about: str, says: str, mend: str = "") -> Finding:
    """Something to know."""
    return Finding(about=about, grade=Grade.NOTE, says=says, mend=mend)


def warning(about: str, says: str, mend: str) -> Finding:
    """Something that will hurt."""
    return Finding(about=about, grade=Grade.WARNING, says=says, mend=mend)


def bad(about: str, says: str, mend: str) -> Finding:
    """Something that does not work."""
    return Finding(about=about, grade=Grade.BAD, says=says, mend=mend)


def failed(about: str, error: AdpersistError) -> Finding:
    """Something that could not even be looked at."""
    return Finding(about=about, grade=Grade.BAD, says=error.message, mend=error.hint)
