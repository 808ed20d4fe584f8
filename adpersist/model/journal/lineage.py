"""The verdict on the DC in front of us."""

from dataclasses import dataclass
from enum import StrEnum

from adpersist.model.identity.ids import Seq


class Verdict(StrEnum):
    """Whether the DC is the one the journal's head was taken from; only ``same`` captures."""

    SAME = "same"
    REVERTED = "reverted"
    REPLACED = "replaced"
    STORE_BEHIND = "store-behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """A verdict with its evidence.

    Attributes:
        verdict: What it is.
        evidence: One sentence a person can check.
        about: For ``reverted``: the last commit whose writes the DC still has; None when that cannot be told.
        renamed: The database has another invocationID though it is the same: cookies must be thrown away.
    """

    verdict: Verdict
    evidence: str
    about: Seq | None = None
    renamed: bool = False
