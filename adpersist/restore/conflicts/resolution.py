"""Who wins where others wrote on the DC: what stays, and what gives way. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from adpersist.model.objects.link_values import to_others, without
from adpersist.model.plan.conflict import Conflict, by_object
from adpersist.model.plan.terms import OnConflict
from adpersist.state.differences import Gap


def under_policy(gaps: Sequence[Gap], conflicts: Sequence[Conflict], policy: OnConflict) -> list[Gap]:
    """The gaps that are to be closed under a policy; with ``dc`` local writes stay."""
    if policy is not OnConflict.DC:
        return list(gaps)
    kept = by_object(conflicts)
    whole = {gap.guid for gap in gaps if gap.guid in kept and not (gap.is_live and gap.wanted_live)}
    closing = []
    for found in gaps:
        # whoever stays keeps the memberships, whoever stays deleted gets none back
        gap = replace(found, added=to_others(found.added, whole), removed=to_others(found.removed, whole))
        if gap.guid not in kept:
            if gap == found or gap.is_open:
                closing.append(gap)
        elif (conflict := kept[gap.guid]).attributes and gap.is_live and gap.wanted_live:
            narrowed = Gap(
                guid=gap.guid,
                want=gap.want,
                have=gap.have,
                values={name: values for name, values in gap.values.items() if name not in conflict.attributes},
                added=without(gap.added, conflict.links),
                removed=without(gap.removed, conflict.links),
                moved=gap.moved and "name" not in conflict.attributes,
            )
            if narrowed.is_open:
                closing.append(narrowed)
    return closing
