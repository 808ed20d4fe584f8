"""Distinguished names, plain and extended ([RFC4514], [MS-ADTS] 3.1.1.3.4.1.5)."""

import re
import uuid

from adpersist.model.ids import Guid
from adpersist.model.reference import Ref, ref

_EXTENDED = re.compile(
    rb"(?P<prefix>B:\d+:[0-9A-Fa-f]*:|S:\d+:.*?:)?"
    rb"<GUID=(?P<guid>[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})>(?:;|$)",
    re.DOTALL,
)


def reference(value: bytes) -> bytes:
    """An extended DN value as a :class:`Ref`; a value without a GUID comes back as it is."""
    found = _EXTENDED.match(value)
    if found is None:
        return value
    return Ref(ref(_guid(found["guid"]), found["prefix"] or b""))


def split_extended(dn: str) -> tuple[Guid | None, str]:
    """The GUID and the plain DN of ``<GUID=...>;<SID=...>;CN=...``; None for a DN that is not extended."""
    guid = None
    while dn.startswith("<"):
        part, _, dn = dn.partition(">;")
        if part.startswith("<GUID="):
            guid = _guid(part[6:].encode())
    return guid, dn


def first_rdn(dn: str) -> str:
    """The first component with its escapes: ``CN=Smith\\, Bob``."""
    position = 0
    while position < len(dn):
        if dn[position] == "\\":
            position += 2
        elif dn[position] == ",":
            return dn[:position]
        else:
            position += 1
    return dn


def _guid(text: bytes) -> Guid:
    # the 32-digit form (extended DN without the flag) is the wire order, the dashed one is not
    return Guid(bytes.fromhex(text.decode()) if len(text) == 32 else uuid.UUID(text.decode()).bytes_le)
