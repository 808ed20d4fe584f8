"""Who wrote each attribute of an object last, and where that stands among this database's own writes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adpersist.model.identity.ids import Usn
from adpersist.model.objects.change import Stamp

EVER: Final = Usn(-1)
"""Before every USN."""

CHANGED: Final = "uSNChanged"
"""Stands among the stamps for writes that leave none, as links do: this database's own number and time, no version."""

LIFE: Final = ("isDeleted", "isRecycled", "lastKnownParent", "msDS-LastKnownRDN")
"""What a tombstone has and nothing that lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One attribute's last write.

    Attributes:
        attid: Attribute id (ATTRTYP), to be named by the schema.
        stamp: What replication compares.
        local_usn: USN this database gave the write when it applied it.
    """

    attid: int
    stamp: Stamp
    local_usn: Usn


Stamps = Mapping[str, Written]
"""The last writes of one object, by lDAPDisplayName."""

UNREADABLE: Final[Stamps] = {}
"""Of an object that is there, and whose stamps are not: any other has :data:`CHANGED` at least."""
