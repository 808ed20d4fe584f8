"""Security identifiers ([MS-DTYP] 2.4.2)."""

import struct


def sid_text(sid: bytes) -> str:
    """``S-1-5-21-...`` for a binary SID.

    Raises:
        ValueError: Not a SID.
    """
    if len(sid) < 8 or len(sid) != 8 + 4 * sid[1]:
        raise ValueError(f"not a SID: {sid.hex()}")
    authority = int.from_bytes(sid[2:8], "big")
    return "-".join(["S", str(sid[0]), str(authority), *map(str, struct.unpack_from(f"<{sid[1]}I", sid, 8))])


def sid_from_text(text: str) -> bytes:
    """The binary form of ``S-1-5-21-...``.

    Raises:
        ValueError: Not a SID.
    """
    parts = text.split("-")
    if len(parts) < 3 or parts[0].upper() != "S":
        raise ValueError(f"not a SID: {text}")
    revision, authority, *rest = map(int, parts[1:])
    try:
        return bytes((revision, len(rest))) + authority.to_bytes(6, "big") + struct.pack(f"<{len(rest)}I", *rest)
    except (OverflowError, struct.error) as error:
        raise ValueError(f"not a SID: {text}") from error


def rid_of(sid: bytes, domain: bytes) -> int | None:
    """The relative identifier of an account of ``domain``; None for a SID from elsewhere."""
    if len(sid) == len(domain) + 4 and sid[8:-4] == domain[8:]:
        return int(struct.unpack("<I", sid[-4:])[0])
    return None


LOCAL_SYSTEM = sid_from_text("S-1-5-18")
"""The session that may read and write secrets ([MS-DTYP] 2.4.2.4)."""
