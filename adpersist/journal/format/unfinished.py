"""What stands in a head's place while a first copy is made: it opens as no journal, and says whose copy it will be.

``ADPU | version (1) | 0 (3) | journal id (16) | seed (32) | CRC-32 of everything before (4)``, all in the clear.
"""

import struct
from typing import Final

from adpersist.journal.format.frame import CHECKSUM_BYTES, checksum

MAGIC: Final = b"ADPU"
VERSION: Final = 1

_LAYOUT: Final = struct.Struct(">4sB3x16s32s")


def unfinished_head(journal: bytes, seed: bytes) -> bytes:
    """The bytes for a journal, by its id and its seed."""
    body = _LAYOUT.pack(MAGIC, VERSION, journal, seed)
    return body + checksum(body)


def begun_copy(body: bytes) -> tuple[bytes, bytes] | None:
    """Journal id and seed of the copy that was begun; None: it is none, or not readable as one."""
    if len(body) != _LAYOUT.size + CHECKSUM_BYTES or checksum(body[:-CHECKSUM_BYTES]) != body[-CHECKSUM_BYTES:]:
        return None
    magic, version, journal, seed = _LAYOUT.unpack_from(body)
    return (journal, seed) if (magic, version) == (MAGIC, VERSION) else None
