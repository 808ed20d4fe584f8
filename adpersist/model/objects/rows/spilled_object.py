"""An object most of which lies elsewhere. Pure: where is for others to say."""

from dataclasses import replace
from typing import Final

from adpersist.model.objects.change import LinkStamps
from adpersist.model.objects.link_values import Links
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.spilled_links import spilled_link_stamps, spilled_links
from adpersist.model.objects.rows.spilled_row import Spill, SpilledRow

_NO_LINKS: Final[Links] = {}
_NO_LINK_STAMPS: Final[LinkStamps] = {}
"""Most objects have no links: they share the lack."""


def spilled(item: ObjectState, spill: Spill) -> ObjectState:
    """The same object, its values and links spilled; itself where they are, or where there is no room for them."""
    links, stamps = spilled_links(item.links, spill), spilled_link_stamps(item.link_stamps, spill)
    if links is item.links and stamps is item.link_stamps:
        return with_spilled_values(item, spill)
    return replace(with_spilled_values(item, spill), links=links, link_stamps=stamps)


def with_spilled_values(item: ObjectState, spill: Spill) -> ObjectState:
    """The same, its links where they are: whose links change again and again keeps them until they no longer do."""
    values = SpilledRow.of(item.values, spill) if item.values else item.values
    if values is item.values:
        return item
    return replace(item, values=values, links=item.links or _NO_LINKS, link_stamps=item.link_stamps or _NO_LINK_STAMPS)
