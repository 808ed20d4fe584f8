"""A look in slices. Pure.

Samba answers DirSync in one piece: it says nothing before it has thought of everything, keeps 20 kB for each object
until then, serves nobody else meanwhile, and breaks off at 256 MiB (LDAP_SERVER_MAX_REPLY_SIZE in its ldap_server.h),
which 50,000 users fill. But every object was written last at one USN, so that a range of USNs is a part of it all.

Asked for from the oldest slice to the newest, no object can slip through: USNs only grow ([MS-ADTS] 3.1.1.1.9), so one
that is written meanwhile leaves its slice for the last one, which has no end. Nor can a change be lost afterwards: what
is written after the last slice was thought of comes after that slice's cookie.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Final

from adpersist.directory.wire.filters import ANY, Filter, and_, at_least, at_most, not_

OBJECTS: Final = 2000
"""In a slice, at least: the DC thinks about the next slice while one is read."""
MOST: Final = 12
"""Slices; for each one Samba goes through all objects, which takes it a thirtieth of the time to show them."""
QUICK_S: Final = 0.01
"""With mdb it finds them by an index: where a range with nothing in it takes no longer, more slices cost nothing."""


def ends(usns: Collection[int], range_s: Callable[[], float]) -> list[int]:
    """Where slices of equally many objects end; the last has no end.

    Args:
        usns: Those the objects had a moment ago.
        range_s: Finds out how many seconds Samba takes for a range with nothing in it.
    """
    count = max(len(usns) // OBJECTS, 1)
    if count > MOST and range_s() > QUICK_S:
        count = MOST
    ordered = sorted(usns)
    return [ordered[len(ordered) * part // count - 1] for part in range(1, count)]


def nothing_after(newest: int) -> Filter:
    """A range of USNs in which nothing lies as long as no billion of writes came after ``newest``."""
    far = newest + 10**9
    return and_(at_least("uSNChanged", far), at_most("uSNChanged", far))


class UsnSlices:
    """Ranges of USNs, ascending.

    Args:
        begin: After which USN.
        ends: Where each but the last ends.
    """

    def __init__(self, begin: int = 0, ends: Iterable[int] = ()) -> None:
        self._begin = self._after = begin
        self._ends = list(ends)

    @property
    def is_last(self) -> bool:
        """This slice has no end."""
        return not self._ends

    @property
    def filter(self) -> Filter:
        """Matches what lies in this slice; whatever it is, an object matches for one slice and no other."""
        if self._ends:
            begin = [at_least("uSNChanged", self._after + 1)] if self._after > self._begin else []
            return and_(*begin, at_most("uSNChanged", self._ends[0]))
        return and_(not_(at_most("uSNChanged", self._after))) if self._after > self._begin else ANY

    def end(self, newest: int) -> None:
        """Have this one end, so that it can be passed over."""
        if not self._ends:
            self._ends.append(max(newest, self._after + 1))

    @property
    def whole_filter(self) -> Filter:
        """Matches the same where no cookie says where it all begins."""
        begin = not_(at_most("uSNChanged", self._after))
        return and_(begin, at_most("uSNChanged", self._ends[0])) if self._ends else begin

    def go_on(self) -> None:
        """To the next."""
        self._after = self._ends.pop(0) if self._ends else self._after

    def halve(self, newest: int) -> bool:
        """This one holds too much, or something odd. False when it cannot be; ``newest`` is the DC's last USN."""
        middle = (self._after + (self._ends[0] if self._ends else newest)) // 2
        if middle <= self._after:
            return False
        self._ends.insert(0, middle)
        return True
