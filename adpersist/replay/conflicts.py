"""What was written on a reverted DC before the restore began: those writes are news to nobody but this DC."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from adpersist.directory.stamps import CHANGED, Stamps
from adpersist.directory.wire.filetime import EPOCH_1601_S
from adpersist.model.ids import Guid
from adpersist.replay.diff import Gap
from adpersist.replay.plan import Conflict
from adpersist.replay.replicated import linked_late
from adpersist.replay.state import State


def conflicts(
    gaps: Sequence[Gap], have: State, stamps: Mapping[Guid, Stamps], *, known: Collection[Guid], since: float
) -> Iterator[Conflict]:
    """Objects the journal never heard of, and attributes written after the journal's last commit.

    Args:
        gaps: What differs.
        have: The DC, for names.
        stamps: Replication stamps of the differing objects.
        known: Every object the journal ever heard of.
        since: Unix seconds of the journal's last commit; an older write is what the golden image held.
    """
    for gap in gaps:
        if gap.have is None:
            continue
        if gap.guid not in known and gap.is_live:
            yield Conflict(guid=gap.guid, dn=have.dn(gap.guid))
            continue
        touched = _touched(gap, stamps.get(gap.guid, {}), since)
        if touched:
            yield Conflict(guid=gap.guid, dn=have.dn(gap.guid), attributes=tuple(sorted(touched)))


def _touched(gap: Gap, written: Stamps, since: float) -> set[str]:
    late = {name for name, write in written.items() if write.stamp.time - EPOCH_1601_S > since}
    if not gap.is_live:
        return late & {"isDeleted"}
    if not gap.wanted_live:
        return late - {CHANGED}
    touched = late & {*gap.values, *(("name",) if gap.moved else ())}
    if linked_late(written, since):
        touched |= {*gap.added, *gap.removed}
    return touched
