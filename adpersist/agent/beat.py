"""When a quiet DC's journal is to hear that its agent is alive."""

import time
from collections.abc import Callable

from adpersist.model.journal.head import Head


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

    def due(self, head: Head) -> bool:
        """Whether the head has stood still for the whole interval, as far as this has seen it."""
        if head.time != self._time:
            self._time, self._moved = head.time, self._clock()
        return self._clock() - self._moved >= self._interval_s
