"""Requests that write ([RFC4511] 4.6 to 4.9), and the answers to them.

ldap3 makes the same bytes in a millisecond or two, which is about as long as a DC takes to do what they say.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from adpersist.directory.wire.ber import BOOLEAN, ENUMERATED, SEQUENCE, SET, integer, octets, tlv
from adpersist.directory.wire.controls import Control
from adpersist.directory.wire.messages import envelop

Modifications = Mapping[str, Sequence[tuple[str, Sequence[bytes]]]]
"""Attribute -> list of (MODIFY_ADD | MODIFY_DELETE | MODIFY_REPLACE, values)."""

MODIFY_ADD: Final = "MODIFY_ADD"
MODIFY_DELETE: Final = "MODIFY_DELETE"
MODIFY_REPLACE: Final = "MODIFY_REPLACE"

ANSWERS: Final = frozenset({0x67, 0x69, 0x6B, 0x6D})
"""ModifyResponse, AddResponse, DelResponse, ModifyDNResponse."""

_MODIFY, _ADD, _DELETE, _MODIFY_DN = 0x66, 0x68, 0x4A, 0x6C
_HOW: Final = {MODIFY_ADD: 0, MODIFY_DELETE: 1, MODIFY_REPLACE: 2}
_NEW_SUPERIOR: Final = 0x80
_TRUE: Final = b"\xff"


def add_request(
    message: int, dn: str, attributes: Mapping[str, Sequence[bytes]], controls: Sequence[Control] = ()
) -> bytes:
    """One LDAPMessage with an AddRequest."""
    entry = tlv(SEQUENCE, *(_attribute(name, values) for name, values in attributes.items()))
    return envelop(message, tlv(_ADD, _text(dn), entry), controls)


def modify_request(message: int, dn: str, changes: Modifications, controls: Sequence[Control] = ()) -> bytes:
    """One LDAPMessage with a ModifyRequest."""
    each = (
        tlv(SEQUENCE, integer(_HOW[how], ENUMERATED), _attribute(name, values))
        for name, pieces in changes.items()
        for how, values in pieces
    )
    return envelop(message, tlv(_MODIFY, _text(dn), tlv(SEQUENCE, *each)), controls)


def rename_request(message: int, dn: str, rdn: str, new_parent: str, controls: Sequence[Control] = ()) -> bytes:
    """One LDAPMessage with a ModifyDNRequest; the old name goes."""
    parts = _text(dn), _text(rdn), tlv(BOOLEAN, _TRUE), tlv(_NEW_SUPERIOR, _raw(new_parent))
    return envelop(message, tlv(_MODIFY_DN, *parts), controls)


def delete_request(message: int, dn: str, controls: Sequence[Control] = ()) -> bytes:
    """One LDAPMessage with a DelRequest."""
    return envelop(message, tlv(_DELETE, _raw(dn)), controls)


def _attribute(name: str, values: Iterable[bytes]) -> bytes:
    return tlv(SEQUENCE, octets(name.encode()), tlv(SET, *map(octets, values)))


def _text(dn: str) -> bytes:
    return octets(_raw(dn))


def _raw(dn: str) -> bytes:
    return dn.encode(errors="surrogateescape")
