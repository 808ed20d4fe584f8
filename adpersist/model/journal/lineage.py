"""The verdict on the DC in front of us."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.objects.stamps import Stamps


class Verdict(StrEnum):
    """Whether the DC is the one the journal's head was taken from; only ``same`` captures."""

    SAME = "same"
    REVERTED = "reverted"
    REPLACED = "replaced"
    STORE_BEHIND = "store-behind"
    ANOTHER_JOURNAL = "another-journal"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found.

    Attributes:
        usn: highestCommittedUSN.
        invocation: invocationID of the database.
        remembered: The number the canary lies in; 0 for none.
        last_given_rid: rIDNextRID; 0 when unknown.
        stamps: Replication stamps of the objects that were asked about, as far as they are there; of changed ones,
            those of what was written after the last look.
    """

    usn: Usn
    invocation: Guid
    remembered: int
    last_given_rid: int
    stamps: Mapping[Guid, Stamps]
