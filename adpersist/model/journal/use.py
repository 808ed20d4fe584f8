"""What people did at the console, sealed in the journal they looked at. Pure."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Did(StrEnum):
    """What somebody did."""

    SIGNED_IN = "signed in"
    SIGNED_OUT = "signed out"
    REFUSED = "was refused"
    """Signing in, or what their role may not."""

    LOOKED = "looked"
    EXPORTED = "exported"
    PLANNED = "planned"
    """How something would be taken back; nothing was written."""

    AGREED = "agreed"
    """To a plan: what was to be taken back, with the number of its steps."""

    ENDED = "ended"
    """What they had agreed to, and how."""


class Deed(BaseModel):
    """Somebody did something, once or several times within a short while.

    Attributes:
        time: Unix seconds, of the first time.
        last: Of the last.
        count: How often.
        who: The name they signed in with and their SID; ``a code`` for who had one of root's; empty where nobody knows.
        role: What they might do; empty: nothing.
        did: What.
        what: A page's path, with an object's GUID at most; of an undo what was to be taken back, and what came of it.
            Of who did more in a minute than is told apart: just that.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")  # a later version may say more

    time: float
    last: float
    count: int = 1
    who: str
    role: str = ""
    did: str
    what: str = ""


class Use(BaseModel):
    """All of one commit, oldest first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    deeds: tuple[Deed, ...] = ()


def deeds(account: str) -> tuple[Deed, ...]:
    """What a USE says.

    Raises:
        ValueError: It is not understood.
    """
    return Use.model_validate_json(account).deeds
