"""Frames on their way to the store, in order, while whoever makes them goes on."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Self

from adpersist.journal.appending.appender import Drafting

_LONGEST: Final = 6
"""Frames, of at most a megabyte each: one write that takes long keeps nobody from reading what comes next."""


class AppendQueue:
    """Used as a context manager; nothing is under way any more behind it.

    Args:
        append: Makes one frame durable; called in a thread of its own, for one after another.
    """

    def __init__(self, append: Callable[[Drafting], bool]) -> None:
        self._append = append
        self._beside = ThreadPoolExecutor(1)
        self._under_way = deque[Future[bool]]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._beside.shutdown(cancel_futures=True)

    def put(self, drafting: Drafting) -> None:
        """Have it appended after all that was put before. Raises: What one of those failed with."""
        self._await(_LONGEST - 1)
        before = self._under_way[-1] if self._under_way else None
        self._under_way.append(self._beside.submit(self._append_after, before, drafting))

    def join(self) -> None:
        """Wait until all of it is durable. Raises: What one of them failed with; none after that one was appended."""
        self._await(0)

    def _append_after(self, before: Future[bool] | None, drafting: Drafting) -> bool:
        if before is not None:
            before.result()  # it may hold what the states of this one are made of
        return self._append(drafting)

    def _await(self, left: int) -> None:
        while len(self._under_way) > left:
            self._under_way[0].result()
            self._under_way.popleft()
