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
_PROTECTED: Final = 0x1000
"""SE_DACL_PROTECTED."""
_TAKES: Final = 0x2004 | _PROTECTED
"""That, SE_SACL_PROTECTED, and SE_DACL_PRESENT: whether it allows everything ([MS-DTYP] 2.4.6)."""
_OWNER, _GROUP, _SACL, _DACL = 4, 8, 12, 16
"""Where their offsets stand."""


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
    return _named(descriptor, _OWNER)


def entries(descriptor: bytes) -> Iterator[Ace]:
    """What is allowed and denied, in its order; of a kind that nobody knows nothing is told.

    Raises:
        ValueError: It is no descriptor.
    """
    for entry in _raw(descriptor, _DACL):
        if entry[0] in _KINDS:
            try:
                yield _entry(entry)
            except (struct.error, IndexError) as error:
                raise ValueError("a descriptor is cut off") from error


def own_rights(descriptor: bytes) -> tuple[str | None, str | None, int, list[bytes]]:
    """What it says by itself, and no container hands down: owner, group, whether it takes such, its own entries.

    Raises:
        ValueError: It is no descriptor.
    """
    own = [entry for entry in _of_both(descriptor) if not entry[1] & INHERITED]
    return owner(descriptor), _named(descriptor, _GROUP), _control(descriptor) & _TAKES, own


def keeps_off(descriptor: bytes) -> bool:
    """It takes no rights that are handed down. Raises: ValueError: It is no descriptor."""
    return bool(_control(descriptor) & _PROTECTED)


def inherited(descriptor: bytes) -> list[bytes]:
    """The entries it has from above, as they lie there. Raises: ValueError: It is no descriptor."""
    return [entry for entry in _of_both(descriptor) if entry[1] & INHERITED]


def handed_on(descriptor: bytes) -> list[bytes]:
    """The entries it hands down, as they lie there. Raises: ValueError: It is no descriptor."""
    return [entry for entry in _of_both(descriptor) if entry[1] & CONTAINER_INHERIT]


def _of_both(descriptor: bytes) -> Iterator[bytes]:
    yield from _raw(descriptor, _SACL)
    yield from _raw(descriptor, _DACL)


def _raw(descriptor: bytes, place: int) -> Iterator[bytes]:
    """The entries of the list whose offset stands at a place. Raises: ValueError."""
    try:
        (offset,) = struct.unpack_from("<I", descriptor, place)
        if not offset:
            return
        (count,) = struct.unpack_from("<H", descriptor, offset + 4)
        at = offset + 8
        for _ in range(count):
            (size,) = struct.unpack_from("<H", descriptor, at + 2)
            if size < 8 or at + size > len(descriptor):
                raise ValueError("an entry of a descriptor is cut off")
            yield descriptor[at : at + size]
            at += size
    except (struct.error, IndexError) as error:
        raise ValueError("a descriptor is cut off") from error


def _entry(entry: bytes) -> Ace:
    kind, flags = entry[:2]
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


def _named(descriptor: bytes, place: int) -> str | None:
    """The SID whose offset stands at a place. Raises: ValueError."""
    try:
        (offset,) = struct.unpack_from("<I", descriptor, place)
        return _sid(descriptor[offset:]) if offset else None
    except (struct.error, IndexError) as error:
        raise ValueError("a descriptor is cut off") from error


def _control(descriptor: bytes) -> int:
    """Its control flags. Raises: ValueError."""
    try:
        return int(struct.unpack_from("<H", descriptor, 2)[0])
    except struct.error as error:
        raise ValueError("a descriptor is cut off") from error
