"""What became of an append that was not simply done: the rule that keeps two writers from both winning.

Decides only; reading and writing are the appender's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice

from adpersist.errors import MovedError
from adpersist.journal.format.chain import Chain
from adpersist.journal.format.head import OpenHead
from adpersist.model.journal.commit import BESIDE
from adpersist.model.journal.head import Head
from adpersist.stores.port import Frame


class AppendOutcome(Enum):
    """What the head that was found means for what we tried to write."""

    LANDED = auto()
    """It is in the journal; perhaps others have added to it since."""

    REBASE = auto()
    """It is not, and what was added instead does not concern us: try again on top of it."""

    FENCED = auto()
    """Somebody else holds the journal, or a copy of this process does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one append tried.

    Attributes:
        base: The head it was built on.
        frames: What it would have added.
        head: The head it would have made.
        tolerant: It says nothing about the capture, and may be added on top of whatever is there.
    """

    base: OpenHead
    frames: Sequence[Frame] = ()
    head: Head
    tolerant: bool = False


def require_here(head: Head) -> None:
    """What went on in another store is written no more: two heads that both go on would be two histories of one DC.

    Raises:
        MovedError: The journal was moved.
    """
    if head.gone_to is not None:
        raise MovedError(head.gone_to)


def settle_append(attempt: Attempt, found: OpenHead, between: Iterable[Frame]) -> AppendOutcome:
    """Judge a head that is neither the one we built on nor, byte for byte, the one we tried to write.

    Args:
        attempt: What we tried.
        found: The head as it stands.
        between: The frames after the attempt's base, through the found head.

    Raises:
        DamagedError: The frames between do not lead from one head to the other.
    """
    base, ours = attempt.base, [frame.body for frame in attempt.frames]
    if attempt.tolerant:
        first = [frame.body for frame in islice(between, len(ours))]
        return AppendOutcome.LANDED if ours and first == ours else AppendOutcome.REBASE
    if found.head.pruned > base.head.seq:
        return AppendOutcome.FENCED
    chain = Chain(found.keyring, found.journal, seq=base.head.seq, digest=base.head.digest)
    added = 0
    for frame in between:
        is_beside = chain.open(frame).header.kind in BESIDE
        if added < len(ours) and frame.body == ours[added]:
            added += 1
        elif not is_beside:
            return AppendOutcome.FENCED
    chain.finish(seq=found.head.seq, digest=found.head.digest)
    moved = bool(ours) or not same_capture(attempt.head, base.head)
    if moved and added == len(ours) and same_capture(found.head, attempt.head):
        return AppendOutcome.LANDED
    if not added and same_capture(found.head, base.head):
        return AppendOutcome.REBASE
    return AppendOutcome.FENCED


def same_capture(one: Head, other: Head) -> bool:
    """Nothing but marks, keys, checkpoints and pruning lies between them."""
    return (
        one.writer == other.writer
        and one.timeline == other.timeline
        and one.phase is other.phase
        and one.target == other.target
        and one.complete == other.complete
        and one.settled == other.settled
        and one.position == other.position
        and one.witnesses == other.witnesses
    )
