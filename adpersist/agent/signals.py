"""What a signal does to the agent."""

import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_STOP: Final = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """A signal asked the agent to stop. Everything is safe to leave at any moment, so it leaves at once."""


class Reloaded(BaseException):
    """A signal asked for the configuration to be read again."""


class Pause:
    """Waiting that SIGHUP ends; one that comes while the agent works ends the next wait before it begins."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self._asked = False
        self._waiting = False

    def __call__(self, seconds: float, woken_by: int | None = None) -> None:
        """Wait.

        Args:
            woken_by: A descriptor that ends it as soon as there is something to read.

        Raises:
            Reloaded.
        """
        self._waiting = True
        try:
            if self._asked:
                raise Reloaded
            if woken_by is None:
                self._sleep(seconds)
            else:
                poll = select.poll()
                poll.register(woken_by, select.POLLIN)
                poll.poll(1000 * seconds)
        except Reloaded:
            self._asked = False
            raise
        finally:
            self._waiting = False

    def reload(self) -> None:
        """SIGHUP."""
        self._asked = True
        if self._waiting:
            raise Reloaded


@contextmanager
def heeded(pause: Pause) -> Iterator[None]:
    """SIGTERM and SIGINT raise :class:`Stopped` in this block, SIGHUP ends ``pause``."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    def reload(_number: int, _frame: FrameType | None) -> None:
        pause.reload()

    before = {number: signal.signal(number, stop) for number in _STOP}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
