"""Frames: a header in the clear, the content under AES-256-GCM, a checksum that tells accident from intent.

``header (120) | ciphertext and tag | CRC-32 of everything before (4)``; the header is the associated data.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final
from zlib import crc32

from cryptography.exceptions import InvalidTag

from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.format.columns.packing import decompress
from adpersist.journal.format.frame_header import HEADER_BYTES, FrameHeader, NewerFrameError, read_header, write_header
from adpersist.journal.format.padding import padded
from adpersist.journal.keys.key_encryption import Randomness
from adpersist.journal.keys.keyring import DataKey, Keyring
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import MAX_FRAME_BYTES

TAG_BYTES: Final = 16
CHECKSUM_BYTES: Final = 4
OVERHEAD_BYTES: Final = HEADER_BYTES + TAG_BYTES + CHECKSUM_BYTES


@dataclass(frozen=True, slots=True)
class Opened:
    """A frame whose seal held.

    Attributes:
        header: Its header, authenticated.
        content: What was sealed, unpacked to at most MAX_CONTENT_BYTES.
        digest: SHA-256 over the whole frame.
        size: Bytes of the whole frame.
    """

    header: FrameHeader
    content: bytes
    digest: bytes
    size: int


def digest_of(body: bytes) -> bytes:
    """SHA-256 over a whole frame: what the next one names as its predecessor."""
    return sha256(body).digest()


def checksum(body: bytes, before: int = 0) -> bytes:
    """CRC-32 as it ends a frame or a head.

    Args:
        before: The CRC-32 of what comes before the body.
    """
    return crc32(body, before).to_bytes(CHECKSUM_BYTES, "big")


def seal_frame(header: FrameHeader, compressed: bytes, key: DataKey, randomness: Randomness) -> bytes:
    """The frame around a content compressed already; ``header.key`` and ``header.nonce`` are filled in here."""
    compressed = padded(compressed, most=MAX_FRAME_BYTES - OVERHEAD_BYTES)
    blank = replace(header, key=key.id)
    nonce = key.nonce(write_header(blank), compressed, randomness)
    associated = write_header(replace(blank, nonce=nonce))
    sealed = key.frames.encrypt(nonce, compressed, associated)
    return b"".join((associated, sealed, checksum(sealed, crc32(associated))))


def open_frame(body: bytes, seq: Seq, keyring: Keyring) -> Opened:
    """Check the checksum and the seal, and unpack.

    Raises:
        DamagedError: CORRUPT when the checksum is wrong, FORGED when it is right and the rest is not; NEWER when all
            of it is right, in a format of a later version.
    """
    if len(body) < OVERHEAD_BYTES or checksum(body[:-CHECKSUM_BYTES]) != body[-CHECKSUM_BYTES:]:
        raise DamagedError("its checksum is wrong", seq=seq, damage=Damage.CORRUPT)
    try:
        header = read_header(body)
    except NewerFrameError as error:
        damage = Damage.NEWER if _is_sealed(body, error, keyring) else Damage.FORGED
        raise DamagedError(str(error), seq=seq, damage=damage) from error
    except ValueError as error:
        raise DamagedError(str(error), seq=seq, damage=Damage.FORGED) from error
    key = keyring.find(header.key)
    if key is None:
        raise DamagedError(f"sealed with unknown key {header.key.hex()}", seq=seq, damage=Damage.FORGED)
    try:
        compressed = key.frames.decrypt(header.nonce, body[HEADER_BYTES:-CHECKSUM_BYTES], body[:HEADER_BYTES])
        content = decompress(compressed)
    except InvalidTag as error:
        raise DamagedError("its seal does not hold", seq=seq, damage=Damage.FORGED) from error
    except ValueError as error:
        raise DamagedError(str(error), seq=seq, damage=Damage.FORGED) from error
    return Opened(header, content, sha256(body).digest(), len(body))


def _is_sealed(body: bytes, newer: NewerFrameError, keyring: Keyring) -> bool:
    """Whether one of the journal's keys sealed it, whatever it says."""
    key = keyring.find(newer.key)
    if key is None:
        return False
    try:
        key.frames.decrypt(newer.nonce, body[HEADER_BYTES:-CHECKSUM_BYTES], body[:HEADER_BYTES])
    except InvalidTag:
        return False
    return True
