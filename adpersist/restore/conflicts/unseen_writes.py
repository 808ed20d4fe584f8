"""Writes on the DC that the journal never saw: what is nobody's but this DC's, or a partner's that came since. Pure.

What the journal recorded a stamp of it has seen, whatever clocks said. What else the image held is told by the DC's
own numbers: a DC that remembers a commit held all writes up to that look's USN. Where the DC remembers nothing, only
time is left: what was written after the journal's last look is news to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import LinkStamp, Stamp
from adpersist.model.objects.directory_time import unix_seconds
from adpersist.model.objects.stamps import CHANGED, Stamps, Written

Recorded = Mapping[Guid, Mapping[str, Sequence[Stamp]]]
"""Every stamp in the journal, by object and attribute, in the journal's order; those of its links under their name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenWrites:
    """Tells them from what the image held.

    Attributes:
        since: Unix seconds of the journal's last look.
        usn: The DC's at the look it remembers; None: it remembers none.
        invocation: Whose USN that is.
        recorded: Stamps the journal captured, of the objects that were written since then at least.
        origin: invocationID under which the DC writes by now; None: also what it wrote under another counts.
    """

    since: float
    usn: Usn | None = None
    invocation: Guid | None = None
    recorded: Recorded = field(default_factory=dict)
    origin: Guid | None = None

    def may_be(self, written: Stamps) -> bool:
        """Something of the object was written that the journal may not have seen; judged by its last write alone."""
        if CHANGED not in written:
            return False
        if self.usn is not None:
            return written[CHANGED].local_usn > self.usn
        return unix_seconds(written[CHANGED].stamp.time) >= int(self.since)

    def is_one(self, guid: Guid, name: str, write: Written, *, stamped: bool) -> bool:
        """This write of an attribute is one.

        Args:
            stamped: The journal knows stamps of the object.
        """
        stamp = write.stamp
        if self._is_of_another(stamp) or self._saw(guid, name, stamp) or self._saw_later(guid, name, stamp):
            return False
        if self.usn is None or not stamped:
            return unix_seconds(stamp.time) > self.since
        return write.local_usn > self.usn

    def is_one_of_a_link(self, guid: Guid, name: str, write: LinkStamp, *, stamped: bool = False) -> bool:
        """This write of a link is one.

        Args:
            stamped: The journal knows stamps of all such links that it saw, and this DC wrote none of those.
        """
        if self._is_of_another(write) or self._saw(guid, name, write):
            return False
        if stamped:
            return True
        if self.usn is None or write.origin != self.invocation:
            return unix_seconds(write.time) >= int(self.since)
        return write.usn > self.usn

    def linked_last(self, written: Stamps) -> bool:
        """The last write of the object left no stamp, as one to a link does, and is one."""
        newest = max((write.local_usn for name, write in written.items() if name != CHANGED), default=0)
        if self.origin is not None or CHANGED not in written or written[CHANGED].local_usn <= newest:
            return False
        if self.usn is not None:
            return written[CHANGED].local_usn > self.usn
        return unix_seconds(written[CHANGED].stamp.time) > self.since

    def _is_of_another(self, stamp: Stamp) -> bool:
        return self.origin is not None and stamp.origin != self.origin

    def _saw(self, guid: Guid, name: str, stamp: Stamp) -> bool:
        return any(stamp.is_same_write(each) for each in self.recorded.get(guid, {}).get(name, ()))

    def _saw_later(self, guid: Guid, name: str, stamp: Stamp) -> bool:
        """The same DC wrote over it before it was put back: an image of a moment between two looks has it."""
        return any(
            stamp.origin == each.origin
            and stamp.version < each.version
            and stamp.usn < each.usn
            and stamp.time <= each.time
            for each in self.recorded.get(guid, {}).get(name, ())
        )
