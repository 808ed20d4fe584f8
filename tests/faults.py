"""A store that fails as told: for the fault matrix and the crash tests, and for nothing else.

Wraps any store and is one. What it does to the caller is what the real thing does: a write that is dropped on
its way and one whose answer is lost look the same from outside, and only the store knows.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final, TypeVar

from adpersist.errors import (
    FencedError,
    JournalExistsError,
    OutcomeUnknownError,
    StoreError,
    StoreReadOnlyError,
    StoreUnreachableError,
    ThrottledError,
)
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Frame, Store, StoredHead

T = TypeVar("T")


class Point(StrEnum):
    """Where a fault can strike: the port's methods."""

    CREATE = "create"
    HEAD = "head"
    APPEND = "append"
    STAGE = "stage"
    ADVANCE = "advance"
    CLEAR = "clear"
    SPARE = "spare"
    FRAMES = "frames"
    PUT_CHECKPOINT = "put_checkpoint"
    CHECKPOINTS = "checkpoints"
    CHECKPOINT = "checkpoint"
    DROP_CHECKPOINT = "drop_checkpoint"
    TRIM = "trim"


class Fault(StrEnum):
    """What goes wrong."""

    REJECT = "reject"
    """Refused for good before anything was written (a read-only credential)."""
    THROTTLE = "throttle"
    """Refused for now; nothing was written."""
    DROP = "drop"
    """The line broke before the request arrived; a stream breaks after its first item."""
    LOSE_ANSWER = "lose_answer"
    """Done, but the answer was lost."""
    LATE = "late"
    """Not answered, and done only after the head was read again, or right before the next append."""
    HANG = "hang"
    """Not answered until the time-out; not done."""
    SLOW = "slow"
    """Done and answered, slowly."""
    DIE_BEFORE = "die_before"
    """This process is killed before the call."""
    DIE_AFTER = "die_after"
    """This process is killed after the call was done and before anybody hears of it."""


WRITES: Final = frozenset(
    {
        Point.CREATE,
        Point.APPEND,
        Point.STAGE,
        Point.ADVANCE,
        Point.CLEAR,
        Point.PUT_CHECKPOINT,
        Point.DROP_CHECKPOINT,
        Point.TRIM,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One fault, at one point, in the ``call``-th call there (from 1) and ``times - 1`` more."""

    point: Point
    fault: Fault
    call: int = 1
    times: int = 1


def die() -> None:
    """End as a power cut would: no handler, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """How long faults take, in seconds, and by whose clock."""

    hang_s: float = 2.0
    slow_s: float = 0.5
    retry_after_s: float | None = None
    sleep: Callable[[float], object] = time.sleep
    die: Callable[[], None] = die


class FaultyStore:
    """Implements :class:`adpersist.stores.port.Store`, faults included.

    Attributes:
        calls: How often every point was reached.
    """

    def __init__(self, inner: Store, script: Iterable[Injection], tempo: Tempo | None = None) -> None:
        self._inner = inner
        self._script = tuple(script)
        self._tempo = tempo or Tempo()
        self._late: list[Callable[[], object]] = []
        self.calls: Counter[Point] = Counter()

    @property
    def location(self) -> str:
        return self._inner.location

    def create(self, head: bytes) -> StoredHead:
        return self._struck(Point.CREATE, lambda: self._inner.create(head))

    def head(self) -> StoredHead:
        try:
            return self._struck(Point.HEAD, self._inner.head)
        finally:
            self._land()

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        self._land()
        return self._struck(Point.APPEND, lambda: self._inner.append(frames, onto=onto, head=head, spare=spare))

    def stage(self, frames: Sequence[Frame], *, onto: StoredHead) -> StoredHead:
        self._land()
        return self._struck(Point.STAGE, lambda: self._inner.stage(frames, onto=onto))

    def advance(self, *, onto: StoredHead, seq: Seq, head: bytes) -> StoredHead:
        self._land()
        return self._struck(Point.ADVANCE, lambda: self._inner.advance(onto=onto, seq=seq, head=head))

    def clear(self, *, onto: StoredHead) -> StoredHead:
        self._land()
        return self._struck(Point.CLEAR, lambda: self._inner.clear(onto=onto))

    def spare(self) -> bytes | None:
        return self._struck(Point.SPARE, self._inner.spare)

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        yield from self._broken(Point.FRAMES, self._inner.frames(after=after, through=through))

    def frames_of(self, spans: Sequence[tuple[Seq, Seq]]) -> Iterator[Frame]:
        yield from self._broken(Point.FRAMES, self._inner.frames_of(spans))

    def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
        fault = self._fault(Point.PUT_CHECKPOINT)
        if fault is Fault.DROP:  # in the middle: the first part is stored, then the line breaks
            self._inner.put_checkpoint(seq, islice(parts, 1), start=start)
        self._strike(Point.PUT_CHECKPOINT, fault, lambda: self._inner.put_checkpoint(seq, parts, start=start))

    def checkpoints(self) -> Sequence[Seq]:
        return self._struck(Point.CHECKPOINTS, self._inner.checkpoints)

    def checkpoint(self, seq: Seq) -> Iterator[bytes]:
        yield from self._broken(Point.CHECKPOINT, self._inner.checkpoint(seq))

    def drop_checkpoint(self, seq: Seq) -> None:
        self._struck(Point.DROP_CHECKPOINT, lambda: self._inner.drop_checkpoint(seq))

    def trim(self, *, through: Seq) -> None:
        self._struck(Point.TRIM, lambda: self._inner.trim(through=through))

    def close(self) -> None:
        self._inner.close()

    def _fault(self, point: Point) -> Fault | None:
        self.calls[point] += 1
        now = self.calls[point]
        for planned in self._script:
            if planned.point is point and planned.call <= now < planned.call + planned.times:
                return planned.fault
        return None

    def _struck(self, point: Point, do: Callable[[], T]) -> T:
        return self._strike(point, self._fault(point), do)

    def _strike(self, point: Point, fault: Fault | None, do: Callable[[], T]) -> T:
        match fault:
            case None:
                return do()
            case Fault.SLOW:
                self._tempo.sleep(self._tempo.slow_s)
                return do()
            case Fault.DIE_AFTER:
                done = do()
                self._tempo.die()
                return done
            case Fault.LOSE_ANSWER:
                do()
            case Fault.LATE:
                self._late.append(do)
            case Fault.HANG:
                self._tempo.sleep(self._tempo.hang_s)
            case Fault.DIE_BEFORE:
                self._tempo.die()
            case Fault.DROP | Fault.REJECT | Fault.THROTTLE:
                pass
        raise self._error(point, fault)

    def _error(self, point: Point, fault: Fault) -> StoreError:
        said = f"{fault} injected at {point}"
        match fault:
            case Fault.REJECT:
                return StoreReadOnlyError(said) if point in WRITES else StoreError(said)
            case Fault.THROTTLE:
                return ThrottledError(said, retry_after_s=self._tempo.retry_after_s)
            case _:
                return OutcomeUnknownError(said) if point in WRITES else StoreUnreachableError(said)

    def _broken(self, point: Point, stream: Iterator[T]) -> Iterator[T]:
        fault = self._fault(point)
        if fault in (Fault.DROP, Fault.LOSE_ANSWER, Fault.LATE):
            yield from islice(stream, 1)
            raise self._error(point, fault)
        yield from self._strike(point, fault, lambda: stream)

    def _land(self) -> None:
        """What was late arrives now; that somebody else was quicker is not ours to say."""
        late, self._late = self._late, []
        for write in late:
            try:
                write()
            except (FencedError, JournalExistsError):
                continue
