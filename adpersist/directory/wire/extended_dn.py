"""Distinguished names in the extended form ([MS-ADTS] 3.1.1.3.4.1.5); plain ones: `model.identity.dn`."""

import re
from functools import lru_cache

from adpersist.model.identity.ids import Guid, guid_from_text
from adpersist.model.identity.reference import Ref, ref

_EXTENDED = re.compile(
    rb"(?P<prefix>B:\d+:[0-9A-Fa-f]*:|S:\d+:.*?:)?"
    rb"<GUID=(?P<guid>[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})>(?:;|$)",
    re.DOTALL,
)
_PREFIXES = re.compile(r"(?:<GUID=([0-9a-fA-F-]{32,36})>;)?(?:<SID=[^>]*>;)?")


@lru_cache(maxsize=256)  # objectCategory and its like: the same few targets in every object
def reference(value: bytes) -> bytes:
    """An extended DN value as a :class:`Ref`; a value without a GUID comes back as it is."""
    found = _EXTENDED.match(value)
    if found is None:
        return value
    return Ref(ref(_guid(found["guid"].decode()), found["prefix"] or b""))


def split_extended(dn: str) -> tuple[Guid | None, str]:
    """The GUID and the plain DN of ``<GUID=...>;<SID=...>;CN=...``; None for a DN that is not extended."""
    found = _PREFIXES.match(dn)
    if found is None:
        return None, dn
    return _guid(found[1]) if found[1] else None, dn[found.end() :]


def _guid(text: str) -> Guid:
    # the 32-digit form (extended DN without the flag) is the wire order, the dashed one is not
    return Guid(bytes.fromhex(text)) if len(text) == 32 else guid_from_text(text)
