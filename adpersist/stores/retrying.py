"""A store that does not give up at once, and that settles what became of a write nobody answered.

Wraps any store and is one. A write whose outcome is unknown is settled by reading the head: if it is ours,
the write happened; if it is still the one we wrote onto, the same append is sent again, which the store's own
comparison keeps from landing twice even when the first one arrives late (Azure may apply a write 30 s after
the client gave up); if it is another, we are fenced.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from adpersist.errors import (
    FencedError,
    JournalExistsError,
    NoJournalError,
    OutcomeUnknownError,
    StoreError,
    StoreUnreachableError,
)
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.stores.port import Frame, Store, StoredHead
from adpersist.system.backoff import Backoff

T = TypeVar("T")

_RETRYABLE: Final = (StoreUnreachableError, OutcomeUnknownError)


class RetryingStore:
    """Implements :class:`adpersist.stores.port.Store`."""

    def __init__(self, inner: Store, backoff: Backoff | None = None) -> None:
        self._inner = inner
        self._backoff = backoff or Backoff()

    @property
    def location(self) -> str:
        return self._inner.location

    def create(self, head: bytes) -> StoredHead:
        def ours() -> StoredHead | None:
            try:
                found = self._inner.head()
            except NoJournalError:
                return None
            if found.body == head and found.seq == 0:
                return found
            raise JournalExistsError(f"there is a journal in {self.location} already, and not the one sent")

        return self._settled(lambda: self._inner.create(head), ours, lost=JournalExistsError)

    def head(self) -> StoredHead:
        return self._backoff.call(self._inner.head)

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        def ours() -> StoredHead | None:
            return self._found(onto, onto.seq + len(frames), head)

        def write() -> StoredHead:
            return self._inner.append(frames, onto=onto, head=head, spare=spare)

        return self._settled(write, ours, lost=FencedError)

    def stage(self, frames: Sequence[Frame], *, onto: StoredHead) -> StoredHead:
        return self._repeated(lambda base: self._inner.stage(frames, onto=base), onto)

    def clear(self, *, onto: StoredHead) -> StoredHead:
        return self._repeated(lambda base: self._inner.clear(onto=base), onto)

    def advance(self, *, onto: StoredHead, seq: Seq, head: bytes) -> StoredHead:
        def ours() -> StoredHead | None:
            return self._found(onto, seq, head)

        return self._settled(lambda: self._inner.advance(onto=onto, seq=seq, head=head), ours, lost=FencedError)

    def spare(self) -> bytes | None:
        return self._backoff.call(self._inner.spare)

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        def stream() -> Iterator[Frame]:
            return self._inner.frames(after=after, through=through)

        for frame in self._resumed(stream):
            after = frame.seq
            yield frame

    def frames_of(self, spans: Sequence[tuple[Seq, Seq]]) -> Iterator[Frame]:
        seen = BEFORE_FIRST

        def stream() -> Iterator[Frame]:
            return self._inner.frames_of([(max(after, seen), through) for after, through in spans if seen < through])

        for frame in self._resumed(stream):
            seen = frame.seq
            yield frame

    def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
        held = _Held(parts, start)
        self._backoff.call(
            lambda: self._inner.put_checkpoint(seq, held, start=held.number), progress=lambda: held.number
        )

    def checkpoints(self) -> Sequence[Seq]:
        return self._backoff.call(self._inner.checkpoints)

    def checkpoint(self, seq: Seq) -> Iterator[bytes]:
        seen = 0

        def stream() -> Iterator[bytes]:
            again = self._inner.checkpoint(seq)
            for _ in range(seen):
                next(again, None)
            return again

        for part in self._resumed(stream):
            seen += 1
            yield part

    def drop_checkpoint(self, seq: Seq) -> None:
        self._backoff.call(lambda: self._inner.drop_checkpoint(seq))

    def trim(self, *, through: Seq) -> None:
        self._backoff.call(lambda: self._inner.trim(through=through))

    def close(self) -> None:
        self._inner.close()

    def _found(self, onto: StoredHead, seq: int, head: bytes) -> StoredHead | None:
        """The head, where it is the one written; None when it is still ``onto``."""
        found = self._inner.head()
        if found.token == onto.token:
            return None
        if found.body == head and found.seq == seq:
            return found
        raise FencedError(f"the head of {self.location} is at {found.seq} and no longer the one at {onto.seq}")

    def _settled(
        self,
        write: Callable[[], StoredHead],
        ours: Callable[[], StoredHead | None],
        *,
        lost: type[FencedError] | type[JournalExistsError],
    ) -> StoredHead:
        """The head that ``write`` made, in this try or in an earlier one that was not answered.

        Args:
            write: Cannot happen twice.
            ours: The head when it is the one written, None when it is still the old one; raises otherwise.
            lost: What ``write`` raises when the head is not the old one, be the new one ours or not.
        """
        doubtful = False

        def attempt() -> StoredHead:
            nonlocal doubtful
            if doubtful and (found := ours()) is not None:
                return found
            try:
                return write()
            except OutcomeUnknownError:
                doubtful = True
                raise
            except lost:
                if doubtful and (found := ours()) is not None:
                    return found
                raise

        try:
            return self._backoff.call(attempt)
        except (NoJournalError, JournalExistsError, OutcomeUnknownError):
            raise
        except StoreError as error:
            if not doubtful:
                raise
            raise OutcomeUnknownError(  # the last try wrote nothing; the first may have
                f"{self.location} did not tell whether it took a write: {error.message}", hint=error.hint
            ) from error

    def _repeated(self, write: Callable[[StoredHead], StoredHead], onto: StoredHead) -> StoredHead:
        """A write behind a head that stays as it is, but for its token: to do it twice does no harm."""
        base, doubtful = onto, False

        def attempt() -> StoredHead:
            nonlocal base, doubtful
            try:
                return write(base)
            except OutcomeUnknownError:
                doubtful = True
                raise
            except FencedError:
                if not doubtful:
                    raise
                base = self._inner.head()  # ours has landed, perhaps late
                if (base.seq, base.body) != (onto.seq, onto.body):
                    raise
                return write(base)

        return self._backoff.call(attempt)

    def _resumed(self, stream: Callable[[], Iterator[T]]) -> Iterator[T]:
        """All of a stream; ``stream`` opens it behind what was handed out."""
        current = stream()

        def reopened() -> T | None:
            nonlocal current
            current = stream()
            return next(current, None)

        while True:
            try:
                item = next(current, None)
            except _RETRYABLE as error:
                item = self._backoff.call(reopened, failed=error)
            if item is None:
                return
            yield item


class _Held:
    """Parts, each kept until the next is asked for: by then it is stored, and until then it can be had again."""

    def __init__(self, parts: Iterable[bytes], start: int) -> None:
        self._source = iter(parts)
        self._part: bytes | None = None
        self.number = start

    def __iter__(self) -> Iterator[bytes]:
        while True:
            if self._part is None:
                self._part = next(self._source, None)
            if self._part is None:
                return
            yield self._part
            self._part = None
            self.number += 1
