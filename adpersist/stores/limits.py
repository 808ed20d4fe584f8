"""What is refused before anything is sent, alike for every adapter, by the strictest of the services."""

import re
from collections.abc import Sequence

from adpersist.errors import ConfigError, IntegrityError, LimitError
from adpersist.stores.port import (
    MAX_APPEND_BYTES,
    MAX_APPEND_FRAMES,
    MAX_FRAME_BYTES,
    MAX_HEAD_BYTES,
    MAX_SPARE_BYTES,
    Frame,
    StoredHead,
)

_JOURNAL_ID = re.compile(r"[0-9a-f]{32}")


def is_journal_id(text: str) -> bool:
    """32 lower-case hexadecimal digits."""
    return _JOURNAL_ID.fullmatch(text) is not None


def check_journal_id(journal: str) -> str:
    """The id itself.

    Raises:
        ConfigError: It is not 32 lower-case hexadecimal digits.
    """
    if not is_journal_id(journal):
        raise ConfigError(
            f"not a journal id: {journal!r}",
            hint="A journal id is 32 lower-case hexadecimal digits, as `init` wrote it.",
        )
    return journal


def check_head(head: bytes) -> None:
    """Raises:
    LimitError: The head is larger than any store takes.
    """
    if len(head) > MAX_HEAD_BYTES:
        raise LimitError(f"the head is {len(head)} bytes, the limit is {MAX_HEAD_BYTES}")


def check_part(seq: int, number: int, part: bytes) -> None:
    """Raises:
    LimitError: The checkpoint's part is larger than any store takes.
    """
    if len(part) > MAX_FRAME_BYTES:
        raise LimitError(f"part {number} of checkpoint {seq} is {len(part)} bytes, the limit is {MAX_FRAME_BYTES}")


def room_for_spare(frames: Sequence[Frame], head: bytes) -> bool:
    """A second copy of the head fits into the same append."""
    return sum(len(frame.body) for frame in frames) + 2 * len(head) <= MAX_SPARE_BYTES


def check_append(frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> None:
    """Raises:
    LimitError: A frame, all of them together, or the head are larger than any store takes.
    ValueError: The frames do not follow the head without a gap.
    """
    check_head(head)
    for expected, frame in enumerate(frames, start=onto.seq + 1):
        if frame.seq != expected:
            raise ValueError(f"frame {frame.seq} where {expected} should follow head {onto.seq}")
    total = _check_frames(frames)
    if spare and not room_for_spare(frames, head):
        raise LimitError(f"frames of {total} bytes leave no room for a spare of a head of {len(head)} bytes")


def check_stage(frames: Sequence[Frame], *, onto: StoredHead) -> None:
    """Raises:
    LimitError: A frame, or all of them together, are larger than any store takes.
    ValueError: They do not lie behind the head, or not in order.
    """
    last = onto.seq
    for frame in frames:
        if frame.seq <= last:
            raise ValueError(f"frame {frame.seq} does not lie behind {last}")
        last = frame.seq
    _check_frames(frames)


def check_advance(*, onto: StoredHead, seq: int, head: bytes) -> None:
    """Raises:
    LimitError: The head is larger than any store takes.
    ValueError: It would go back.
    """
    check_head(head)
    if seq < onto.seq:
        raise ValueError(f"the head is at {onto.seq} and does not go back to {seq}")


def frames_behind(location: str, seq: int) -> IntegrityError:
    """The error for an append that finds frames in its place which no head names."""
    return IntegrityError(
        f"{location} holds frames after its head at {seq}",
        hint="A copy that was cut off, or a failover, left them: `adpersist check --repair` takes up what follows, and "
        "removes the rest.",
    )


def _check_frames(frames: Sequence[Frame]) -> int:
    """How many bytes they have together."""
    for frame in frames:
        if len(frame.body) > MAX_FRAME_BYTES:
            raise LimitError(f"frame {frame.seq} is {len(frame.body)} bytes, the limit is {MAX_FRAME_BYTES}")
    if len(frames) > MAX_APPEND_FRAMES:
        raise LimitError(f"{len(frames)} frames in one append, the limit is {MAX_APPEND_FRAMES}")
    total = sum(len(frame.body) for frame in frames)
    if total > MAX_APPEND_BYTES:
        raise LimitError(f"the frames of one append are {total} bytes, the limit is {MAX_APPEND_BYTES}")
    return total
