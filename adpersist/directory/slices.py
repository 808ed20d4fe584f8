"""A look in slices. Pure.

Samba answers DirSync in one piece: it says nothing before it has thought of everything, keeps 20 kB for each object
until then, serves nobody else meanwhile, and breaks off at 256 MiB (LDAP_SERVER_MAX_REPLY_SIZE in its ldap_server.h),
which 50,000 users fill. But every object was written last at one USN, so that a range of USNs is a part of it all.
"""

from typing import Final

USNS: Final = 8192
"""In a slice, and so objects at most; a tenth of what Samba answers, with the usual 6 kB each."""
FEW: Final = USNS // 4
"""A slice that showed no more was narrow for this directory: for each one Samba goes through all of it."""


class Slices:
    """Ranges of USNs, ascending. The last has no end: what is written meanwhile moves there, and is not missed.

    Args:
        begin: After which USN.
        newest: Up to where to slice; at most ``begin``: all in one.
        usns: How many in the first.
    """

    def __init__(self, begin: int = 0, newest: int = 0, usns: int = USNS) -> None:
        self._begin = self._after = begin
        self._newest = newest
        self._usns = usns
        self._widens = True

    @property
    def is_last(self) -> bool:
        """This slice has no end."""
        return self._after + self._usns >= self._newest

    @property
    def filter(self) -> str:
        """Matches what lies in this slice; whatever it is, an object matches for one slice and no other."""
        parts = [f"(!(uSNChanged<={self._after}))"] if self._after > self._begin else []
        if not self.is_last:
            parts.append(f"(uSNChanged<={self._after + self._usns})")
        return f"(&{''.join(parts)})" if parts else "(objectClass=*)"

    def showed(self, objects: int) -> None:
        """Go on to the next; a wider one if there was little in this."""
        self._after += self._usns
        if objects <= FEW and self._widens:
            self._usns *= 2

    def refused(self, newest: int) -> bool:
        """This one held too much: make it smaller. False when it cannot be."""
        self._newest = max(self._newest, newest)
        self._usns = min(self._usns, self._newest - self._after) // 2
        self._widens = False
        return self._usns > 0
