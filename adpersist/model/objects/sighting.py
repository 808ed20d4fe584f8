"""What one look shows of one object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import AttributeStamps, LinkStamps, Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.attribute_row import value_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One object as a look shows it: the whole of it, or only what changed since the last look.

    Attributes:
        guid: objectGUID.
        nc: DN of the naming context.
        parent: Container's objectGUID; None for a naming context's root, and in a partial sighting: unchanged.
        rdn: First component of the DN; a naming context's root has the whole DN.
        whole: All attributes and links are here; otherwise what is missing is unchanged.
        values: Attribute values as in :class:`~adpersist.model.objects.change.Change`; an empty tuple means "cleared".
        added: Links that are there (whole) or came (partial).
        removed: Links that went.
        stamps: Replication stamps of all attributes (whole) or of those that were written (partial); none where the
            session cannot see them.
        link_stamps: The same of the links.
        links_stamped: Of all links that have a stamp it is here, those that were taken away among them.
        size: About how many bytes all of it takes.
        trouble: Why the DC shows nothing of it; empty when it does. All else says nothing then.
    """

    guid: Guid
    nc: str
    parent: Guid | None
    rdn: str
    whole: bool
    values: Mapping[str, Values] = field(default_factory=dict)
    added: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    removed: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    stamps: AttributeStamps = field(default_factory=dict)
    link_stamps: LinkStamps = field(default_factory=dict)
    links_stamped: bool = False
    size: int = 0
    trouble: str = ""

    @property
    def reanimated(self) -> bool:
        """It was a tombstone since the last look, or at that, and lives."""
        return not self.whole and self.values.get("isDeleted") == ()

    @property
    def tells_link_stamps(self) -> bool:
        """What has no stamp here has none, or is no link any more; else none was to be seen."""
        return self.links_stamped or bool(self.link_stamps)


def sighted(item: ObjectState, *, links_stamped: bool = False, size: int | None = None) -> Sighting:
    """The look that showed the whole object, with the stamps of all its links or, if it has none, perhaps without.

    Args:
        size: About how many bytes there are to tell of it; None: all that it has.
    """
    if size is None:
        size = value_bytes(item.values) + sum(map(len, chain.from_iterable(item.links.values())))
    return Sighting(
        guid=item.guid,
        nc=item.nc,
        parent=item.parent,
        rdn=item.rdn,
        whole=True,
        values=item.values,
        added=item.links,
        stamps=item.stamps,
        link_stamps=item.link_stamps,
        links_stamped=links_stamped,
        size=size,
    )
