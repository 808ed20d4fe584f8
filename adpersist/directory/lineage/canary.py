"""The canary: what the directory itself remembers of the journal.

A note of the newest commit lies in the DC's own database and goes back with it. Older than the journal says: the DC was
put back. Newer: the *store* was. A commit of files is announced before it is made, so that a DC put back right after it
is known to have been. The note is a number in an attribute of the DC's machine account that replication does
not carry, so writing it moves no USN, shows up in no feed and reaches no other DC.

Layout of the 63 bits, highest first: commit number (31), mark of the journal (16), mark of the commit (16).
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from adpersist.model.identity.ids import Seq

ATTRIBUTE: Final = "lastLogoff"
"""Not replicated, and no server has ever kept it ([MS-ADA1] 2.350); tools that compare databases leave it out."""

_MARK_BITS: Final = 16
_ANNOUNCED: Final = 0
"""Of 65,536 commits one has this mark itself; of that one less is proven for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One note.

    Attributes:
        journal: Mark of the journal, so that a new journal does not take the note of an old one for its own.
        seq: The newest commit when it was written.
        commit: Mark of that commit.
    """

    journal: int
    seq: Seq
    commit: int

    @classmethod
    def of(cls, seed: bytes, seq: Seq, digest: bytes) -> "Canary":
        """The note for one commit of the journal with that seed."""
        return cls(journal=_mark(seed), seq=seq, commit=_mark(digest))

    @classmethod
    def announcing(cls, seed: bytes, seq: Seq) -> "Canary":
        """The note for a commit that is about to be made: of files, whose loss nothing else in the directory shows."""
        return cls(journal=_mark(seed), seq=seq, commit=_ANNOUNCED)

    @property
    def is_announcement(self) -> bool:
        """The commit may have been made or not, and another one may have got its number."""
        return self.commit == _ANNOUNCED

    @classmethod
    def read(cls, number: int, seed: bytes) -> "Canary | None":
        """The note in a number the directory holds; None when it is not one on the journal with that seed."""
        low = (1 << _MARK_BITS) - 1
        found = cls(journal=number >> _MARK_BITS & low, seq=Seq(number >> 2 * _MARK_BITS), commit=number & low)
        return found if number > 0 and found.journal == _mark(seed) else None

    @property
    def number(self) -> int:
        """The note as the directory holds it."""
        return (self.seq << _MARK_BITS | self.journal) << _MARK_BITS | self.commit


def _mark(value: bytes) -> int:
    return int.from_bytes(hashlib.sha256(value).digest()[: _MARK_BITS // 8], "big")
