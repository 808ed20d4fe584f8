"""What differs still: after a restore, with the DC's own reasons, and where somebody only asks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import Guid
from adpersist.model.plan.difference import Difference
from adpersist.restore.convergence.comparison import Comparison
from adpersist.restore.convergence.removed_links import forgotten_links
from adpersist.restore.outcome import Refusal
from adpersist.restore.plan.identities.shared_sids import shared_sids
from adpersist.state.differences import tombstone_differences


def left(
    dc: DomainController,
    seen: Comparison,
    *,
    refusals: Sequence[Refusal],
    aside: Mapping[Guid, str],
    linked: Collection[Guid],
) -> list[Difference]:
    """What a restore could not close.

    Args:
        dc: The DC.
        seen: All of it, looked at when everything was done.
        refusals: Steps it refused.
        aside: What it refused to receive, and why.
        linked: Objects of which it received links.
    """
    want, have = seen.want, seen.have
    found = [
        *seen.differences(),
        *tombstone_differences(want, have, aside),
        *forgotten_links(dc, want, have, linked),
    ]
    # of one object the first counts: it is why what follows was refused
    said = {**aside, **{each.step.guid: each.reason for each in reversed(refusals)}}
    said |= shared_sids({line.guid for line in found if line.kind == "missing"}, want, have)
    held = {gap.guid for gap in seen.held}
    said |= {note.guid: note.what for note in seen.notes if note.guid in held}
    return [replace(line, reason=said.get(line.guid, "")) for line in found]


def differing(dc: DomainController, seen: Comparison, *, stamps: bool) -> list[Difference]:
    """What differs as things stand.

    Args:
        dc: The DC.
        seen: All of it.
        stamps: Also of what is the same, but was not written by the same write.
    """
    found = seen.differences()
    if stamps:
        told = {(each.guid, each.attribute) for each in found}
        want, have = seen.want, seen.have
        other = [*seen.stamp_differences(), *forgotten_links(dc, want, have, want)]
        found += dict.fromkeys(each for each in other if (each.guid, each.attribute) not in told)
    return found
