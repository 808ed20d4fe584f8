"""How long, and how often, a store that does not answer is tried again."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from adpersist.errors import OutcomeUnknownError, StoreError, StoreUnreachableError

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

RETRYABLE: Final = (StoreUnreachableError, OutcomeUnknownError)


class ThrottledError(StoreUnreachableError):
    """The store has too much to do and says so. Nothing was written.

    Attributes:
        retry_after_s: How long it asked to be left alone; None when it did not say.
    """

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


def ignore(_error: StoreError, _wait_s: float) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential, jittered, bounded in time; what the store asks for by Retry-After is honoured.

    Attributes:
        budget_s: The last try begins before this much time has passed since the first failure, or since the
            call last got on.
        first_s: The longest first wait; it doubles every time.
        cap_s: The longest wait, unless the store asks for more.
        on_wait: Told the error and the seconds before every wait: for metrics and logs.
        sleep: May be an event's ``wait``, to be woken for a stop.
        clock: Seconds, never going back.
        jitter: Uniform in 0..1.
    """

    budget_s: float = 30.0
    first_s: float = 0.2
    cap_s: float = 5.0
    on_wait: Callable[[StoreError, float], None] = ignore
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def call(
        self,
        do: Callable[[], T],
        *,
        failed: StoreError | None = None,
        progress: Callable[[], int] = lambda: 0,
    ) -> T:
        """What ``do`` returns, tried again while the store does not answer.

        Args:
            do: Safe to repeat.
            failed: A first try failed with this already: wait before the next.
            progress: When what it returns has changed since the last failure, the patience starts afresh.

        Raises:
            StoreUnreachableError, OutcomeUnknownError: The last of them, when the budget is spent.
        """
        if failed is None:
            try:
                return do()
            except RETRYABLE as error:
                failed = error
        from tenacity import Retrying, retry_if_exception_type  # loaded where there is something to wait out

        first: list[StoreError] = [failed]

        def attempt() -> T:
            if first:
                raise first.pop()
            return do()

        patience = _Patience(self, progress)
        return Retrying(
            retry=retry_if_exception_type(RETRYABLE),
            wait=patience.wait_s,
            stop=patience.spent,
            sleep=patience.sleep,
            reraise=True,
        )(attempt)


@dataclass(slots=True)
class _Patience:
    """One call's: how often it failed in a row without getting on, and since when."""

    backoff: Backoff
    progress: Callable[[], int]
    failures: int = 0
    since: float = 0.0
    reached: int = field(default=-1)
    error: StoreError | None = None

    def wait_s(self, state: "RetryCallState") -> float:
        error = state.outcome.exception() if state.outcome else None
        self.error = error if isinstance(error, StoreError) else None
        reached = self.progress()
        if self.failures == 0 or reached != self.reached:
            self.failures, self.since, self.reached = 0, self.backoff.clock(), reached
        self.failures += 1
        longest = min(self.backoff.cap_s, self.backoff.first_s * 2.0 ** min(self.failures - 1, 32))
        asked = (error.retry_after_s or 0.0) if isinstance(error, ThrottledError) else 0.0
        return max(asked, longest * (0.5 + self.backoff.jitter() / 2))

    def spent(self, state: "RetryCallState") -> bool:
        return self.backoff.clock() - self.since + state.upcoming_sleep > self.backoff.budget_s

    def sleep(self, wait_s: float) -> None:
        if self.error is not None:
            self.backoff.on_wait(self.error, wait_s)
        self.backoff.sleep(wait_s)
