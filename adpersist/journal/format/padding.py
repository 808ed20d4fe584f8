"""What is sealed, filled up to one of few sizes, so that what a store sees of its size says little of it.

The filling is part of the zstd frame itself, and any reader of zstd passes over it: blocks of nothing at its end
([RFC8878] 3.1.1.2), of three bytes each, and for the bytes that three do not divide the field of a dictionary's number
that names none ([RFC8878] 3.1.1.1.3).
"""

from typing import Final

LEAST_BYTES: Final = 256
_DOUBLED_BYTES: Final = 4096
"""Up to here a size is followed by its double, beyond by a sixteenth to a thirty-second more."""

_MAGIC_BYTES: Final = 4
_SINGLE_SEGMENT: Final = 0x20
_BLOCK: Final = 3
"""Bytes of a block's header: bit 0 last, bits 1 and 2 its type, the rest its size; little-endian."""
_RLE: Final = 1
_NOTHING: Final = bytes(_BLOCK)
_LAST_NOTHING: Final = b"\x01\x00\x00"


def padded_size(size: int) -> int:
    """The size that one of so many bytes is filled up to."""
    if size <= _DOUBLED_BYTES:
        return max(LEAST_BYTES, 1 << (size - 1).bit_length())
    step = 1 << (size - 1).bit_length() - 5
    return -(-size // step) * step


def padded(compressed: bytes, *, most: int) -> bytes:
    """The same content in a frame of :func:`padded_size` bytes.

    Args:
        compressed: A whole zstd frame without checksum and dictionary, as :func:`~.columns.packing.compress` makes it.
        most: It is filled up to so many bytes at the most.
    """
    missing = min(padded_size(len(compressed)), most) - len(compressed)
    if missing <= 0:
        return compressed
    blocks, field = divmod(missing, _BLOCK)
    frame = bytearray(compressed)
    if blocks:
        frame[_last_block(compressed)] &= 0xFE
        frame += _NOTHING * (blocks - 1) + _LAST_NOTHING
    if field:
        descriptor = frame[_MAGIC_BYTES]
        frame[_MAGIC_BYTES] = descriptor | field  # 1 and 2 are also how many bytes the field has
        at = _MAGIC_BYTES + 1 + (0 if descriptor & _SINGLE_SEGMENT else 1)
        frame[at:at] = bytes(field)
    return bytes(frame)


def _last_block(frame: bytes) -> int:
    """Where the header of its last block begins. Raises: ValueError: It has none."""
    descriptor = frame[_MAGIC_BYTES]
    single = bool(descriptor & _SINGLE_SEGMENT)
    stated = (1 if single else 0, 2, 4, 8)[descriptor >> 6]  # bytes that state the content's size
    at = _MAGIC_BYTES + 1 + (0 if single else 1) + stated
    while at + _BLOCK <= len(frame):
        header = int.from_bytes(frame[at : at + _BLOCK], "little")
        if header & 1:
            return at
        at += _BLOCK + (1 if header >> 1 & 3 == _RLE else header >> 3)
    raise ValueError("not a whole zstd frame")
