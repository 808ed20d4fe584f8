"""What the domain's other DCs wrote and the reverted DC has received already: news to the journal, not damage.

Replication ranks two writes of one attribute by version and time, [MS-DRSR] 4.1.10.6.9; so do we. Links have stamps
of their own, which no search over LDAP shows (:mod:`adpersist.restore.conflicts.late_links`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import LinkStamps
from adpersist.model.objects.directory_time import unix_seconds
from adpersist.model.objects.link_values import Links
from adpersist.model.objects.stamps import Stamps, Written
from adpersist.model.plan.conflict import Conflict
from adpersist.restore.conflicts.late_links import late_links
from adpersist.restore.conflicts.unseen_writes import UnseenWrites
from adpersist.state.differences import Gap
from adpersist.state.state import State


def partner_writes(
    gaps: Sequence[Gap],
    have: State,
    stamps: Mapping[Guid, Stamps],
    *,
    partners: Collection[Guid],
    known: Collection[Guid],
    unseen: UnseenWrites,
    links: Mapping[Guid, LinkStamps] | None,
) -> Iterator[Conflict]:
    """Objects and attributes that other DCs wrote later than what the journal has of them.

    Args:
        gaps: What differs.
        have: The DC, for names.
        stamps: Replication stamps of the differing objects, as they are now.
        partners: invocationIDs of the other DCs.
        known: Every object the journal ever heard of.
        unseen: What the journal captured, of all these objects: a write it has no stamp of is news, if the journal has
            others of the object; else if it is later.
        links: The last writes to links of objects written since; None where they are not to be seen.
    """

    def is_news(guid: Guid, name: str, write: Written) -> bool:
        if write.stamp.origin not in partners:
            return False
        recorded = unseen.recorded.get(guid, {})
        if was := recorded.get(name):
            return (write.stamp.version, write.stamp.time) > (was[-1].version, was[-1].time)
        # it may be from before the journal's last look, and have come only now; stamps count whole seconds
        return bool(recorded) or unix_seconds(write.stamp.time) >= int(unseen.since)

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
        linked: Links = {}
        if not (gap.is_live and gap.wanted_live):
            news &= {"isDeleted"}
        else:
            news &= {*gap.values, *(("name",) if gap.moved else ())}
            linked = late_links(gap, written, links, unseen, origins=partners)
        if news or linked:
            attributes = tuple(sorted({*news, *linked}))
            yield Conflict(guid=gap.guid, dn=dn, attributes=attributes, links=linked, replicated=True)
