"""Trying again what an outage keeps from being done: a DC that is starting, a store that is away."""

from collections.abc import Callable
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential

from adpersist.errors import AdpersistError
from adpersist.telemetry import logger

_LONGEST_WAIT_S: Final = 5.0

T = TypeVar("T")

log = logger("agent")


def passes(error: BaseException) -> bool:
    """Nobody has to do anything about it."""
    return isinstance(error, AdpersistError) and error.retryable


def patiently(do: Callable[[], T], *, patience_s: float, told: Callable[[AdpersistError], None] = lambda _: None) -> T:
    """What ``do`` returns, tried again until so much time has passed.

    Args:
        do: Safe to repeat.
        patience_s: 0: it is tried once.
        told: Hears of every outage before it is waited out.

    Raises:
        AdpersistError: Nothing that passes, or the last outage when the time is over.
    """

    def waiting(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, AdpersistError):
            log.debug("outage.waited_out", error=error.message, attempt=state.attempt_number)
            told(error)

    return Retrying(
        retry=retry_if_exception(passes),
        stop=stop_after_delay(patience_s),
        wait=wait_exponential(multiplier=0.1, max=_LONGEST_WAIT_S),
        before_sleep=waiting,
        reraise=True,
    )(do)
