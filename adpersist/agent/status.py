"""How far the journal is behind the DC, for people and for monitoring."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from adpersist.agent.capture import lineage_of
from adpersist.directory.controller import DomainController
from adpersist.journal.writer import Journal
from adpersist.model.head import Head, Phase
from adpersist.model.lineage import Lineage, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What ``status`` reports.

    Attributes:
        lag_usn: USNs the DC is ahead of the journal; 0 when everything a feed reports is durable.
        lag_s: Age of the oldest change that is not durable yet.
        head: The newest durable head.
        lineage: The verdict.
        pending: Objects with changes that are not durable.
    """

    lag_usn: int
    lag_s: float
    head: Head
    lineage: Lineage
    pending: int


def status(dc: DomainController, journal: Journal) -> Status:
    """Compare the DC with the head; writes nothing anywhere."""
    lineage = lineage_of(dc, journal)
    head = journal.head
    usn = dc.usn()
    if lineage.verdict is not Verdict.SAME or head.phase is Phase.RESTORING:
        return Status(lag_usn=0, lag_s=0.0, head=head, lineage=lineage, pending=0)
    if head.position is None:
        return Status(
            lag_usn=usn,
            lag_s=max(time.time() - head.time, 0.0),
            head=head,
            lineage=lineage,
            pending=len(dc.feed.contexts),
        )
    if usn == head.position.usn:
        return Status(lag_usn=0, lag_s=0.0, head=head, lineage=lineage, pending=0)
    # the USN also counts the DC's own bookkeeping, which no feed reports: only a look can tell
    waiting = [
        sighting.guid for nc in dc.feed.contexts for sighting in dc.feed.look(nc, head.position.cookies.get(nc))[0]
    ]
    if not waiting:
        return Status(lag_usn=0, lag_s=0.0, head=head, lineage=lineage, pending=0)
    return Status(
        lag_usn=usn - head.position.usn,
        lag_s=max(time.time() - dc.oldest_change(waiting, since=head.position.usn), 0.0),
        head=head,
        lineage=lineage,
        pending=len(waiting),
    )


def moment(seconds: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
