"""Before a DC receives what it lacks as a replica: strangers give up what a lost object needs, or go. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from adpersist.model.identity.ids import Guid
from adpersist.model.plan.step import Delete, Exempt, Step
from adpersist.restore.plan.identities.evictions import evictions
from adpersist.restore.plan.ordering import bottom_up, parking
from adpersist.state.differences import Gap
from adpersist.state.state import State


def making_way(
    gaps: Sequence[Gap],
    want: State,
    have: State,
    exempt: Exempt,
    *,
    kept: Collection[Guid],
    usurping: Collection[Guid],
    named: Mapping[Guid, Collection[str]],
) -> Iterator[Step]:
    """Steps after which nothing of what is sent meets what the journal never heard of.

    Args:
        gaps: What will be closed.
        want: What the DC is to have.
        have: The DC.
        exempt: What an object is not created with.
        kept: Objects unknown to the journal that stay.
        usurping: Those of them that need another SID.
        named: Attributes that objects of the journal were given on the DC and keep.
    """
    strangers = {gap.guid for gap in gaps if gap.want is None}
    buried = _buried(want, have)
    moving = [*evictions(gaps, want, have, exempt, kept=kept, usurping=usurping, named=named, buried=buried)]
    moving += [step for step in parking(gaps, have) if step.guid in strangers]
    yield from moving
    deleted = {step.guid for step in moving if isinstance(step, Delete)}
    for gap in bottom_up((gap for gap in gaps if gap.guid in strangers - deleted), have):
        if gap.guid not in want:
            yield Delete(guid=gap.guid, dn=have.dn(gap.guid), reason="the journal has no such object")


def _buried(want: State, have: State) -> dict[bytes, Guid]:
    """SIDs of the tombstones that the DC lacks."""
    lacking = (want[guid] for guid in want.unlike(have) if guid in want and guid not in have)
    found = {sid: item.guid for item in lacking if item.deleted for sid in item.values.get("objectSid", ())}
    # whoever the journal has with it, too, stays
    rightful = (sid for item in want.values() if not item.deleted for sid in item.values.get("objectSid", ()))
    return {sid: found[sid] for sid in found.keys() - set(rightful)} if found else found
