"""What was written on a reverted DC before the restore began: those writes are news to nobody but this DC."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import LinkStamps
from adpersist.model.objects.stamps import CHANGED, Stamps
from adpersist.model.plan.conflict import Conflict
from adpersist.restore.conflicts.late_links import late_links
from adpersist.restore.conflicts.unseen_writes import UnseenWrites
from adpersist.state.differences import Gap
from adpersist.state.state import State


def local_writes(
    gaps: Sequence[Gap],
    have: State,
    stamps: Mapping[Guid, Stamps],
    *,
    known: Collection[Guid],
    unseen: UnseenWrites,
    links: Mapping[Guid, LinkStamps] | None,
) -> Iterator[Conflict]:
    """Objects the journal never heard of, and attributes written since the journal saw them.

    Only to be asked before a restore writes: its own writes are late ones too.

    Args:
        gaps: What differs.
        have: The DC, for names.
        stamps: Replication stamps of the differing objects.
        known: Every object the journal ever heard of.
        unseen: Tells what was written since from what the golden image held.
        links: The last writes to links of objects written since; None where they are not to be seen.
    """
    for gap in gaps:
        if gap.have is None:
            continue
        if gap.guid not in known and gap.is_live:
            yield Conflict(guid=gap.guid, dn=have.dn(gap.guid))
            continue
        written = stamps.get(gap.guid, {})
        touched = _touched(gap, written, unseen)
        linked = late_links(gap, written, links, unseen) if gap.is_live and gap.wanted_live else {}
        if touched or linked:
            attributes = tuple(sorted({*touched, *linked}))
            yield Conflict(guid=gap.guid, dn=have.dn(gap.guid), attributes=attributes, links=linked)


def _touched(gap: Gap, written: Stamps, unseen: UnseenWrites) -> set[str]:
    stamped = gap.want is None or bool(gap.want.stamps)
    late = {name for name, write in written.items() if unseen.is_one(gap.guid, name, write, stamped=stamped)}
    late.discard(CHANGED)
    if not gap.is_live:
        return late & {"isDeleted"}
    if not gap.wanted_live:
        return late
    return late & {*gap.values, *(("name",) if gap.moved else ())}
