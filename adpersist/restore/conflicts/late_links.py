"""Links made or taken away on the DC that the journal never saw so."""

from collections.abc import Mapping, Sequence

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import LinkStamps
from adpersist.model.objects.link_values import Links, union
from adpersist.model.objects.stamps import Stamps
from adpersist.restore.conflicts.unseen_writes import UnseenWrites
from adpersist.state.differences import Gap


def written_late(gaps: Sequence[Gap], stamps: Mapping[Guid, Stamps], unseen: UnseenWrites) -> list[Guid]:
    """Objects whose links differ, and that were written since."""
    return [gap.guid for gap in gaps if (gap.added or gap.removed) and unseen.may_be(stamps.get(gap.guid, {}))]


def late_links(
    gap: Gap,
    written: Stamps,
    links: Mapping[Guid, LinkStamps] | None,
    unseen: UnseenWrites,
    *,
    brought: Links | None = None,
) -> Links:
    """Those of the links that differ which were made or taken away since.

    Where nobody can tell, it is all that the DC has too many if the last write to the object left no stamp, as one to a
    link does; and if nobody else may have written it, all that it lacks.

    Args:
        gap: What differs.
        written: The object's stamps.
        links: The last writes to links; None: not to be seen.
        unseen: Tells what the journal never saw.
        brought: Links that partners brought, which alone count; None: all do.
    """
    if links is None:
        if not unseen.linked_last(written):
            return {}
        return gap.removed if brought is not None else union(gap.added, gap.removed)
    wrote, recorded = links.get(gap.guid, {}), unseen.recorded.get(gap.guid, {})
    wanted = gap.want.link_stamps if gap.want is not None else {}

    def is_late(name: str, link: bytes) -> bool:
        write = wrote.get(name, {}).get(link)
        if write is None:
            # it was there when the DC was looked at: whoever it led to was deleted since, and left no trace of it
            return brought is None and gap.guid in links and link in gap.removed.get(name, ())
        if brought is not None and link not in brought.get(name, ()):
            return False
        if brought is not None and (known := wanted.get(name, {}).get(link)) is not None:
            return (write.version, write.time) > (known.version, known.time)
        return unseen.is_one_of_a_link(gap.guid, name, write, stamped=brought is not None and bool(recorded.get(name)))

    late = {
        name: frozenset(link for link in refs if is_late(name, link))
        for name, refs in union(gap.added, gap.removed).items()
    }
    return {name: refs for name, refs in late.items() if refs}
