"""What a restore says of itself, sealed in the journal beside it: why it began, and what came of it. Pure.

Two JSON documents of bounded size; never a value of an attribute.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # a later version may say more


class Reason(_Part):
    """Why a restore began.

    Attributes:
        verdict: What the DC was found to be.
        evidence: The sentence that says why.
        image: Newest commit whose writes the DC still had; None: nobody knows.
        image_time: Unix seconds up to which the DC and the journal agreed; None where the DC was not put back.
        journal_time: Unix seconds when the journal was written to last before; None where the DC was not put back.
        noticed: Unix seconds when that was found.
        on_conflict, engine: The terms.
        partners: Other DCs it replicates with.
        version: Of adpersist.
    """

    verdict: str
    evidence: str
    image: int | None = None
    image_time: float | None = None
    journal_time: float | None = None
    noticed: float
    on_conflict: str
    engine: str
    partners: int = 0
    version: str = ""


What = Literal["missing", "alive", "unknown", "moved", "changed"]


class LostObject(_Part):
    """An object that was not as the journal has it.

    Attributes:
        what: ``missing``: the DC did not have it; ``alive``: it had been deleted, and lived again; ``unknown``: the
            journal never heard of it; ``moved``; ``changed``.
        object_class: The most special one.
        guid, dn: Which.
        attributes: Names of what differed, links among them.
        password: Its password was another.
    """

    what: What
    object_class: str
    guid: str
    dn: str
    attributes: tuple[str, ...] = ()
    password: bool = False


class Count(_Part):
    """So many of a kind."""

    what: str
    object_class: str = ""
    count: int


class Remark(_Part):
    """One line about one object.

    Attributes:
        kind: Of a conflict: ``local``, ``replicated`` or ``meanwhile``; of a difference: as `verify` calls it.
        attributes: Names; empty: the whole object.
        gives_more: Somebody may do more on the DC than the journal says.
    """

    guid: str
    dn: str
    kind: str = ""
    what: str = ""
    attributes: tuple[str, ...] = ()
    gives_more: bool = False


class Result(_Part):
    """What came of a restore; lists may be cut, counts never are.

    Attributes:
        began, ended: Unix seconds: of this run.
        objects: How many objects the DC was compared in.
        lost: Counts by what and class.
        listed: The objects themselves.
        steps: Steps carried out, by kind.
        rounds: How often was planned.
        conflicts, conflicts_listed: What others wrote on the DC.
        notes, notes_listed: What cannot be as the journal has it.
        left, left_listed: What still differs.
        refused: What the DC would not take, with its own words.
        restart_needed: It must be restarted.
    """

    began: float
    ended: float
    objects: int
    lost: tuple[Count, ...] = ()
    listed: tuple[LostObject, ...] = ()
    steps: tuple[Count, ...] = ()
    rounds: int = 0
    conflicts: int = 0
    conflicts_listed: tuple[Remark, ...] = ()
    notes: int = 0
    notes_listed: tuple[Remark, ...] = ()
    left: int = 0
    left_listed: tuple[Remark, ...] = ()
    refused: tuple[Remark, ...] = ()
    restart_needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Both halves; a restore that never ended has the first alone, and one of before there were any has none."""

    reason: Reason | None = None
    result: Result | None = None
