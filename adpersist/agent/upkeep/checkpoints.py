"""Keeping the journal bounded: checkpoints, by hand and by policy, and what a prune takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from adpersist.config import JournalSection
from adpersist.errors import ConfigError, PointError, StoreFullError
from adpersist.journal.journal import Journal
from adpersist.journal.upkeep.checkpoints import HalfLookError
from adpersist.journal.upkeep.retention import PrunePlan, doubts, plan_prune
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.head import Checkpoint, Head
from adpersist.state.fold import stream_objects
from adpersist.stores.port import MAX_FRAME_BYTES
from adpersist.system.memory import give_back

_FEWEST_COMMITS: Final = 10_000
_FEWEST_BYTES: Final = 64 * 1024 * 1024
"""Between two checkpoints, of however small a directory."""

_MEASURED_AT_ONCE: Final = 32
"""The size of commits is looked up in the store; not oftener than for so many of them together."""

_WINDOW: Final = 64

_PRUNE_TRIES: Final = 4
"""How often a prune plans anew because another one was quicker."""

Progress = Callable[[Seq], None]


def write_checkpoint(journal: Journal, *, now: float, progress: Progress | None = None) -> Checkpoint:
    """Store the state at the newest settled look, so that reading may begin there. Fences nobody.

    Raises:
        PointError: There is no whole look in the journal yet.
    """
    seq = _newest_look(journal)
    named = [each for each in journal.head.checkpoints if each.seq == seq]
    if named:
        return named[0]
    return journal.write_checkpoint(seq, stream_objects(journal, seq, progress=progress), now=now)


def planned(head: Head, *, oldest: Seq, keep_marks: bool, keep_image: bool = True) -> PrunePlan:
    """What :func:`prune` takes, the checkpoint counted in that it writes first; changes nothing."""
    plan = plan_prune(head, oldest=oldest, keep_marks=keep_marks, keep_image=keep_image)
    if plan.wanted is None:
        return plan
    promised = Checkpoint(seq=plan.wanted, digest=b"", time=0.0, parts=0, objects=0, proof=b"")
    checkpoints = tuple(sorted([*head.checkpoints, promised], key=lambda each: each.seq))
    with_it = plan_prune(
        replace(head, checkpoints=checkpoints), oldest=oldest, keep_marks=keep_marks, keep_image=keep_image
    )
    return replace(with_it, wanted=plan.wanted)


def prune(journal: Journal, *, oldest: Seq, keep_marks: bool, keep_image: bool = True, now: float) -> PrunePlan:
    """Forget what no point from ``oldest`` on needs; a checkpoint takes the place of what made the oldest point.

    What older checkpoints let go goes first, and makes room. Then the checkpoint is whole and named before more goes,
    so a crash leaves more than is needed and never less. Where the store has no room for it, less goes.

    Raises:
        StoreFullError: There is no room, and nothing can go without a new checkpoint.
    """
    first = PrunePlan(through=BEFORE_FIRST, checkpoints=(), marks=(), wanted=None)
    for _ in range(_PRUNE_TRIES):
        head = journal.refresh()
        plan = plan_prune(head, oldest=oldest, keep_marks=keep_marks, keep_image=keep_image)
        if plan.wanted is None:
            break
        if plan.through > head.pruned:
            gone = journal.prune(oldest=oldest, keep_marks=keep_marks, keep_image=keep_image, now=now)
            first = _together(first, gone)
        try:
            journal.write_checkpoint(plan.wanted, stream_objects(journal, plan.wanted), now=now)
        except HalfLookError:
            break  # a mark in the middle of a look is no place for a checkpoint: less goes then, and nothing is wrong
        except PointError:
            if journal.refresh().pruned == head.pruned:
                raise  # else another prune went past it meanwhile
        except StoreFullError:
            if first.through == BEFORE_FIRST:
                raise
            break
    last = journal.prune(oldest=oldest, keep_marks=keep_marks, keep_image=keep_image, now=now)
    return _together(first, last)


def _together(first: PrunePlan, then: PrunePlan) -> PrunePlan:
    """What two prunes one after the other took."""
    return replace(then, checkpoints=(*first.checkpoints, *then.checkpoints), marks=(*first.marks, *then.marks))


def interval(head: Head) -> tuple[int, int]:
    """After how many commits, and how many bytes of them, a checkpoint is worth its room, by the last one."""
    if not head.checkpoints:
        return worth(0, 0)
    last = head.checkpoints[-1]
    return worth(last.objects, last.parts * MAX_FRAME_BYTES)


def worth(objects: int, size: int) -> tuple[int, int]:
    """The same, of a checkpoint of so many objects and bytes.

    Of a large directory it takes many times what the commits between two of them do. A commit takes as long to fold as
    three objects of a checkpoint take to read: with a tenth as many commits, a state takes a third more time.
    """
    return max(_FEWEST_COMMITS, objects // 10), max(_FEWEST_BYTES, size // 8)


@dataclass(slots=True)
class CheckpointPolicy:
    """When a checkpoint is due: whenever so many commits or bytes came since the last one.

    While nothing is committed it asks the store for nothing.

    Attributes:
        every_commits: 0: never by number; None: see :func:`interval`.
        every_bytes: 0: never by size; None: the same.
    """

    every_commits: int | None
    every_bytes: int | None
    _since: Seq | None = None
    _measured: Seq = BEFORE_FIRST
    _bytes: int = 0

    @classmethod
    def of(cls, settings: JournalSection) -> "CheckpointPolicy":
        """The configured one."""
        return cls(settings.checkpoint_every_commits, settings.checkpoint_every_bytes)

    def due(self, journal: Journal) -> bool:
        """Whether one is to be written at the journal's head. Raises: StoreError."""
        head = journal.head
        if not (head.settled and head.complete):
            return False
        last = head.checkpoints[-1].seq if head.checkpoints else head.pruned
        if any(last <= each.last for each in head.lost):
            return True  # nothing that was lost is needed any more once it is there
        commits, size = interval(head)
        commits = commits if self.every_commits is None else self.every_commits
        size = size if self.every_bytes is None else self.every_bytes
        if commits and head.seq - last >= commits:
            return True
        return bool(size) and self._measure(journal, last) >= size

    def _measure(self, journal: Journal, last: Seq) -> int:
        """Bytes since the last checkpoint, as far as they were looked up."""
        head, begins = journal.head, self._since != last
        if begins:
            self._since, self._measured, self._bytes = last, last, 0
        if head.seq - self._measured >= _MEASURED_AT_ONCE:
            self._bytes += journal.size(after=self._measured)
            self._measured = head.seq
            if begins:
                give_back()  # it may have been the whole journal
        return self._bytes


@dataclass(slots=True)
class RetentionPolicy:
    """When the agent lets go of what is too old: now and then, by the checkpoints there are.

    Attributes:
        keep: How long a point is kept, as a person writes it; empty: for ever.
        every_s: How often it is looked into.
        clock: Seconds, never going back.
    """

    keep: str
    every_s: float = 6 * 3600.0
    clock: Callable[[], float] = time.monotonic
    _next: float = 0.0

    def due(self) -> bool:
        """Whether to look into it now; the next time is so much later."""
        if not self.keep or self.clock() < self._next:
            return False
        self._next = self.clock() + self.every_s
        return True

    def tend(self, journal: Journal, *, now: float) -> PrunePlan | None:
        """Forget what is too old, but for marks; None: there is nothing.

        Raises:
            DoubtfulPruneError: A person is to decide.
        """
        try:
            oldest = journal.oldest(f"-{self.keep}", now=now)
        except PointError:
            return None  # the journal does not reach back so far
        plan = plan_prune(journal.head, oldest=oldest, keep_marks=True)
        if plan.through <= journal.head.pruned:
            return None
        require_sure(journal.head, plan, now=now)
        return journal.prune(oldest=oldest, keep_marks=True, now=now)


class DoubtfulPruneError(ConfigError):
    """A prune would take much, or by a clock that cannot be right; nothing went."""


def require_sure(head: Head, plan: PrunePlan, *, now: float) -> None:
    """Raises:
    DoubtfulPruneError: A person has to say yes to this prune.
    """
    found = doubts(head, plan, now=now)
    if found:
        raise DoubtfulPruneError(
            f"nothing was pruned: {'; '.join(found)}",
            hint="Look at `date`, and at what `adpersist prune --keep AGE --dry-run` says; --yes does it.",
        )


def _newest_look(journal: Journal) -> Seq:
    """The newest settled look: a mark after it has the same state, and says nothing of when that was captured."""
    settled = journal.resolve(None, now=0.0)
    after = Seq(max(journal.head.pruned, settled - _WINDOW))
    looks = [
        commit.seq
        for commit in journal.commits(after=after, through=settled)
        if commit.kind is CommitKind.LOOK and commit.ends_look and commit.complete
    ]
    return looks[-1] if looks else settled
