"""The Basic Encoding Rules, as far as LDAP uses them ([X.690] 8.1, [RFC4511] 5.1): definite lengths, one-byte tags."""

from typing import Final

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
ENUMERATED: Final = 0x0A
SEQUENCE: Final = 0x30
SET: Final = 0x31

_LONG: Final = 0x80
_MAX_LENGTH_OCTETS: Final = 4


class BerError(ValueError):
    """The bytes are not BER as LDAP uses it, or not what belongs in this place."""


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element around its content."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A two's complement number in as few bytes as it needs."""
    bits = value.bit_length() if value >= 0 else (value + 1).bit_length()
    return tlv(tag, value.to_bytes(bits // 8 + 1, "big", signed=True))


def octets(value: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(OCTET_STRING, value)


def header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Tag, first and last-but-one-past byte of the content of the element at ``at``; None: its header is not all here.

    Raises:
        BerError: Its length is indefinite, or longer than four bytes say.
    """
    if at + 2 > len(data):
        return None
    size = data[at + 1]
    start = at + 2
    if size & _LONG:
        count = size & ~_LONG
        if not 0 < count <= _MAX_LENGTH_OCTETS:
            raise BerError(f"a length in {count} bytes")
        if start + count > len(data):
            return None
        size = int.from_bytes(data[start : start + count], "big")
        start += count
    return data[at], start, start + size


def element(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """First byte of the content of the element at ``at``, and the byte after it; it lies wholly before ``end``.

    Raises:
        BerError: It does not, or has another tag.
    """
    found = header(data, at)
    if found is None or found[0] != tag or found[2] > end:
        raise BerError(f"no element of tag {tag:#04x} at byte {at}")
    return found[1], found[2]


def number(data: bytes, at: int, end: int, tag: int = INTEGER) -> tuple[int, int]:
    """The number at ``at``, and the byte after it. Raises: BerError."""
    start, after = element(data, at, end, tag)
    return int.from_bytes(data[start:after], "big", signed=True), after


def string(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """The OCTET STRING at ``at``, and the byte after it. Raises: BerError."""
    start, after = element(data, at, end, OCTET_STRING)
    return data[start:after], after
