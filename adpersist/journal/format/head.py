"""The head's bytes: what must be found without a key in the clear, everything else sealed, all of it authenticated.

``fixed part (88) | wrapped data keys | ciphertext and tag | CRC-32 (4)``; everything before the ciphertext is the
associated data. FORMAT.md, "Head", has the offsets.
"""

import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag

from adpersist.errors import LimitError, UnfinishedCopyError
from adpersist.journal.damage import Damage, DamagedError, damage_of
from adpersist.journal.format.columns.packing import compress, decompress
from adpersist.journal.format.frame import CHECKSUM_BYTES, TAG_BYTES, checksum
from adpersist.journal.format.head_fields import pack_head, unpack_head
from adpersist.journal.format.padding import padded
from adpersist.journal.format.unfinished import begun_copy
from adpersist.journal.keys.key_encryption import KeyEncryption, Randomness
from adpersist.journal.keys.keyring import NONCE_BYTES, Keyring, WrappedKey
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Head
from adpersist.stores.port import MAX_HEAD_BYTES, StoredHead

MAGIC: Final = b"ADPH"
VERSION: Final = 1

_FIXED: Final = struct.Struct(">4sBxH16sIQq32s12s")
_KEY: Final = struct.Struct(">8sQBH")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHead:
    """A head as it stands in the store, opened.

    Attributes:
        stored: As the store gave it.
        head: What it says.
        keyring: The journal's data keys.
        journal: Journal id, 16 bytes.
    """

    stored: StoredHead
    head: Head
    keyring: Keyring
    journal: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearHead:
    """What a head says to whoever has no key. Its checksum is right, and nothing else of it is proven.

    Attributes:
        journal: Journal id, 32 hex digits.
        timeline: Counts restores, from 1.
        seq: Number of the last commit.
        time: Unix seconds, the head's.
        wrappers: Which key-encryption keys the data keys are wrapped with, oldest data key first.
    """

    journal: str
    timeline: int
    seq: Seq
    time: float
    wrappers: tuple[str, ...]


def microseconds(time: float) -> int:
    """Unix seconds as the format counts them."""
    return round(time * 1_000_000)


def seal_head(head: Head, keyring: Keyring, journal: bytes, randomness: Randomness) -> bytes:
    """The head's bytes.

    Raises:
        LimitError: More than a store takes.
    """
    wrapped = b"".join(_write_key(key) for key in keyring.wrapped)
    room = MAX_HEAD_BYTES - _FIXED.size - len(wrapped) - TAG_BYTES - CHECKSUM_BYTES
    content = padded(compress(pack_head(head)), most=room)

    def clear(nonce: bytes) -> bytes:
        count, time_us = len(keyring.wrapped), microseconds(head.time)
        return _FIXED.pack(MAGIC, VERSION, count, journal, head.timeline, head.seq, time_us, head.digest, nonce)

    nonce = keyring.active.nonce(clear(bytes(NONCE_BYTES)) + wrapped, content, randomness)
    associated = clear(nonce) + wrapped
    body = associated + keyring.active.heads.encrypt(nonce, content, associated)
    if len(body) + CHECKSUM_BYTES > MAX_HEAD_BYTES:
        raise LimitError(
            f"the head would have {len(body)} bytes, limit {MAX_HEAD_BYTES}",
            hint="Run `adpersist prune`: it forgets old marks, timelines and checkpoints.",
        )
    return body + checksum(body)


def seq_of(body: bytes) -> Seq:
    """The sequence number a head's bytes say, not proven yet.

    Raises:
        DamagedError: Too short to be one.
    """
    if len(body) < _FIXED.size:
        raise DamagedError("its checksum is wrong", seq=None, damage=Damage.CORRUPT)
    return Seq(_FIXED.unpack_from(body)[5])


def read_clear(body: bytes) -> ClearHead:
    """What stands in the clear.

    Raises:
        DamagedError: It is no head, or a damaged one.
    """
    try:
        version, count, journal, timeline, seq, time_us, _, _ = _fixed_part(body)
        _require_readable(version)
        wrapped, _ = _read_keys(body[:-CHECKSUM_BYTES], count)
    except ValueError as error:
        raise DamagedError(str(error), seq=None, damage=Damage.FORGED) from error
    return ClearHead(
        journal=journal.hex(),
        timeline=timeline,
        seq=Seq(seq),
        time=time_us / 1_000_000,
        wrappers=tuple(key.wrapper for key in wrapped if not key.is_retired),
    )


def open_head(stored: StoredHead, keys: KeyEncryption, known: Keyring | None = None) -> OpenHead:
    """Read, authenticate and decode a head; data keys that ``known`` holds need no unwrapping.

    Raises:
        UnfinishedCopyError: It is no journal yet.
        WrongKeyError: Sealed with another key.
        DamagedError: Damaged or forged; or NEWER, sealed with our key and of a later version, or with more in it than
            this one knows.
    """
    body = stored.body
    if begun_copy(body) is not None:
        raise UnfinishedCopyError(
            "a copy of a journal was begun here and is not whole",
            hint="Run `adpersist copy --to` again where the journal is: it goes on where it stopped.",
        )
    try:
        version, count, journal, timeline, seq, time_us, digest, nonce = _fixed_part(body)
        wrapped, end = _read_keys(body[:-CHECKSUM_BYTES], count)
        keyring = Keyring.unlock(wrapped, keys, journal, known)
        content = keyring.active.heads.decrypt(nonce, body[end:-CHECKSUM_BYTES], body[:end])
        _require_readable(version)
        head = unpack_head(decompress(content), seq=Seq(seq), digest=digest, timeline=timeline, time_us=time_us)
    except InvalidTag as error:
        raise DamagedError("its seal does not hold", seq=None, damage=Damage.FORGED) from error
    except ValueError as error:
        raise DamagedError(str(error), seq=None, damage=damage_of(error)) from error
    if stored.seq != head.seq:
        raise DamagedError(f"the store files it under {stored.seq}", seq=None, damage=Damage.FORGED)
    return OpenHead(stored=stored, head=head, keyring=keyring, journal=journal)


def _fixed_part(body: bytes) -> tuple[int, int, bytes, int, int, int, bytes, bytes]:
    """Version, number of keys, journal, timeline, seq, microseconds, digest, nonce.

    Raises:
        DamagedError: The checksum is wrong.
        ValueError: It is something else than a head, or of a version that never was.
    """
    if len(body) < _FIXED.size or checksum(body[:-CHECKSUM_BYTES]) != body[-CHECKSUM_BYTES:]:
        raise DamagedError("its checksum is wrong", seq=None, damage=Damage.CORRUPT)
    magic, version, *rest = _FIXED.unpack_from(body)
    if magic != MAGIC or body[5]:
        raise ValueError("not a head of adpersist")
    if version < VERSION:
        raise ValueError(f"there is no format version {version}")
    count, journal, timeline, seq, time_us, digest, nonce = rest
    return version, count, journal, timeline, seq, time_us, digest, nonce


def _require_readable(version: int) -> None:
    """Keys and seal stand alike in every version. Raises: DamagedError: A newer adpersist wrote it."""
    if version > VERSION:
        what = f"format version {version}; this adpersist reads version {VERSION}"
        raise DamagedError(what, seq=None, damage=Damage.NEWER)


def require_journal(tip: OpenHead, expected: str | None) -> OpenHead:
    """The head itself, where it is the expected journal's; None: any will do.

    Raises:
        DamagedError: Another journal, sealed with the same key, was put in its place.
    """
    if expected is not None and tip.journal.hex() != expected:
        raise DamagedError(f"it belongs to journal {tip.journal.hex()}", seq=None, damage=Damage.FORGED)
    return tip


def _write_key(key: WrappedKey) -> bytes:
    wrapper = key.wrapper.encode("ascii")
    return _KEY.pack(key.id, key.since, len(wrapper), len(key.wrapped)) + wrapper + key.wrapped


def _read_keys(body: bytes, count: int) -> tuple[list[WrappedKey], int]:
    keys: list[WrappedKey] = []
    at = _FIXED.size
    for _ in range(count):
        if at + _KEY.size > len(body):
            raise ValueError("its keys are cut short")
        name, since, wrapper_bytes, wrapped_bytes = _KEY.unpack_from(body, at)
        middle = at + _KEY.size + wrapper_bytes
        wrapper = body[at + _KEY.size : middle].decode("ascii")
        at = middle + wrapped_bytes
        if at > len(body):
            raise ValueError("its keys are cut short")
        keys.append(WrappedKey(id=name, since=Seq(since), wrapper=wrapper, wrapped=body[middle:at]))
    return keys, at
