"""What may be forgotten. Pure: decides which commits, checkpoints, marks and timelines a head goes on without."""

from dataclasses import dataclass, replace
from typing import Final

from adpersist.journal.timelines import is_tellable, path_to
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import IMAGE, Head


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunePlan:
    """What a prune takes away.

    Attributes:
        through: Commits up to this one go; a checkpoint of this number stays. 0: nothing goes.
        checkpoints: Checkpoints that go.
        marks: Names that go.
        wanted: A checkpoint at this commit would let more go; None when nothing is to be gained.
    """

    through: Seq
    checkpoints: tuple[Seq, ...]
    marks: tuple[str, ...]
    wanted: Seq | None


def plan_prune(head: Head, *, oldest: Seq, keep_marks: bool, keep_image: bool = True) -> PrunePlan:
    """The most that can go while every point from ``oldest`` on, and every mark if asked for, can still be restored.

    Points on an abandoned timeline older than ``oldest`` go unless a mark or a later timeline stands on them.

    Args:
        head: The journal's head.
        oldest: A settled commit, the oldest point to keep.
        keep_marks: Keep every mark, however old.
        keep_image: Also what notes when the machine's image was taken.
    """
    kept = _roots(head, oldest, keep_marks=keep_marks, keep_image=keep_image)
    floor = max(min(_anchor(head, point) for point in kept), head.pruned) if kept else head.pruned
    wanted = min(kept, default=floor)
    return PrunePlan(
        through=floor,
        checkpoints=tuple(each.seq for each in head.checkpoints if each.seq < floor),
        marks=tuple(mark.name for mark in head.marks if mark.seq < floor),
        wanted=wanted if wanted > floor else None,
    )


_PLAUSIBLE_S: Final = 86_400.0
"""So long after the journal's last word a clock is believed."""


def doubts(head: Head, plan: PrunePlan, *, now: float) -> tuple[str, ...]:
    """Why a prune wants a person's word, as clauses; none: it may go ahead.

    What a wrong clock calls old is gone for good, so a clock that is far ahead of the journal, and a prune that would
    take more than half of it, are asked about.

    Args:
        head: The journal's head.
        plan: What would go.
        now: By the clock that decides what is old, Unix seconds.
    """
    gone = plan.through - head.pruned
    if not gone:
        return ()
    found = []
    if now - head.time > _PLAUSIBLE_S:
        days = (now - head.time) / 86_400
        found.append(f"this machine's clock is {days:.0f} days past the journal's last word")
    if gone * 2 > head.seq - head.pruned:
        found.append(f"{gone} of {head.seq - head.pruned} commits would go, more than half")
    return tuple(found)


def pruned_head(head: Head, forgetting: PrunePlan) -> Head:
    """The head that no longer knows what is forgotten.

    Where the journal begins without a checkpoint, as that was lost, the note of that is what its chain hangs on.
    """
    checkpoints = tuple(each for each in head.checkpoints if each.seq not in forgetting.checkpoints)
    stands = any(each.seq == forgetting.through for each in checkpoints)
    return replace(
        head,
        pruned=forgetting.through,
        checkpoints=checkpoints,
        marks=tuple(mark for mark in head.marks if mark.name not in forgetting.marks),
        timelines=tuple(each for each in head.timelines if each.begins > forgetting.through),
        lost=tuple(each for each in head.lost if each.last >= forgetting.through + stands),
    )


def _roots(head: Head, oldest: Seq, *, keep_marks: bool, keep_image: bool) -> set[Seq]:
    """The points everything kept is built on; what cannot be told any more is kept no longer."""
    oldest = max(oldest, head.pruned)
    if not is_tellable(head, oldest):  # what comes after it can be told from the next checkpoint, or a restore, on
        starts = [*(each.seq for each in head.checkpoints), *(each.begins for each in head.timelines)]
        oldest = min((at for at in starts if at >= oldest and is_tellable(head, at)), default=head.seq)
    roots = {oldest}
    if head.target is not None:
        roots.add(head.target)
    if keep_marks:
        roots.update(mark.seq for mark in head.marks if keep_image or mark.name != IMAGE)
    roots.update(each.base for each in head.timelines if each.begins > oldest and each.base)
    return {point for point in roots if is_tellable(head, point)}


def _anchor(head: Head, point: Seq) -> Seq:
    """The checkpoint the state at a point is built from; 0: the journal's beginning."""
    checkpoint = path_to(head, point).checkpoint
    return BEFORE_FIRST if checkpoint is None else checkpoint.seq
