"""What an object is at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import AttributeStamps, Change, Kind, LinkStamps, Values

DELETED_NAME: Final = "\\0ADEL:"
"""What stands between a deleted object's name and its GUID ([MS-ADTS] 3.1.1.5.5.1.1)."""

CONFLICT_NAME: Final = "\\0ACNF:"
"""The same of one that had to yield its name to another when both were replicated ([MS-ADTS] 3.1.1.5.1.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An object that was, and of which not even a tombstone is left; remembered so that nobody takes it for a new one.

    Attributes:
        guid: objectGUID.
    """

    guid: Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectState:
    """One object, live or a tombstone, named by identities so that a renamed container changes one object only.

    Attributes:
        guid: objectGUID.
        nc: DN of the naming context it lies in.
        parent: objectGUID of its container; None for the root of a naming context.
        rdn: First component of its DN (``CN=bob``); a naming context's root has the whole DN here.
        values: Attribute values by lDAPDisplayName; never an empty tuple.
        links: Link values by attribute, as references; never an empty set. May name targets that are deleted: such a
            link is dormant and comes back with its target.
        stamps: Replication stamps, as far as they are known; those of emptied attributes and of ``name``, too.
        link_stamps: The same of the links, and of those that were taken away.
    """

    guid: Guid
    nc: str
    parent: Guid | None
    rdn: str
    values: Mapping[str, Values] = field(default_factory=dict)
    links: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    stamps: AttributeStamps = field(default_factory=dict)
    link_stamps: LinkStamps = field(default_factory=dict)

    @property
    def deleted(self) -> bool:
        """It is a tombstone or a recycled object ([MS-ADTS] 3.1.1.5.5)."""
        return self.values.get("isDeleted") == (b"TRUE",)

    @property
    def is_bin(self) -> bool:
        """It is where deleted objects lie: that says of itself that it is one, and never was ([MS-ADTS] 6.1.1.4.2)."""
        return self.deleted and DELETED_NAME not in self.rdn


def created(item: ObjectState) -> Change:
    """The change that makes an object what it is, from nothing."""
    return Change(
        kind=Kind.CREATED,
        guid=item.guid,
        nc=item.nc,
        parent=item.parent,
        rdn=item.rdn,
        values=item.values,
        added=item.links,
        stamps=item.stamps,
        link_stamps=item.link_stamps,
    )
