"""The agent as a service: polls, looks, survives a DC or a store that is away, and stops when told to."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final, NoReturn

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from adpersist.agent import access
from adpersist.agent.bounds import Policy
from adpersist.agent.capture import Capture
from adpersist.agent.holding import Role, VisitedError, new_writer, wait_for_visitor
from adpersist.agent.notify import notify
from adpersist.config import Config
from adpersist.directory.controller import DomainController
from adpersist.errors import AdpersistError, FencedError, RevertedError
from adpersist.model.head import Head, Writer
from adpersist.telemetry import logger

_LONGEST_WAIT_S: Final = 30.0
_VISIT_S: Final = 0.5
"""How often an agent looks whether a command has handed the journal back."""

_OUTAGE_WAIT: Final = wait_random_exponential(multiplier=0.2, max=_LONGEST_WAIT_S)

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
        self._held = False
        self._accept_store_behind = accept_store_behind
        self._pause = pause
        self._policy = Policy.of(config.journal)
        self._writer = new_writer(Role.AGENT)

    def once(self) -> tuple[Head, float | None]:
        """Look until everything the DC had committed when this began is durable.

        Returns:
            The head then, and when its last commit was made.
        """
        with self._connected(new_writer(Role.VISITOR)) as (_, capture):
            capture.look()
            capture.hand_back()
            return capture.head, capture.durable_time()

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
        with ExitStack() as opened:
            for attempt in self._patient():
                with attempt:
                    dc, capture = opened.enter_context(self._connected(self._writer))
            try:
                self._capture(dc, capture)
            except (FencedError, RevertedError) as error:
                if capture.holds():
                    raise
                # who took the journal over may be done with it: connecting again finds out whether to give way
                log.info("agent.displaced", error=error.message)

    def _capture(self, dc: DomainController, capture: Capture) -> NoReturn:
        settings = self._config.capture
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
            # the first look is a full one: before it is durable there is nothing to rely on
            notify("READY=1\nWATCHDOG=1")
            self._pause(rest_s)

    def _patient(self) -> Retrying:
        """Tries to connect, waiting longer each time, for as long as the DC or the store is away."""
        return Retrying(
            retry=retry_if_exception(_passing),
            wait=_wait_s,
            before_sleep=_log_outage,
            reraise=True,
            sleep=self._pause,
        )

    @contextmanager
    def _connected(self, writer: Writer) -> Iterator[tuple[DomainController, Capture]]:
        dc = access.connect(self._config)
        try:
            journal = access.journal(self._config, dc.identity)
            try:
                access.own(journal, dc)
                wait_for_visitor(journal.head.writer, writer)
                capture = Capture.begin(
                    dc,
                    journal,
                    writer,
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


def _wait_s(state: RetryCallState) -> float:
    visited = state.outcome is not None and isinstance(state.outcome.exception(), VisitedError)
    return _VISIT_S if visited else _OUTAGE_WAIT(state)


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
