"""LDAP messages this project sends and reads itself: searches and their answers ([RFC4511] 4.1.1, 4.5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from adpersist.directory.wire.ber import (
    BOOLEAN,
    ENUMERATED,
    OCTET_STRING,
    SEQUENCE,
    SET,
    BerError,
    element,
    integer,
    number,
    octets,
    string,
    tlv,
)
from adpersist.directory.wire.controls import Control
from adpersist.directory.wire.filters import Filter
from adpersist.model.objects.change import Values

ENTRY: Final = 0x64
"""SearchResultEntry, [RFC4511] 4.5.2."""
DONE: Final = 0x65
"""SearchResultDone."""
REFERENCE: Final = 0x73
"""SearchResultReference."""

_SEARCH: Final = 0x63
_CONTROLS: Final = 0xA0
_TRUE: Final = b"\xff"
_FALSE: Final = b"\x00"
_NEVER_DEREFERENCE: Final = 0


class SearchScope(IntEnum):
    """How deep a search goes, [RFC4511] 4.5.1.2."""

    BASE = 0
    LEVEL = 1
    SUBTREE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One search result: DN as the server writes it, attributes as raw bytes, and how many bytes they came in."""

    dn: str
    attributes: dict[str, Values]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an operation ended ([RFC4511] 4.1.9).

    Attributes:
        code: 0 is success.
        message: The server's words.
        controls: Values of the controls that came with it, by OID.
    """

    code: int
    message: str
    controls: dict[str, bytes] = field(default_factory=dict)


def search_request(
    message: int,
    base: str,
    scope: SearchScope,
    matching: Filter,
    attributes: Sequence[str],
    controls: Sequence[Control] = (),
) -> bytes:
    """One LDAPMessage with a SearchRequest."""
    request = tlv(
        _SEARCH,
        octets(base.encode(errors="surrogateescape")),
        integer(scope, ENUMERATED),
        integer(_NEVER_DEREFERENCE, ENUMERATED),
        integer(0),  # no limit of entries
        integer(0),  # nor of time
        tlv(BOOLEAN, _FALSE),
        matching,
        tlv(SEQUENCE, *(octets(name.encode()) for name in attributes)),
    )
    return envelop(message, request, controls)


def envelop(message: int, request: bytes, controls: Sequence[Control] = ()) -> bytes:
    """An LDAPMessage around a request."""
    return tlv(SEQUENCE, integer(message), request, _sent(controls))


def _sent(controls: Sequence[Control]) -> bytes:
    if not controls:
        return b""
    return tlv(
        _CONTROLS,
        *(
            tlv(
                SEQUENCE,
                octets(oid.encode()),
                tlv(BOOLEAN, _TRUE) if critical else b"",
                b"" if value is None else octets(value),
            )
            for oid, critical, value in controls
        ),
    )


def envelope(data: bytes, start: int, end: int) -> tuple[int, int, int, int]:
    """Message id, tag of the operation, and where the operation begins and ends; controls may follow it.

    Raises:
        BerError: It is no LDAPMessage.
    """
    message, at = number(data, start, end)
    if at >= end:
        raise BerError("a message without an operation")
    tag = data[at]
    first, after = element(data, at, end, tag)
    return message, tag, first, after


class Entries:
    """Reads SearchResultEntry messages, the one thing a look gets millions of.

    Names of attributes come again and again: each is decoded once.
    """

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}

    def read(self, data: bytes, at: int, end: int) -> Entry:
        """The entry whose content lies from ``at`` to ``end``.

        Written flat, with the header of every element read in place: a call for each would cost more than all the rest.

        Raises:
            BerError: It is no entry.
        """
        try:
            return self._read(data, at, end)
        except (IndexError, UnicodeDecodeError) as error:
            raise BerError(f"an entry cannot be read: {error}") from error

    def _read(self, data: bytes, at: int, end: int) -> Entry:
        names, begin = self._names, at
        raw_dn, at = string(data, at, end)
        at, last = element(data, at, end, SEQUENCE)
        attributes: dict[str, Values] = {}
        while at < last:
            if data[at] != SEQUENCE:
                raise BerError(f"no attribute at byte {at}")
            size = data[at + 1]
            at += 2
            if size > 0x7F:
                at, size = _long(data, at, size)
            attribute_end = at + size
            size = data[at + 1]
            if data[at] != OCTET_STRING or size > 0x7F:
                raise BerError(f"no attribute's name at byte {at}")
            at += 2 + size
            raw_name = data[at - size : at]
            if data[at] != SET:
                raise BerError(f"no set of values at byte {at}")
            size = data[at + 1]
            at += 2
            if size > 0x7F:
                at, size = _long(data, at, size)
            if at + size != attribute_end or attribute_end > last:
                raise BerError(f"values at byte {at} end in the wrong place")
            start, size = at + 2, data[at + 1] if at < attribute_end else -1
            if size > 0x7F:
                start, size = _long(data, start, size)
            if start + size == attribute_end and data[at] == OCTET_STRING:
                values: Values = (data[start:attribute_end],)  # one value, the rule
            else:
                values = tuple(_several(data, at, attribute_end))
            at = attribute_end
            name = names.get(raw_name)
            if name is None:
                name = names[raw_name] = raw_name.decode()
            attributes[name] = values
        if at != end:
            raise BerError(f"an entry ends at byte {at}, not at {end}")
        return Entry(dn=raw_dn.decode(), attributes=attributes, size=end - begin)


def _several(data: bytes, at: int, end: int) -> Iterator[bytes]:
    while at < end:
        value, at = string(data, at, end)
        yield value


def _long(data: bytes, at: int, size: int) -> tuple[int, int]:
    """Where the content begins, and its size, of an element whose length takes more than one byte."""
    count = size & 0x7F
    if not 0 < count <= 4:
        raise BerError(f"a length in {count} bytes")
    return at + count, int.from_bytes(data[at : at + count], "big")


def read_result(data: bytes, at: int, end: int, message_end: int) -> Result:
    """The LDAPResult from ``at`` to ``end``, with the controls behind it.

    Raises:
        BerError: It is none.
    """
    code, at = number(data, at, end, ENUMERATED)
    _, at = string(data, at, end)
    words, _ = string(data, at, end)
    return Result(
        code=code,
        message=" ".join(words.decode(errors="replace").split()),
        controls=dict(_came(data, end, message_end)),
    )


def _came(data: bytes, at: int, end: int) -> Iterator[tuple[str, bytes]]:
    if at >= end:
        return
    at, end = element(data, at, end, _CONTROLS)
    while at < end:
        here, after = element(data, at, end, SEQUENCE)
        oid, here = string(data, here, after)
        if here < after and data[here] == BOOLEAN:
            _, here = element(data, here, after, BOOLEAN)
        value = string(data, here, after)[0] if here < after else b""
        yield oid.decode("ascii", errors="replace"), value
        at = after


def read_dirsync(value: bytes) -> tuple[bool, bytes]:
    """Whether there is more, and the new cookie, from the answer's control ([MS-ADTS] 3.1.1.3.4.1.3).

    Raises:
        BerError: It is no such value.
    """
    at, end = element(value, 0, len(value), SEQUENCE)
    more, at = number(value, at, end)
    _, at = number(value, at, end)
    cookie, _ = string(value, at, end)
    return more != 0, cookie
