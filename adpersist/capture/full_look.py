"""A look at everything that was taken already: the proof of a restore is the first look of the timeline it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adpersist.model.identity.ids import Usn
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.sighting import Sighting
from adpersist.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class FullLook:
    """What a look at everything showed, and where the next look begins.

    Attributes:
        state: Every object.
        news: Those that are not just what the state has that the DC was to be brought to.
        usn: The DC's before the look.
        cookies: By naming context.
        links_stamped: The DC's files were looked at, which know the stamps of links.
        unreadable: Objects the DC could not show; the state has them as the journal has.
    """

    state: State
    news: Sequence[ObjectState]
    usn: Usn
    cookies: Mapping[str, bytes]
    links_stamped: bool = False
    unreadable: Sequence[Sighting] = ()
