"""Links made or taken away on the DC after the journal's last look."""

from collections.abc import Collection, Mapping, Sequence

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import LinkStamp, LinkStamps
from adpersist.model.objects.directory_time import unix_seconds
from adpersist.model.objects.link_values import Links, union
from adpersist.model.objects.stamps import CHANGED, Stamps
from adpersist.state.differences import Gap


def written_late(gaps: Sequence[Gap], stamps: Mapping[Guid, Stamps], since: float) -> list[Guid]:
    """Objects whose links differ, and that were written after a moment: Unix seconds."""
    return [gap.guid for gap in gaps if (gap.added or gap.removed) and _changed(stamps.get(gap.guid, {})) >= int(since)]


def late_links(
    gap: Gap,
    written: Stamps,
    links: Mapping[Guid, LinkStamps] | None,
    since: float,
    *,
    origins: Collection[Guid] | None = None,
) -> Links:
    """Those of the links that differ which were made or taken away after a moment.

    Where nobody can tell, it is all that the DC has too many if the last write to the object left no stamp, as one to a
    link does; and if nobody else may have written it, all that it lacks.

    Args:
        gap: What differs.
        written: The object's stamps.
        links: The last writes to links; None: not to be seen.
        since: Unix seconds.
        origins: invocationIDs of the databases whose writes count; None: all.
    """
    if links is None:
        if not _linked_last(written, since):
            return {}
        return gap.removed if origins is not None else union(gap.added, gap.removed)
    wrote = links.get(gap.guid, {})
    late = {
        name: frozenset(each for each in refs if _is_late(wrote.get(name, {}), each, since, origins))
        for name, refs in union(gap.added, gap.removed).items()
    }
    return {name: refs for name, refs in late.items() if refs}


def _is_late(wrote: Mapping[bytes, LinkStamp], link: bytes, since: float, origins: Collection[Guid] | None) -> bool:
    write = wrote.get(link)
    return write is not None and unix_seconds(write.time) >= int(since) and (origins is None or write.origin in origins)


def _changed(written: Stamps) -> float:
    return unix_seconds(written[CHANGED].stamp.time) if CHANGED in written else 0


def _linked_last(written: Stamps, since: float) -> bool:
    newest = max((write.local_usn for name, write in written.items() if name != CHANGED), default=0)
    return CHANGED in written and written[CHANGED].local_usn > newest and _changed(written) > since
