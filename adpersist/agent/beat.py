"""When a quiet DC's journal is to hear that its agent is alive."""

import time
from collections.abc import Callable
from typing import Final

from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import Head

TELLING_S: Final = 10.0
"""After a commit the directory is told of it, which the head says with the next one, or by a beat after so long."""


class Beat:
    """Due when the journal's head has stood still for so long: where something is committed, no beat costs anything.

    Args:
        interval_s: Seconds; infinite: never.
        clock: Seconds that never go back: what time the head bears depends on a clock that may be set.
    """

    def __init__(self, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._moved = clock()
        self._time: float | None = None

    def due(self, head: Head, *, told: Seq = BEFORE_FIRST) -> bool:
        """Whether the head has stood still for the whole interval, as far as this has seen it.

        Args:
            told: The newest commit the directory was told of. Where the head does not say so yet, a directory that was
                put back to before that commit may pass for the same: it is due soon, and where it never is, too.
        """
        if head.time != self._time:
            self._time, self._moved = head.time, self._clock()
        interval_s = self._interval_s if head.once_told(told) is head else min(self._interval_s, TELLING_S)
        return self._clock() - self._moved >= interval_s
