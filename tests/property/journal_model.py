"""What a journal owes whoever wrote to it, kept without the journal's help: plain sets and walks along commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adpersist.model.objects.object_state import ObjectState

Objects = Mapping[bytes, ObjectState]


@dataclass
class Owed:
    """Every acknowledged point's state, and which of them must still be told.

    Attributes:
        states: What the directory was after a commit; of each that ended a look, or that a mark or a repair made.
        parents: The commit that each is built on.
        points: Must be told, exactly; whatever else is told must be right, too.
        saved: Commits with a whole state beside them.
        marks: Where a name was given.
        gone: Commits that were lost.
        now: What the directory is.
    """

    states: dict[int, Objects] = field(default_factory=lambda: {0: {}})
    parents: dict[int, int] = field(default_factory=dict)
    points: set[int] = field(default_factory=set)
    saved: set[int] = field(default_factory=set)
    marks: dict[str, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    now: Objects = field(default_factory=dict)

    @property
    def head(self) -> int:
        """The last commit."""
        return max(self.parents, default=0)

    def acknowledged(self, seq: int, state: Objects) -> None:
        """A commit that ends something was made."""
        self.grown(seq)
        self.states[seq] = state
        self.points.add(seq)

    def grown(self, seq: int) -> None:
        """Commits were made up to this one, each on the one before."""
        for each in range(self.head + 1, seq + 1):
            self.parents[each] = each - 1

    def went_on_from(self, base: int, seq: int) -> None:
        """A repair's commit stands on an older one."""
        self.parents[seq] = base
        self.states[seq] = self.states[base]
        self.points.add(seq)

    def keeps(self, points: Iterable[int]) -> None:
        """Nobody asked for more than these."""
        self.points &= set(points)

    def lost(self, commits: Iterable[int]) -> None:
        """Commits are gone for good: what is built on one of them, now or since long, is owed no more."""
        self.gone |= set(commits)
        self.points = {point for point in self.points if self._is_tellable(point)}

    def _is_tellable(self, point: int) -> bool:
        while point and point not in self.saved:
            if point in self.gone:
                return False
            point = self.parents[point]
        return True
