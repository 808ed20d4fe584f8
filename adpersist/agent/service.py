"""The agent as a service: polls, looks, survives a DC or a store that is away, and stops when told to."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from adpersist.agent import access
from adpersist.agent.bounds import Policy
from adpersist.agent.capture import Capture
from adpersist.agent.notify import notify
from adpersist.config import Config
from adpersist.directory.controller import DomainController
from adpersist.errors import AdpersistError
from adpersist.model.head import Head
from adpersist.telemetry import logger

_LONGEST_WAIT_S: Final = 30.0

log = logger("agent")


class Stopped(BaseException):
    """A signal asked the agent to stop. Everything is safe to leave at any moment, so it leaves at once."""


class Service:
    """One capturing process."""

    def __init__(
        self,
        config: Config,
        *,
        accept_store_behind: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config = config
        self._writer = access.new_writer()
        self._held = False
        self._accept_store_behind = accept_store_behind
        self._pause = pause
        self._policy = Policy.of(config.journal)

    def once(self) -> Head:
        """Look until everything the DC had committed when this began is durable; returns the head then."""
        with self._connected() as (_, capture):
            capture.look()
            return capture.head

    def run(self) -> None:
        """Capture until a signal says stop; comes back after outages of the DC or the store.

        Raises:
            RevertedError, FencedError, IntegrityError, ConfigError: Nothing that waiting would mend.
        """
        with _signals():
            try:
                while True:
                    try:
                        self._follow()
                    except AdpersistError as error:
                        if not error.retryable:
                            raise
                        log.warning("agent.interrupted", error=error.message)
                        self._pause(self._config.capture.interval_s)
            except Stopped:
                notify("STOPPING=1")
                log.info("agent.stopped")

    def _follow(self) -> None:
        settings = self._config.capture
        with ExitStack() as opened:
            for attempt in self._patient():
                with attempt:
                    dc, capture = opened.enter_context(self._connected())
            notify("READY=1")
            seen, checked = -1, time.monotonic()
            while True:
                rest_s = settings.interval_s
                if (usn := dc.usn()) != seen:
                    capture.look()
                    capture.tend(self._policy)
                    seen, checked = usn, time.monotonic()
                    rest_s = max(rest_s, capture.asked_s * (1 / settings.share - 1))
                elif time.monotonic() - checked > settings.check_s:
                    capture.check()
                    checked = time.monotonic()
                notify("WATCHDOG=1")
                self._pause(rest_s)

    def _patient(self) -> Retrying:
        """Tries to connect, waiting longer each time, for as long as the DC or the store is away."""
        return Retrying(
            retry=retry_if_exception(_passing),
            wait=wait_random_exponential(multiplier=0.2, max=_LONGEST_WAIT_S),
            before_sleep=_log_outage,
            reraise=True,
            sleep=self._pause,
        )

    @contextmanager
    def _connected(self) -> Iterator[tuple[DomainController, Capture]]:
        dc = access.connect(self._config)
        try:
            journal = access.journal(self._config, dc.identity)
            try:
                access.own(journal, dc)
                capture = Capture.begin(
                    dc,
                    journal,
                    self._writer,
                    again=self._held,
                    accept_store_behind=self._accept_store_behind and not self._held,
                )
                self._held = True
                yield dc, capture
            finally:
                journal.close()
        finally:
            dc.close()


def _passing(error: BaseException) -> bool:
    return isinstance(error, AdpersistError) and error.retryable


def _log_outage(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait_s = state.next_action.sleep if state.next_action else 0.0
    log.warning("agent.interrupted", error=str(error), attempt=state.attempt_number, wait_s=round(wait_s, 2))


@contextmanager
def _signals() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
