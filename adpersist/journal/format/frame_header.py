"""The part of a frame that lies in the clear: 120 bytes at fixed offsets, big-endian (FORMAT.md, "Frame")."""

import struct
from dataclasses import dataclass
from typing import Final

from adpersist.journal.damage import NewerFormatError
from adpersist.model.identity.ids import Seq, Usn
from adpersist.model.journal.commit import CommitKind

MAGIC: Final = b"ADPF"
VERSIONS: Final = (1, 2, 3, 4, 5)
"""Version 2 has the stamps of links, and tells a change's writes apart from what they wrote; version 3 knows files;
version 4 says who wrote; version 5 who looked."""
VERSION: Final = VERSIONS[-1]
_PLAIN: Final = 2
_OF_FILES: Final = 3
_AUDITED: Final = 4
_OF_USE: Final = 5
"""A journal without files, one in which nobody says who wrote, and one that no console writes to are such that an
earlier adpersist reads."""
_OWN: Final = {CommitKind.FILES: _OF_FILES, CommitKind.USE: _OF_USE}
"""Kinds that have a version of their own."""
HEADER_BYTES: Final = 120
ENDS_LOOK: Final = 0x01
COMPLETE: Final = 0x02

_LAYOUT: Final = struct.Struct(">4sBBBx16sIIQqQQI8s12s32s")
_NUMBERS: Final = {
    CommitKind.LOOK: 1,
    CommitKind.PART: 2,
    CommitKind.MARK: 3,
    CommitKind.RESTORE_BEGIN: 4,
    CommitKind.RESTORE_END: 5,
    CommitKind.FILES: 6,
    CommitKind.REPAIR: 7,
    CommitKind.USE: 8,
}
_KINDS: Final = {number: kind for kind, number in _NUMBERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """What anybody who holds the store can read of a commit.

    Attributes:
        kind: What the commit is for.
        ends_look: See :class:`~adpersist.model.journal.commit.Commit`.
        complete: The same.
        journal: Journal id, 16 bytes.
        timeline: From 1.
        part: How many PART frames right before this one belong to it.
        seq: Its number.
        time_us: Unix microseconds.
        usn_from: First USN of the look.
        usn_to: Last USN of the look.
        changes: How many changes are inside.
        key: Id of the data key that seals it, 8 bytes.
        nonce: AES-GCM nonce, 12 bytes.
        previous: Digest of the frame before, or the journal's seed.
        audited: Of a LOOK: its content says who wrote.
    """

    kind: CommitKind
    ends_look: bool
    complete: bool
    journal: bytes
    timeline: int
    part: int
    seq: Seq
    time_us: int
    usn_from: Usn
    usn_to: Usn
    changes: int
    key: bytes
    nonce: bytes
    previous: bytes
    audited: bool


def write_header(header: FrameHeader) -> bytes:
    """The 120 bytes."""
    return _LAYOUT.pack(
        MAGIC,
        _OWN.get(header.kind, _AUDITED if header.audited else _PLAIN),
        _NUMBERS[header.kind],
        ENDS_LOOK * header.ends_look | COMPLETE * header.complete,
        header.journal,
        header.timeline,
        header.part,
        header.seq,
        header.time_us,
        header.usn_from,
        header.usn_to,
        header.changes,
        header.key,
        header.nonce,
        header.previous,
    )


class NewerFrameError(NewerFormatError):
    """A frame of a version that is not known yet; where its key and nonce stand is the same in every version.

    Attributes:
        key, nonce: As in :class:`FrameHeader`.
    """

    def __init__(self, version: int, *, key: bytes, nonce: bytes) -> None:
        super().__init__(f"format version {version}; this adpersist reads versions up to {VERSION}")
        self.key = key
        self.nonce = nonce


def read_header(body: bytes) -> FrameHeader:
    """The reverse of :func:`write_header`; ``body`` may go on.

    Raises:
        NewerFrameError: Of a later format version.
        ValueError: Too short, of another format version, or with values no version knows.
    """
    if len(body) < HEADER_BYTES:
        raise ValueError(f"{len(body)} bytes are no frame")
    (
        magic,
        version,
        kind,
        flags,
        journal,
        timeline,
        part,
        seq,
        time_us,
        first,
        last,
        count,
        key,
        nonce,
        before,
    ) = _LAYOUT.unpack_from(body)
    if magic != MAGIC or body[7]:
        raise ValueError("not a frame of adpersist")
    if version > VERSION:
        raise NewerFrameError(version, key=key, nonce=nonce)
    if version not in VERSIONS:
        raise ValueError(f"there is no format version {version}")
    known = _KINDS.get(kind)
    own = _OWN.get(known) if known is not None else None
    is_misplaced = own != version if own is not None else version in _OWN.values()
    if is_misplaced or (version == _AUDITED and known is not CommitKind.LOOK):
        raise ValueError(f"kind {kind} in a frame of version {version}")
    if kind not in _KINDS or flags & ~(ENDS_LOOK | COMPLETE):
        raise ValueError(f"unknown kind {kind} or flags {flags:#x}")
    return FrameHeader(
        kind=_KINDS[kind],
        ends_look=bool(flags & ENDS_LOOK),
        complete=bool(flags & COMPLETE),
        journal=journal,
        timeline=timeline,
        part=part,
        seq=Seq(seq),
        time_us=time_us,
        usn_from=Usn(first),
        usn_to=Usn(last),
        changes=count,
        key=key,
        nonce=nonce,
        previous=before,
        audited=version == _AUDITED,
    )
