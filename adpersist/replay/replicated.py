"""What the domain's other DCs wrote and the reverted DC has received already: news to the journal, not damage.

Replication ranks two writes of one attribute by version and time, [MS-DRSR] 4.1.10.6.9; so do we. Links leave no stamp
that a search shows: one the journal does not know stays, where another DC may have made it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from adpersist.directory.stamps import CHANGED, Stamps
from adpersist.directory.wire.filetime import EPOCH_1601_S
from adpersist.directory.wire.replmeta import Written
from adpersist.model.change import Stamp
from adpersist.model.ids import Guid
from adpersist.replay.diff import Gap
from adpersist.replay.plan import Conflict
from adpersist.replay.state import State

Recorded = Mapping[Guid, Mapping[str, Stamp]]
"""Newest stamps in the journal, by object and attribute."""


def replicated(
    gaps: Sequence[Gap],
    have: State,
    stamps: Mapping[Guid, Stamps],
    recorded: Recorded,
    *,
    partners: Collection[Guid],
    known: Collection[Guid],
    since: float,
) -> Iterator[Conflict]:
    """Objects and attributes that other DCs wrote later than what the journal has of them.

    Args:
        gaps: What differs.
        have: The DC, for names.
        stamps: Replication stamps of the differing objects, as they are now.
        recorded: Those the journal captured.
        partners: invocationIDs of the other DCs.
        known: Every object the journal ever heard of.
        since: Unix seconds of the journal's last look: a write the journal has no stamp of is news if it is later.
    """

    def is_news(guid: Guid, name: str, write: Written) -> bool:
        if write.stamp.origin not in partners:
            return False
        was = recorded.get(guid, {}).get(name)
        if was is not None:
            return (write.stamp.version, write.stamp.time) > (was.version, was.time)
        # stamps count whole seconds
        return write.stamp.time - EPOCH_1601_S >= int(since)

    for gap in gaps:
        written = stamps.get(gap.guid, {})
        if gap.have is None:
            continue
        dn = have.dn(gap.guid)
        if gap.guid not in known:
            if gap.is_live and "objectClass" in written and written["objectClass"].stamp.origin in partners:
                yield Conflict(guid=gap.guid, dn=dn, replicated=True)
            continue
        news = {name for name, write in written.items() if is_news(gap.guid, name, write)}
        if not (gap.is_live and gap.wanted_live):
            news &= {"isDeleted"}
        else:
            news &= {*gap.values, *(("name",) if gap.moved else ())}
            news |= set(gap.removed) if linked_late(written, since) else set()
        if news:
            yield Conflict(guid=gap.guid, dn=dn, attributes=tuple(sorted(news)), replicated=True)


def linked_late(written: Stamps, since: float) -> bool:
    """Whether the last write left no stamp, as one to a link does, and is later than that."""
    newest = max((write.local_usn for name, write in written.items() if name != CHANGED), default=0)
    last = written.get(CHANGED)
    return last is not None and last.local_usn > newest and last.stamp.time - EPOCH_1601_S > since
