"""How far the journal is behind the DC, for people and for monitoring."""

import time
from dataclasses import dataclass, replace

from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.proof import lineage_of, unfinished_restore
from adpersist.journal.journal import Journal
from adpersist.model.journal.commit import Commit
from adpersist.model.journal.head import Head
from adpersist.model.journal.lineage import Lineage, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What ``status`` reports.

    Attributes:
        lag_usn: USNs the DC is ahead of the journal; 0 when everything a feed reports is durable.
        lag_s: Age of the oldest change that is not durable yet.
        head: The newest durable head.
        durable_time: Unix seconds when the last commit was made; None while there is none.
        lineage: The verdict.
        pending: Objects with changes that are not durable.
        restored: How the last restore of everything ended; None while there was none.
    """

    lag_usn: int
    lag_s: float
    head: Head
    durable_time: float | None
    lineage: Lineage
    pending: int
    restored: Commit | None


def status(dc: DomainController, journal: Journal) -> Status:
    """Compare the DC with the head; writes nothing anywhere."""
    lineage = lineage_of(dc, journal)
    head = journal.head
    if lineage.verdict is Verdict.SAME:
        lineage = unfinished_restore(head) or lineage
    usn = dc.usn()
    quiet = Status(
        lag_usn=0,
        lag_s=0.0,
        head=head,
        durable_time=journal.last_commit_time(),
        lineage=lineage,
        pending=0,
        restored=journal.last_restore(),
    )
    if lineage.verdict is not Verdict.SAME:
        return quiet
    if head.position is None:
        began = head.time if quiet.durable_time is None else quiet.durable_time
        return replace(quiet, lag_usn=usn, lag_s=max(time.time() - began, 0.0), pending=len(dc.feed.contexts))
    if usn == head.position.usn:
        return quiet
    # the USN also counts the DC's own bookkeeping, which no feed reports: only a look can tell
    waiting = [sighting.guid for nc in dc.feed.contexts for sighting in dc.feed.look(nc, head.position.cookies.get(nc))]
    if not waiting:
        return quiet
    return replace(
        quiet,
        lag_usn=usn - head.position.usn,
        lag_s=max(time.time() - dc.oldest_change(waiting, since=head.position.usn), 0.0),
        pending=len(waiting),
    )
