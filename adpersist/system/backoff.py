"""How long, and how often, what an outage keeps from being done is tried again: the one policy of every room.

A store that does not answer, a DC that is starting, a vault that is away, a command that has the journal for a moment.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from adpersist.errors import AdpersistError
from adpersist.telemetry import logger

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

log = logger("outage")


def log_wait(error: AdpersistError, wait_s: float) -> None:
    """Somebody who looks for a defect wants to know."""
    log.debug("outage.waited_out", error=error.message, wait_s=round(wait_s, 2))


def is_retryable(error: AdpersistError) -> bool:
    """It may be over in a moment."""
    return error.retryable


def may_pass(error: AdpersistError) -> bool:
    """It may be over some time: for who has nothing else to do than to wait."""
    return error.retryable or error.may_pass


def warn_of_wait(error: AdpersistError, wait_s: float) -> None:
    """Somebody may have to do something."""
    log.warning("outage.waiting", error=error.message, hint=error.hint)


class Told:
    """Says what is being waited for, when it begins, when it is another, and now and then: nobody waits silently.

    Args:
        every_s: The longest time between two times that the same is said.
        clock: Seconds that never go back.
        say: Says it.
    """

    def __init__(
        self,
        *,
        every_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[AdpersistError, float], None] = warn_of_wait,
    ) -> None:
        self._every_s = every_s
        self._clock = clock
        self._say = say
        self._said = ""
        self._next = 0.0

    def __call__(self, error: AdpersistError, wait_s: float) -> None:
        """Before every wait."""
        if error.message == self._said and self._clock() < self._next:
            log_wait(error, wait_s)
            return
        self._said, self._next = error.message, self._clock() + self._every_s
        self._say(error, wait_s)

    def over(self) -> None:
        """What was waited for is there again: the next time begins anew."""
        self._said = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential, jittered, bounded in time; what an error asks for itself is honoured.

    Attributes:
        budget_s: The last try begins before this much time has passed since the first failure, or since the
            call last got on; 0: it is tried once; infinite: for as long as it takes.
        first_s: The longest first wait; it doubles every time.
        cap_s: The longest wait, unless the error asks for more.
        waits_for: Which errors are waited out.
        on_wait: Told the error and the seconds before every wait: for metrics and logs.
        sleep: May be an event's ``wait``, to be woken for a stop; what it raises ends the call.
        clock: Seconds, never going back.
        jitter: Uniform in 0..1.
    """

    budget_s: float = 30.0
    first_s: float = 0.2
    cap_s: float = 5.0
    waits_for: Callable[[AdpersistError], bool] = is_retryable
    on_wait: Callable[[AdpersistError, float], object] = log_wait
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def call(
        self,
        do: Callable[[], T],
        *,
        failed: AdpersistError | None = None,
        progress: Callable[[], int] = lambda: 0,
    ) -> T:
        """What ``do`` returns, tried again while trying again can help.

        Args:
            do: Safe to repeat.
            failed: A first try failed with this already: wait before the next.
            progress: When what it returns has changed since the last failure, the patience starts afresh.

        Raises:
            AdpersistError: One that is not waited for, or the last one when the budget is spent.
        """
        if failed is None:
            try:
                return do()
            except AdpersistError as error:
                if not self.waits_for(error):
                    raise
                failed = error
        from tenacity import Retrying, retry_if_exception  # loaded where there is something to wait out

        first: list[AdpersistError] = [failed]

        def attempt() -> T:
            if first:
                raise first.pop()
            return do()

        patience = _Patience(self, progress)
        return Retrying(
            retry=retry_if_exception(self._is_waited_for),
            wait=patience.wait_s,
            stop=patience.spent,
            sleep=patience.sleep,
            reraise=True,
        )(attempt)

    def _is_waited_for(self, error: BaseException) -> bool:
        return isinstance(error, AdpersistError) and self.waits_for(error)


@dataclass(slots=True)
class _Patience:
    """One call's: how often it failed in a row without getting on, and since when."""

    backoff: Backoff
    progress: Callable[[], int]
    failures: int = 0
    since: float = 0.0
    reached: int = field(default=-1)
    error: AdpersistError | None = None

    def wait_s(self, state: "RetryCallState") -> float:
        error = state.outcome.exception() if state.outcome else None
        self.error = error if isinstance(error, AdpersistError) else None
        reached = self.progress()
        if self.failures == 0 or reached != self.reached:
            self.failures, self.since, self.reached = 0, self.backoff.clock(), reached
        self.failures += 1
        if self.error is not None and self.error.asked_every_s is not None:
            return self.error.asked_every_s
        longest = min(self.backoff.cap_s, self.backoff.first_s * 2.0 ** min(self.failures - 1, 32))
        asked = (self.error.retry_after_s if self.error is not None else None) or 0.0
        return max(asked, longest * (0.5 + self.backoff.jitter() / 2))

    def spent(self, state: "RetryCallState") -> bool:
        return self.backoff.clock() - self.since + state.upcoming_sleep > self.backoff.budget_s

    def sleep(self, wait_s: float) -> None:
        if self.error is not None:
            self.backoff.on_wait(self.error, wait_s)
        self.backoff.sleep(wait_s)
