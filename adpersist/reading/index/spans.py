"""Which commits a state is made of, as the index asks it: a number counts or does not. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from adpersist.journal.timelines import path_to
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.head import Head

NEW_TIMELINE: Final = frozenset({CommitKind.RESTORE_END, CommitKind.REPAIR})
_ENDLESS: Final = Seq(2**63 - 1)


@dataclass(frozen=True, slots=True)
class Counting:
    """Commits that count, as pairs of the first and the last one, ascending."""

    pairs: tuple[tuple[Seq, Seq], ...]

    def __contains__(self, seq: int) -> bool:
        return any(first <= seq <= last for first, last in self.pairs)

    @property
    def condition(self) -> tuple[str, tuple[int, ...]]:
        """The same, to be asked of a row's `seq`, and the numbers for that."""
        asked = " OR ".join(["seq BETWEEN ? AND ?"] * len(self.pairs))
        return f"({asked or 0})", tuple(each for pair in self.pairs for each in pair)

    @property
    def last(self) -> Seq:
        """The newest one; 0 where there is none."""
        return self.pairs[-1][1] if self.pairs else Seq(0)

    def up_to(self, last: Seq) -> "Counting":
        """Those among them up to a commit."""
        return Counting(tuple((first, min(end, last)) for first, end in self.pairs if first <= last))

    def going_on(self, after: Seq) -> "Counting":
        """The same, and whatever comes after a commit."""
        return Counting((*self.pairs, (Seq(after + 1), _ENDLESS)))


def counting(head: Head, point: Seq) -> Counting:
    """Commits that the state at a point is made of; what was pruned counts as the one commit it was pruned up to.

    Raises:
        PointError: The point is beyond the head; or a part of what it is made of was pruned or lost: there may be a
            checkpoint from which it can be told.
    """
    bottom = tuple(each for each in head.checkpoints if each.seq == head.pruned)
    path = path_to(replace(head, checkpoints=bottom), point)
    base = [] if path.checkpoint is None else [(path.checkpoint.seq, path.checkpoint.seq)]
    return Counting((*base, *((Seq(span.after + 1), span.through) for span in path.spans)))
