"""What partners gave the reverted DC already, and nobody captured: news to the journal, not damage.

That is what they wrote, and what this DC wrote before it was put back: whoever had it by then brings it back.
Replication ranks two writes of one attribute by version and time, [MS-DRSR] 4.1.10.6.9; so do we. Links have stamps of
their own, which no search over LDAP shows (:mod:`adpersist.restore.conflicts.late_links`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import LinkStamps, Stamp
from adpersist.model.objects.directory_time import unix_seconds
from adpersist.model.objects.link_values import Links
from adpersist.model.objects.stamps import Stamps, Written
from adpersist.model.plan.conflict import Conflict
from adpersist.restore.conflicts.late_links import late_links
from adpersist.restore.conflicts.unseen_writes import UnseenWrites
from adpersist.state.differences import Gap
from adpersist.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """Tells what replication brought the DC from what was written on it.

    Attributes:
        partners: invocationIDs of the other DCs.
        own: The invocationID under which the restore writes; None: it has written nothing yet.
        links: Links that have another number here than who wrote them gave them, by object.
    """

    partners: Collection[Guid]
    own: Guid | None = None
    links: Mapping[Guid, Links] = field(default_factory=dict)

    def is_one(self, stamp: Stamp, local_usn: Usn) -> bool:
        """This write was brought. What the DC writes itself has the number that it gives it."""
        return stamp.origin in self.partners or (stamp.origin != self.own and stamp.usn != local_usn)

    def of(self, guid: Guid, links: LinkStamps) -> Links:
        """Those of an object's links that were."""
        numbered = self.links.get(guid, {})
        return {
            name: frozenset(
                link
                for link, stamp in row.items()
                if stamp.origin in self.partners or (stamp.origin != self.own and link in numbered.get(name, ()))
            )
            for name, row in links.items()
        }


def partner_writes(
    gaps: Sequence[Gap],
    have: State,
    stamps: Mapping[Guid, Stamps],
    *,
    brought: Brought,
    known: Collection[Guid],
    unseen: UnseenWrites,
    links: Mapping[Guid, LinkStamps] | None,
) -> Iterator[Conflict]:
    """Objects and attributes that partners brought and that were written later than what the journal has of them.

    Args:
        gaps: What differs.
        have: The DC, for names.
        stamps: Replication stamps of the differing objects, as they are now.
        brought: Tells what they brought.
        known: Every object the journal ever heard of.
        unseen: What the journal captured, of all these objects: a write it has no stamp of is news, if the journal has
            others of the object; else if it is later.
        links: The last writes to links of objects written since; None where they are not to be seen.
    """

    def is_news(guid: Guid, name: str, write: Written) -> bool:
        if not brought.is_one(write.stamp, write.local_usn):
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
            made = written.get("objectClass")
            if gap.is_live and made is not None and brought.is_one(made.stamp, made.local_usn):
                yield Conflict(guid=gap.guid, dn=dn, replicated=True)
            continue
        news = {name for name, write in written.items() if is_news(gap.guid, name, write)}
        linked: Links = {}
        if not (gap.is_live and gap.wanted_live):
            news &= {"isDeleted"}
        else:
            news &= {*gap.values, *(("name",) if gap.moved else ())}
            theirs = brought.of(gap.guid, links.get(gap.guid, {}) if links is not None else {})
            linked = late_links(gap, written, links, unseen, brought=theirs)
        if news or linked:
            attributes = tuple(sorted({*news, *linked}))
            yield Conflict(guid=gap.guid, dn=dn, attributes=attributes, links=linked, replicated=True)
