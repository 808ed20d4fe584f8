"""Security descriptors, made up."""

from __future__ import annotations

import struct

from adpersist.model.identity.ids import guid_from_text
from adpersist.model.identity.sid import sid_from_text


def descriptor(*entries: bytes) -> bytes:
    """Self-relative, with these entries in its DACL, by [MS-DTYP] 2.4.6 and 2.4.5."""
    body = b"".join(entries)
    acl = struct.pack("<BBHHH", 4, 0, 8 + len(body), len(entries), 0) + body
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20) + acl


def may(trustee: str, mask: int, object_type: str = "", *, flags: int = 0) -> bytes:
    """An entry that allows, by [MS-DTYP] 2.4.4.2 and 2.4.4.3."""
    sid = sid_from_text(trustee)
    content = struct.pack("<I", mask)
    if object_type:
        content += struct.pack("<I", 1) + guid_from_text(object_type)
    content += sid
    return struct.pack("<BBH", 5 if object_type else 0, flags, 4 + len(content)) + content
