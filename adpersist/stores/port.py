"""What every store promises. The docstrings are the contract; ``tests/contract`` holds adapters to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from adpersist.model.identity.ids import Seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One commit as the store holds it.

    Attributes:
        seq: Its number; frames of a journal are numbered without a gap from 1.
        body: Header and sealed content, opaque here; at most :data:`MAX_FRAME_BYTES`.
    """

    seq: Seq
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHead:
    """The head as the store holds it.

    Attributes:
        seq: Number of the last frame, 0 when there is none.
        body: Opaque here; at most :data:`MAX_HEAD_BYTES`.
        token: The store's own version mark (an ETag, a random mark); equal tokens mean the same head.
    """

    seq: Seq
    body: bytes
    token: str


MAX_FRAME_BYTES: Final = 1_048_576
"""1 MiB, the largest frame and the largest part of a checkpoint.

Together with :data:`MAX_HEAD_BYTES` 1.375 MiB, on the wire 1.84 MiB of base64: inside the 2 MiB of a Cosmos
DB transaction, the 4 MiB of Azure Storage and the 2.9 MiB Azurite can take.
"""

MAX_HEAD_BYTES: Final = 393_216
"""384 KiB, beside frames of the largest size in one transaction."""

MAX_SPARE_BYTES: Final = MAX_FRAME_BYTES
"""A head and frames this large together leave room for a second copy of the head in the same transaction."""

MAX_APPEND_BYTES: Final = MAX_FRAME_BYTES
"""The frames of one append together; a larger look is split into several commits."""

MAX_APPEND_FRAMES: Final = 64
"""Frames in one append: with their parts and the head well below the 100 entities of a transaction."""


class Store(Protocol):
    """One journal's place in one store. Not safe for use by several threads at once.

    Every method but :meth:`create` and :meth:`close` raises ``NoJournalError`` when the store holds no such
    journal, and any may raise ``StoreUnreachableError`` (try again later), ``StoreError`` (a person has to do
    something; the hint says what) and ``IntegrityError`` (the store's own structure is damaged). Nothing else
    leaves a store.
    """

    @property
    def location(self) -> str:
        """Where this is, for people; never a credential."""
        ...

    def create(self, head: bytes) -> StoredHead:
        """Make the journal with its first head, and whatever holds it (file, table) when that is missing.

        Raises:
            JournalExistsError: There is one already; it was not touched.
            LimitError: The head is larger than :data:`MAX_HEAD_BYTES`.
            StoreReadOnlyError, StoreUnreachableError, StoreFullError: Nothing was written.
            OutcomeUnknownError: The store did not answer; read the head to learn whose it is.
        """
        ...

    def head(self) -> StoredHead:
        """The newest durable head.

        Raises:
            NoJournalError: The store holds no such journal; nothing was created by looking.
            StoreUnreachableError: It did not answer.
        """
        ...

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        """Make the frames and the new head durable in one atomic step, or neither.

        Frames follow ``onto.seq`` without a gap; none at all moves the head alone. With ``spare`` a second copy of the
        head is kept in a place of its own, in the same step; it replaces the one before. Frames and both copies
        together are at most :data:`MAX_SPARE_BYTES` then.

        Raises:
            FencedError: The head is no longer ``onto``. Nothing was written.
            OutcomeUnknownError: The store did not answer. Read the head before anything else. The write may
                still land a while after the head was read; sending the same append again is safe, as it
                cannot land twice.
            StoreUnreachableError, StoreFullError, StoreReadOnlyError: Nothing was written.
            LimitError: Too large by the limits above; nothing was sent.
            ValueError: The frames are not numbered as they must be; nothing was sent.
        """
        ...

    def stage(self, frames: Sequence[Frame], *, onto: StoredHead) -> StoredHead:
        """Put frames behind the head, where they do not count until :meth:`advance` has a head say so: for copies.

        One atomic step, and only if the head is still ``onto``: whoever writes to the journal meanwhile never finds a
        frame of its own replaced. The head stays as it is under a new token. A frame that lies there is replaced, so
        the same call is safe to repeat.

        Args:
            frames: Ascending, all above ``onto.seq``; within the limits of :meth:`append`.
            onto: The head they lie behind.

        Raises:
            As :meth:`append`.
        """
        ...

    def advance(self, *, onto: StoredHead, seq: Seq, head: bytes) -> StoredHead:
        """Make staged frames count: the head moves to ``seq``, and its spare with it, in one atomic step.

        Only if the head is still ``onto``. That the frames lie there is the caller's to know.

        Raises:
            FencedError, OutcomeUnknownError, StoreError, LimitError: As :meth:`append`.
            ValueError: The head would go back.
        """
        ...

    def clear(self, *, onto: StoredHead) -> StoredHead:
        """Remove whatever frames lie behind the head: what a copy that was cut off, or a failover, left there.

        Only while the head is ``onto``, so that no writer's frame goes; the head stays as it is under a new token. May
        stop anywhere; safe to repeat.

        Raises:
            FencedError, OutcomeUnknownError, StoreError: As :meth:`append`.
        """
        ...

    def spare(self) -> bytes | None:
        """The spare head as it was kept last; None when there is none. Answers also when the head itself is gone."""
        ...

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        """Frames with ``after < seq <= through`` in order; those trimmed away or missing are left out.

        Takes time for every number asked for, there or not. Without ``through`` up to the head at the time of the
        first frame; later ones may or may not come. Streams: memory does not grow with the journal. The store may be
        used otherwise between two frames.
        """
        ...

    def frames_of(self, spans: Sequence[tuple[Seq, Seq]]) -> Iterator[Frame]:
        """The same of several spans, one after another: a store that is far away is asked for several at once.

        Args:
            spans: ``after`` and ``through`` of each, as in :meth:`frames`; ascending, and none in another.
        """
        ...

    def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
        """Store a checkpoint's parts, replacing one of the same number.

        Not atomic: a checkpoint counts only once a head names it, so never replace one that is named. Every
        part is durable before the next is taken from ``parts``; a call that failed goes on with ``start``.

        Args:
            seq: Sequence number of the state it holds.
            parts: Each at most :data:`MAX_FRAME_BYTES`, in order; taken once, one at a time.
            start: Number of the first of ``parts``; 0 clears what lies there, otherwise earlier parts are
                kept.

        Raises:
            LimitError: A part is too large; the parts before it are stored.
        """
        ...

    def checkpoints(self) -> Sequence[Seq]:
        """Numbers of the checkpoints lying in the store, whole or not, ascending."""
        ...

    def checkpoint(self, seq: Seq) -> Iterator[bytes]:
        """The parts of one checkpoint, in order, up to the first missing; nothing when there is none."""
        ...

    def drop_checkpoint(self, seq: Seq) -> None:
        """Remove a checkpoint; one that is not there is no error."""
        ...

    def trim(self, *, through: Seq) -> None:
        """Remove frames numbered ``through`` and below. Safe to repeat; stops anywhere without harm."""
        ...

    def close(self) -> None:
        """Let go of connections and files; the store is not used afterwards. Safe to repeat."""
        ...
