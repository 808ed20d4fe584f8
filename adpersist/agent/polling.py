"""How long to rest between two polls: a change seldom comes alone, and a quiet directory wants to be left in peace."""

import time
from collections.abc import Callable
from typing import Final

_FEW: Final = 10
"""A rest is this part of how long nothing has happened, and at least this part of the longest one."""


class PollingPace:
    """Rests that grow with the time since the last look.

    Args:
        interval_s: The longest rest.
        share: The largest share of the DC's time that looks may take.
        clock: Seconds that never go back.
    """

    def __init__(self, interval_s: float, share: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._share = share
        self._clock = clock
        self._looked = clock()

    def after_look(self, asked_s: float) -> float:
        """Seconds to rest after a look that kept the DC busy for so long."""
        self._looked = self._clock()
        return max(self.after_nothing(), asked_s * (1 / self._share - 1))

    def after_nothing(self) -> float:
        """Seconds to rest after a poll that found nothing new."""
        quiet_s = self._clock() - self._looked
        return min(max(quiet_s, self._interval_s) / _FEW, self._interval_s)
