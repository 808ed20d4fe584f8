"""Moves that cannot both be: somebody moved one container below another, and the journal has it the other way. Pure."""

from collections.abc import Iterable

from adpersist.model.identity.ids import Guid
from adpersist.state.differences import Gap
from adpersist.state.state import State


def circular(gaps: Iterable[Gap], want: State, have: State) -> frozenset[Guid]:
    """Objects that would lie in themselves once the gaps are closed; they stay where they are.

    No server is to be asked: Samba, told so by a replication partner, renames without an end.

    Args:
        gaps: What will be closed; what somebody moved and stays there is in none of them.
        want: What the DC is to have.
        have: The DC.
    """
    moving = {gap.guid for gap in gaps if gap.moved and gap.wanted_live}
    staying = set[Guid]()
    for guid in sorted(filter(have.is_live, moving)):
        met, above = set[Guid](), guid
        while above not in met:
            met.add(above)
            place = want if (above in moving and above not in staying) or above not in have else have
            parent = place[above].parent if above in place else None
            if parent is None:
                break
            above = parent
            if above == guid:
                staying.add(guid)
                break
    return frozenset(staying)
