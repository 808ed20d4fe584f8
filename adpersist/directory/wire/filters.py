"""Search filters as the bytes a request carries ([RFC4511] 4.5.1.7): the kinds that are asked for here."""

from typing import Final, NewType

from adpersist.directory.wire.ber import octets, tlv

Filter = NewType("Filter", bytes)
"""One whole filter, in BER."""

_AND: Final = 0xA0
_OR: Final = 0xA1
_NOT: Final = 0xA2
_EQUALITY_MATCH: Final = 0xA3
_GREATER_OR_EQUAL: Final = 0xA5
_LESS_OR_EQUAL: Final = 0xA6
_PRESENT: Final = 0x87


def present(name: str) -> Filter:
    """The attribute has a value."""
    return Filter(tlv(_PRESENT, name.encode()))


def equals(name: str, value: bytes) -> Filter:
    """A value of the attribute is this one, as the server compares them."""
    return _compared(_EQUALITY_MATCH, name, value)


def at_least(name: str, value: int) -> Filter:
    """The attribute is a number not below this one."""
    return _compared(_GREATER_OR_EQUAL, name, b"%d" % value)


def at_most(name: str, value: int) -> Filter:
    """The attribute is a number not above this one."""
    return _compared(_LESS_OR_EQUAL, name, b"%d" % value)


def and_(*parts: Filter) -> Filter:
    """All of them match."""
    return Filter(tlv(_AND, *parts))


def or_(*parts: Filter) -> Filter:
    """One of them matches."""
    return Filter(tlv(_OR, *parts))


def not_(part: Filter) -> Filter:
    """It does not match, or has nothing to compare with."""
    return Filter(tlv(_NOT, part))


ANY: Final = present("objectClass")
"""Every object."""


def _compared(kind: int, name: str, value: bytes) -> Filter:
    return Filter(tlv(kind, octets(name.encode()), octets(value)))
