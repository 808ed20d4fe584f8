"""The state at a point of the journal: from the newest checkpoint that helps, then the commits after it."""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from adpersist.errors import PointError, PrunedMeanwhileError
from adpersist.journal.damage import DamagedCheckpointError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.commit import Commit
from adpersist.model.objects.change import Kind
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.model.objects.rows.spilled_object import spilled, with_spilled_values
from adpersist.model.objects.rows.spilled_row import Spill
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.fingerprint_table import Rows
from adpersist.state.state import State
from adpersist.telemetry import logger

log = logger("journal")

_MOST_PRUNES: Final = 3
"""Of one journal within one reading of it."""

Objects = Iterable[ObjectState | Gone]
Made = TypeVar("Made")


def fold(
    journal: Journal,
    through: Seq | None = None,
    *,
    progress: Callable[[Commit], None] | None = None,
    spill: Spill | None = None,
) -> State:
    """The directory as the journal has it at ``through``; None: at its head.

    Commits of abandoned timelines are left out, so a point after a restore has what the restore brought back.

    Args:
        journal: Opened to read.
        through: A commit of any timeline.
        progress: Told of every commit folded.
        spill: Where values go that most likely nobody will look into; None: they stay in memory.

    Raises:
        PointError: No such point, or what it is made of was pruned.
        IntegrityError: The journal is not what was written; nothing of it is used. A damaged checkpoint alone is passed
            over for as long as the commits before it are there.
    """

    def folded(objects: Objects, commits: Iterable[Commit]) -> State:
        state = State(objects if spill is None else (_spilled(item, spill) for item in objects))
        _take(state, commits, spill, progress)
        return state

    return _read(journal, through, [], folded)


def fold_on(
    journal: Journal, begun: State, since: Seq, through: Seq, *, progress: Callable[[Commit], None], spill: Spill
) -> State:
    """The state at ``through`` made of the one at ``since``, of which untouched objects are shared; it stays as it is.

    Raises:
        PointError: Nothing leads there from ``since``.
        DamagedError: The journal is not what was written; nothing of it is used.
    """
    commits = journal.way(since, through)
    with without_gc():
        state = State(begun.everything())
        _take(state, commits, spill, progress)
    return state


def _take(
    state: State, commits: Iterable[Commit], spill: Spill | None, progress: Callable[[Commit], None] | None
) -> None:
    linked = set[Guid]()
    for commit in commits:
        state.apply(commit.changes)
        if spill is not None:
            for guid, kind in {change.guid: change.kind for change in commit.changes}.items():
                if (item := state.get(guid)) is None:
                    continue
                if kind is Kind.CREATED:
                    state.put(spilled(item, spill))
                    continue
                state.put(with_spilled_values(item, spill))
                if item.links or item.link_stamps:
                    linked.add(guid)
        if progress is not None:
            progress(commit)
    if spill is not None:
        for guid in linked:
            if (item := state.get(guid)) is not None:
                state.put(spilled(item, spill))


def _spilled(item: ObjectState | Gone, spill: Spill) -> ObjectState | Gone:
    return item if isinstance(item, Gone) else spilled(item, spill)


def fold_fingerprints(journal: Journal, rows: Callable[[], Rows] | None = None) -> FingerprintIndex:
    """What the journal holds at its head, by digest.

    Args:
        journal: Read.
        rows: Makes the place where they lie; None: in memory.

    Raises:
        As :func:`fold`.
    """

    def traced(objects: Objects, commits: Iterable[Commit]) -> FingerprintIndex:
        living = (item for item in objects if isinstance(item, ObjectState))
        index = FingerprintIndex.of(living, rows=rows() if rows is not None else None)
        for commit in commits:
            index.apply(commit.changes)
        return index

    return _read(journal, None, [], traced)


def stream_objects(
    journal: Journal, through: Seq, *, progress: Callable[[Seq], None] | None = None
) -> Iterator[ObjectState | Gone]:
    """All that :func:`fold` would hold, object by object, in no order; the journal is read twice.

    Only objects with changes still to come are held: memory follows what changed since the last checkpoint, not the
    size of the directory. Raises: as :func:`fold`, while iterating.
    """

    def counted(objects: Objects, commits: Iterable[Commit]) -> Counter[Guid]:
        for _ in objects:
            pass  # a damaged checkpoint shows before anything was handed out
        return Counter(change.guid for commit in commits for change in commit.changes)

    broken: list[DamagedCheckpointError] = []
    to_come = _read(journal, through, broken, counted)
    objects, commits = _history(journal, through, broken)
    held = State()
    for item in objects:
        if item.guid not in to_come:
            yield item
        elif isinstance(item, ObjectState):
            held.put(item)
    for commit in commits:
        held.apply(commit.changes)
        to_come.subtract(change.guid for change in commit.changes)
        for guid in dict.fromkeys(change.guid for change in commit.changes):
            if not to_come[guid]:
                yield held.take(guid) or Gone(guid=guid)
        if progress is not None:
            progress(commit.seq)


def _read(
    journal: Journal,
    through: Seq | None,
    broken: list[DamagedCheckpointError],
    make: Callable[[Objects, Iterable[Commit]], Made],
) -> Made:
    """What ``make`` makes of a point's history; damaged checkpoints are added to ``broken`` and passed over, and what a
    prune takes meanwhile the head it leaves does not need."""
    prunes = 0
    while True:
        found = _history(journal, journal.head.seq if through is None else through, broken)
        try:
            with without_gc():
                return make(*found)
        except DamagedCheckpointError as error:
            log.warning("checkpoint.passed_over", error=error.message)
            broken.append(error)
        except PrunedMeanwhileError:
            prunes += 1
            if through is not None or prunes == _MOST_PRUNES:
                raise


def _history(
    journal: Journal, point: Seq, broken: list[DamagedCheckpointError]
) -> tuple[Iterator[ObjectState | Gone], Iterator[Commit]]:
    try:
        return journal.history(point, without=[error.seq for error in broken if error.seq is not None])
    except PointError as error:
        if broken:
            raise broken[0] from error
        raise


@contextmanager
def without_gc() -> Iterator[None]:
    """Without the collector of cycles: it would walk millions of values that hold none, again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
