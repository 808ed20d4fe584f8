"""A security descriptor in self-relative form, taken apart. Pure.

[MS-DTYP] 2.4.6 SECURITY_DESCRIPTOR, 2.4.5 ACL, 2.4.4 ACE.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.identity.sid import sid_text

ALLOWED: Final = 0x00
DENIED: Final = 0x01
_ALLOWED_OBJECT: Final = 0x05
_DENIED_OBJECT: Final = 0x06
_KINDS: Final = {ALLOWED: ALLOWED, DENIED: DENIED, _ALLOWED_OBJECT: ALLOWED, _DENIED_OBJECT: DENIED}
_OBJECT_TYPE: Final = 0x1
_INHERITED_TYPE: Final = 0x2

CONTAINER_INHERIT: Final = 0x02
NO_PROPAGATE: Final = 0x04
INHERIT_ONLY: Final = 0x08
INHERITED: Final = 0x10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ace:
    """One entry that allows or denies.

    Attributes:
        kind: ALLOWED or DENIED.
        flags: Whom below it is handed to, and whether it came from above ([MS-DTYP] 2.4.4.1).
        mask: Rights ([MS-ADTS] 5.1.3.2).
        trustee: SID.
        object_type: GUID of the attribute, class, set or right it is limited to; empty: none.
        inherited_type: GUID of the class that it is handed to; empty: all.
    """

    kind: int
    flags: int
    mask: int
    trustee: str
    object_type: str = ""
    inherited_type: str = ""


def owner(descriptor: bytes) -> str | None:
    """SID of the owner; None: it has none. Raises: ValueError."""
    try:
        (offset,) = struct.unpack_from("<I", descriptor, 4)
        return _sid(descriptor[offset:]) if offset else None
    except (struct.error, IndexError) as error:
        raise ValueError("a descriptor is cut off") from error


def entries(descriptor: bytes) -> Iterator[Ace]:
    """What is allowed and denied, in its order; of a kind that nobody knows nothing is told.

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
            if kind in _KINDS:
                yield _entry(descriptor[at : at + size], kind, flags)
            at += size
    except (struct.error, IndexError) as error:
        raise ValueError("a descriptor is cut off") from error


def _entry(entry: bytes, kind: int, flags: int) -> Ace:
    (mask,) = struct.unpack_from("<I", entry, 4)
    at, types = 8, ["", ""]
    if kind in (_ALLOWED_OBJECT, _DENIED_OBJECT):
        (present,) = struct.unpack_from("<I", entry, 8)
        at = 12
        for place, bit in enumerate((_OBJECT_TYPE, _INHERITED_TYPE)):
            if present & bit:
                types[place] = guid_text(Guid(entry[at : at + 16]))
                at += 16
    return Ace(
        kind=_KINDS[kind],
        flags=flags,
        mask=mask,
        trustee=_sid(entry[at:]),
        object_type=types[0],
        inherited_type=types[1],
    )


def _sid(content: bytes) -> str:
    return sid_text(content[: 8 + 4 * content[1]])
