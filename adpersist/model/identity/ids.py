"""Identifiers, as types of their own so that they cannot be mixed up."""

import re
import uuid
from typing import Final, NewType

Guid = NewType("Guid", bytes)
"""objectGUID or invocationID: 16 bytes in wire order ([MS-DTYP] 2.3.4.2)."""

GUID_BYTES: Final = 16

Seq = NewType("Seq", int)
"""A commit's number in its journal: 1 is the first; 0 means "before the first"."""

BEFORE_FIRST: Final = Seq(0)
"""Where an empty journal stands."""

Usn = NewType("Usn", int)
"""Update sequence number of one DC's database ([MS-ADTS] 3.1.1.1.9)."""

_TEXT: Final = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def guid_text(guid: Guid) -> str:
    """The registry form people use: ``b5772984-bb30-4c14-8f2f-f03583c324c5``."""
    digits = _turned(guid).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def guid_from_text(text: str) -> Guid:
    """The reverse of :func:`guid_text`.

    Raises:
        ValueError: The text is not a GUID.
    """
    if _TEXT.fullmatch(text):
        return Guid(_turned(bytes.fromhex(text.replace("-", ""))))
    return Guid(uuid.UUID(text.strip("{}")).bytes_le)


def _turned(guid: bytes) -> bytes:
    """The first three fields lie in the wire order with their bytes turned round ([MS-DTYP] 2.3.4.2)."""
    return guid[3::-1] + guid[5:3:-1] + guid[7:5:-1] + guid[8:]
