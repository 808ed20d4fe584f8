"""References from one object to another, held by the target's identity instead of its name.

A name changes when its target, or anything above it, is renamed; the GUID never does. A reference is kept as the bytes
the directory itself accepts in place of a DN ([MS-ADTS] 3.1.1.3.1.2.4): ``<GUID=...>``, and for DN-with-binary or
DN-with-string values ([MS-ADTS] 3.1.1.2.2.2.3) ``B:32:...:<GUID=...>``.
"""

import re
from collections.abc import Mapping
from typing import Final, NewType

from adpersist.model.ids import Guid, guid_from_text, guid_text

Ref = NewType("Ref", bytes)

_PLAIN_BYTES: Final = len("<GUID=>") + 36
_GUID = re.compile(rb"<GUID=([0-9a-fA-F-]{36})>$")

_PLAIN = re.compile(rb"<GUID=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})>")


def ref(target: Guid, prefix: bytes = b"") -> Ref:
    """A reference to ``target``; ``prefix`` is the part before the DN (``B:32:...:``), empty for a plain one."""
    return Ref(prefix + b"<GUID=" + guid_text(target).encode() + b">")


def plain(value: bytes) -> bytes:
    """A reference without its prefix; what is no reference by GUID comes back as something that is none either."""
    return value[-_PLAIN_BYTES:]


def redirected(value: bytes, guids: Mapping[Guid, Guid]) -> bytes:
    """The value with another target, where ``guids`` names one for it."""
    found = _GUID.search(value)
    if found is None or (new := guids.get(guid_from_text(found[1].decode()))) is None:
        return value
    return ref(new, value[: found.start()])


def target_of(value: bytes) -> Guid | None:
    """Whom the value refers to; None when it is no reference by GUID (a DN the directory could not resolve)."""
    found = _GUID.search(value)
    return guid_from_text(found[1].decode()) if found else None


def plain_target(value: bytes) -> Guid | None:
    """Whom a plain reference refers to, so that :func:`ref` makes the same bytes again; None for every other value."""
    found = _PLAIN.fullmatch(value)
    return guid_from_text(found[1].decode()) if found else None
