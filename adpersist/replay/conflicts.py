"""What was written on a reverted DC before the restore began: those writes are news to nobody but this DC."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from adpersist.directory.stamps import Stamps
from adpersist.directory.wire.filetime import EPOCH_1601_S
from adpersist.model.ids import Guid
from adpersist.replay.diff import Gap
from adpersist.replay.plan import Conflict
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
        if not gap.is_live:
            continue
        if gap.guid not in known:
            yield Conflict(guid=gap.guid, dn=have.dn(gap.guid))
            continue
        written = stamps.get(gap.guid, {})
        late = {name for name, write in written.items() if write.stamp.time - EPOCH_1601_S > since}
        touched = sorted(late & {*gap.values, *(("name",) if gap.moved else ())})
        if touched:
            yield Conflict(guid=gap.guid, dn=have.dn(gap.guid), attributes=tuple(touched))
