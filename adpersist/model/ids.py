"""Identifiers, as types of their own so that they cannot be mixed up."""

import uuid
from typing import Final, NewType

Guid = NewType("Guid", bytes)
"""objectGUID or invocationID: 16 bytes in wire order ([MS-DTYP] 2.3.4.2)."""

Seq = NewType("Seq", int)
"""A commit's number in its journal: 1 is the first; 0 means "before the first"."""

BEFORE_FIRST: Final = Seq(0)
"""Where an empty journal stands."""

Usn = NewType("Usn", int)
"""Update sequence number of one DC's database ([MS-ADTS] 3.1.1.1.9)."""


def guid_text(guid: Guid) -> str:
    """The registry form people use: ``b5772984-bb30-4c14-8f2f-f03583c324c5``."""
    return str(uuid.UUID(bytes_le=bytes(guid)))


def guid_from_text(text: str) -> Guid:
    """The reverse of :func:`guid_text`.

    Raises:
        ValueError: The text is not a GUID.
    """
    return Guid(uuid.UUID(text.strip("{}")).bytes_le)
