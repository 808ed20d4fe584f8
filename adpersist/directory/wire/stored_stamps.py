"""Stamps as they lie in a Samba DC's database: no search over LDAP shows those of links.

A link value is an extended DN with parts of Samba's own: RMD_CHANGETIME (100 ns since 1601), RMD_FLAGS (1: it was taken
away), RMD_INVOCID, RMD_LOCAL_USN, RMD_ORIGINATING_USN and RMD_VERSION.
Source: samba dsdb/common/dsdb_dn.c, dsdb/samdb/ldb_modules/repl_meta_data.c (replmd_build_la_val).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adpersist.directory.wire.extended_dn import reference
from adpersist.errors import DirectoryError
from adpersist.model.identity.ids import Guid, guid_from_text
from adpersist.model.objects.rows.link_stamp_row import LinkWrite
from adpersist.model.objects.rows.stamp_row import packed_write

_PART: Final = re.compile(rb"<RMD_([A-Z_]+)=([^>]*)>")
_TICKS: Final = 10_000_000
"""In a second."""
_REMOVED: Final = 1
"""RMD_FLAG_DELETED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStamps:
    """What is kept beside the values of one object.

    Attributes:
        guid: objectGUID.
        blob: replPropertyMetaData; empty when it has none.
        links: Link values by attribute, taken away ones too; None: not to be seen.
    """

    guid: Guid
    blob: bytes
    links: Mapping[str, Sequence[bytes]] | None


def stored_link(value: bytes) -> tuple[bytes, LinkWrite, int]:
    """A link as a reference, its stamp, and the USN this database gave the write.

    Raises:
        DirectoryError: It has no stamp, as links from before Windows 2003, or a broken one.
    """
    parts = dict(_PART.findall(value))
    try:
        write = packed_write(
            int(parts[b"VERSION"]),
            int(parts[b"CHANGETIME"]) // _TICKS,
            guid_from_text(parts[b"INVOCID"].decode()),
            int(parts[b"ORIGINATING_USN"]),
        )
        removed = int(parts.get(b"FLAGS", b"0")) & _REMOVED
        return _plain_reference(value), (write, not removed), int(parts[b"LOCAL_USN"])
    except (KeyError, ValueError) as error:
        raise DirectoryError("a link in the database has no stamp that can be read") from error


def _plain_reference(value: bytes) -> bytes:
    # each is met once: remembering them would push out those that are met again and again
    return reference.__wrapped__(value)
