"""Who may do what, out of a security descriptor in self-relative form. Pure.

[MS-DTYP] 2.4.6 SECURITY_DESCRIPTOR, 2.4.5 ACL, 2.4.4 ACE; rights [MS-ADTS] 5.1.3.2.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.identity.sid import sid_text

_ALLOWED: Final = 0x00
_ALLOWED_OBJECT: Final = 0x05
_OBJECT_TYPE: Final = 0x1
_INHERITED_TYPE: Final = 0x2
_INHERIT_ONLY: Final = 0x08

CONTROL_ACCESS: Final = 0x100
"""ADS_RIGHT_DS_CONTROL_ACCESS."""
GENERIC_ALL: Final = 0x1000_0000
REPLICATION: Final = {
    "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2": "Get-Changes",
    "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2": "Get-Changes-All",
    "89e95b76-444d-4c62-991a-0facbeda640c": "Get-Changes-In-Filtered-Set",
}
"""Rights to read everything by replication, passwords included ([MS-ADTS] 5.1.3.2.1)."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry that allows.

    Attributes:
        trustee: SID.
        mask: Rights.
        object_type: GUID of what it is limited to; empty: nothing.
    """

    trustee: str
    mask: int
    object_type: str


def allowed(descriptor: bytes) -> Iterator[Allowed]:
    """What the object itself allows whom, inherited entries too.

    Raises:
        ValueError: It is no descriptor.
    """
    try:
        (offset,) = struct.unpack_from("<I", descriptor, 16)
        if not offset:
            return
        (count,) = struct.unpack_from("<H", descriptor, offset + 4)
        at = offset + 8
        for _ in range(count):
            kind, flags, size = struct.unpack_from("<BBH", descriptor, at)
            if size < 8 or at + size > len(descriptor):
                raise ValueError("an entry of a descriptor is cut off")
            if kind in (_ALLOWED, _ALLOWED_OBJECT) and not flags & _INHERIT_ONLY:
                yield _entry(descriptor[at : at + size], is_object=kind == _ALLOWED_OBJECT)
            at += size
    except struct.error as error:
        raise ValueError("a descriptor is cut off") from error


def _entry(entry: bytes, *, is_object: bool) -> Allowed:
    (mask,) = struct.unpack_from("<I", entry, 4)
    at, object_type = 8, ""
    if is_object:
        (present,) = struct.unpack_from("<I", entry, 8)
        at = 12
        if present & _OBJECT_TYPE:
            object_type = guid_text(Guid(entry[at : at + 16]))
            at += 16
        if present & _INHERITED_TYPE:
            at += 16
    end = at + 8 + 4 * entry[at + 1] if len(entry) > at + 1 else 0
    return Allowed(sid_text(entry[at:end]), mask, object_type)


def replicators(descriptor: bytes) -> frozenset[tuple[str, str]]:
    """Who may read everything by replication, and by which right. Raises: ValueError."""
    found = set()
    for each in allowed(descriptor):
        if each.mask & GENERIC_ALL or (each.mask & CONTROL_ACCESS and not each.object_type):
            found.add((each.trustee, "all extended rights"))
        elif each.mask & CONTROL_ACCESS and each.object_type in REPLICATION:
            found.add((each.trustee, REPLICATION[each.object_type]))
    return frozenset(found)
