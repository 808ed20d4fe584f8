"""How the journal of one DC of many stands, as a document for people and machines."""

from typing import Any

from adpersist.reading.fleet import Member
from adpersist.reading.rfc3339 import rfc3339


def member_document(member: Member) -> dict[str, Any]:
    """One journal; what cannot be told of it is null."""
    return {
        "journal": member.journal or None,
        "store": member.store,
        "dc": member.dns_name or None,
        "domain": member.domain or None,
        "verdict": str(member.standing),
        "why": member.why,
        "durable": {"seq": member.seq, "usn": member.usn, "time": _when(member.durable)},
        "timeline": member.timeline,
        "last_heal": _when(member.healed),
        "left": member.left,
        "quarantined": member.quarantined,
        "image": {"seq": member.image.seq, "time": _when(member.image.time)} if member.image else None,
        "oldest": {"seq": member.oldest, "time": _when(member.oldest_time)},
        "commits": member.commits,
        "bytes": member.size,
        "key": {"id": member.key or None, "opened": member.opened},
        "writer": {"host": member.writer.host, "pid": member.writer.pid} if member.writer else None,
    }


def _when(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
