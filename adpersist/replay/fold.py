"""The state at a point of the journal: from the newest checkpoint that helps, then the commits after it."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from adpersist.journal.writer import Journal
from adpersist.model.ids import Seq
from adpersist.replay.state import State


def fold(journal: Journal, through: Seq | None = None, *, progress: Callable[[Seq], None] | None = None) -> State:
    """The directory as the journal has it at ``through``; None: at its head.

    Commits of abandoned timelines are left out, so a point after a restore has what the restore brought back.

    Args:
        journal: Opened to read.
        through: A commit of any timeline.
        progress: Told of every commit folded.

    Raises:
        PointError: No such point, or what it is made of was pruned.
        DamagedError: The journal is not what was written; nothing of it is used.
    """
    states, commits = journal.history(journal.head.seq if through is None else through)
    with _unswept():
        state = State(states)
        for commit in commits:
            state.apply(commit.changes)
            if progress is not None:
                progress(commit.seq)
    return state


@contextmanager
def _unswept() -> Iterator[None]:
    """Without the collector of cycles: it would walk millions of values that hold none, again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
