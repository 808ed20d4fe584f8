"""The state at a point of the journal: from the newest checkpoint that helps, then the commits after it."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from adpersist.errors import IntegrityError, PointError
from adpersist.journal.damage import DamagedCheckpointError
from adpersist.journal.writer import Journal
from adpersist.model.ids import Seq
from adpersist.replay.state import State
from adpersist.telemetry import logger

log = logger("journal")


def fold(journal: Journal, through: Seq | None = None, *, progress: Callable[[Seq], None] | None = None) -> State:
    """The directory as the journal has it at ``through``; None: at its head.

    Commits of abandoned timelines are left out, so a point after a restore has what the restore brought back.

    Args:
        journal: Opened to read.
        through: A commit of any timeline.
        progress: Told of every commit folded.

    Raises:
        PointError: No such point, or what it is made of was pruned.
        IntegrityError: The journal is not what was written; nothing of it is used. A damaged checkpoint alone is passed
            over for as long as the commits before it are there.
    """
    point = journal.head.seq if through is None else through
    broken: list[DamagedCheckpointError] = []
    while True:
        try:
            return _folded(journal, point, broken, progress)
        except DamagedCheckpointError as error:
            log.warning("checkpoint.passed_over", error=error.message)
            broken.append(error)


def _folded(
    journal: Journal,
    point: Seq,
    broken: Sequence[DamagedCheckpointError],
    progress: Callable[[Seq], None] | None,
) -> State:
    try:
        states, commits = journal.history(point, without=[error.seq for error in broken if error.seq is not None])
    except PointError:
        if broken:
            raise IntegrityError(broken[0].message, hint=broken[0].hint) from broken[0]
        raise
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
