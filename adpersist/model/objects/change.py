"""What happened to one object between two looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adpersist.model.identity.ids import Guid, Usn

Values = tuple[bytes, ...]


class Kind(StrEnum):
    """What sort of thing happened; the most telling one when several did."""

    CREATED = "created"
    CHANGED = "changed"
    MOVED = "moved"
    DELETED = "deleted"
    UNDELETED = "undeleted"
    EXPUNGED = "expunged"
    """The object is gone for good: not even a tombstone is left. Only a full look can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Who wrote an attribute last, as replication knows it ([MS-DRSR] 5.166, PROPERTY_META_DATA).

    Attributes:
        version: Counts the writes, from 1.
        time: Originating time, seconds since 1601-01-01 UTC (0: never).
        origin: invocationID of the database that wrote.
        usn: USN the originating database gave the write.
    """

    version: int
    time: int
    origin: Guid
    usn: Usn

    def is_same_write(self, other: "Stamp | None") -> bool:
        """Replication takes the one for the other ([MS-DRSR] 4.1.10.6.9); the USN only tells who has seen it."""
        return other is not None and (self.version, self.time, self.origin) == (
            other.version,
            other.time,
            other.origin,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStamp(Stamp):
    """Who made a link or took it away last ([MS-DRSR] 5.166 VALUE_META_DATA).

    Attributes:
        present: The link is there; a link that was taken away is remembered, as a tombstone is.
    """

    present: bool


AttributeStamps = Mapping[str, Stamp]
"""By lDAPDisplayName; attributes that were emptied have one, too."""

LinkStamps = Mapping[str, Mapping[bytes, LinkStamp]]
"""By lDAPDisplayName and link value, as a reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to one object between two looks at the directory.

    Attributes:
        kind: The most telling name for it.
        guid: objectGUID.
        nc: DN of the naming context the object lies in.
        parent: objectGUID of the container it lies in now; None: unchanged, or the root of a naming context.
        rdn: The first component of the DN as the directory writes it (``CN=bob``); None: unchanged.
        values: New values by lDAPDisplayName, raw bytes; an empty tuple means "cleared". DN-valued attributes hold
            references (see :mod:`adpersist.model.identity.reference`).
        added: Link values that came, by attribute, as references.
        removed: Link values that went.
        stamps: Replication stamps of the attributes that were written, where they are known; that of ``name`` goes with
            the place. A value without one has none that is known.
        link_stamps: The same of the links that were made or taken away.
    """

    kind: Kind
    guid: Guid
    nc: str
    parent: Guid | None = None
    rdn: str | None = None
    values: Mapping[str, Values] = field(default_factory=dict)
    added: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    removed: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    stamps: AttributeStamps = field(default_factory=dict)
    link_stamps: LinkStamps = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.guid) != 16:
            raise ValueError(f"objectGUID must be 16 bytes, got {len(self.guid)}")
        if self.kind is Kind.CREATED and self.rdn is None:
            raise ValueError("a created object has a name")
