"""The canary: what the directory itself remembers of the journal.

A note of the newest commit lies in the DC's own database and goes back with it. Older than the journal says: the DC was
put back. Newer: the *store* was. The note is kept in an attribute of the DC's machine account that replication does not
carry, so writing it moves no USN, shows up in no feed and reaches no other DC.
"""

import struct
from dataclasses import dataclass
from typing import Final

from adpersist.directory.session import MODIFY_REPLACE, Session
from adpersist.directory.wire.controls import RELAX
from adpersist.model.ids import Seq

ATTRIBUTE: Final = "msDS-Cached-Membership"
"""Not replicated, any bytes, of use on read-only DCs alone ([MS-ADA2] 2.284); a writable DC leaves it empty."""

_NOTE: Final = struct.Struct(">10s32sQ32s")
_MARK: Final = b"adpersist1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One note.

    Attributes:
        seed: The journal's own mark, so that a new journal does not take the note of an old one for its own.
        seq: The newest commit when it was written.
        digest: That commit's.
    """

    seed: bytes
    seq: Seq
    digest: bytes


def read_canary(session: Session, machine_dn: str) -> Canary | None:
    """The note; None when there is none, or something else lies there."""
    values = session.read(machine_dn, attributes=[ATTRIBUTE]).attributes.get(ATTRIBUTE, ())
    if not values or len(values[0]) != _NOTE.size or not values[0].startswith(_MARK):
        return None
    _, seed, seq, digest = _NOTE.unpack(values[0])
    return Canary(seed=seed, seq=Seq(seq), digest=digest)


def write_canary(session: Session, machine_dn: str, canary: Canary) -> None:
    """Leave a note.

    Raises:
        WriteRefusedError: The DC does not take it.
    """
    note = _NOTE.pack(_MARK, canary.seed, canary.seq, canary.digest)
    session.modify(machine_dn, {ATTRIBUTE: [(MODIFY_REPLACE, (note,))]}, (RELAX,))
