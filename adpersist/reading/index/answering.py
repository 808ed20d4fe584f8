"""A question to the journal, answered by the index where that is possible, else by folding: the answer is the same."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypeVar

from adpersist.errors import PointError
from adpersist.journal.damage import DamagedError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.head import Head
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import ACCOUNT, SIDS
from adpersist.reading.folded import FoldedReading, Reading
from adpersist.reading.index.filling import FREE_NAMES, Filling
from adpersist.reading.index.indexed import IndexedReading
from adpersist.reading.index.kept import Index, IndexFile, Made
from adpersist.reading.index.spans import counting
from adpersist.telemetry import logger

log = logger("index")

_TURNS: Final = 3
"""How often it is filled before a busy one is given up: others may have it in between."""
_Answer = TypeVar("_Answer")
Progress = Callable[[int, int], None]
"""Commits that are in it by now, of how many."""


class UnfitError(Exception):
    """The index cannot tell, and why."""


class OthersError(UnfitError):
    """Others have it, now."""


def answered(
    journal: Journal,
    directory: Path | None,
    ask: Callable[[Reading], _Answer],
    *,
    progress: Progress = lambda *_: None,
) -> _Answer:
    """What ``ask`` returns; it is called once more, with another reading, where the index cannot tell.

    Args:
        journal: Open.
        directory: Where indexes lie; None: it is folded.
        ask: Asks, and writes nothing.
        progress: Told while the index takes in what it does not have yet.
    """
    if directory is not None:
        try:
            with indexed(journal, directory, progress) as reading:
                return ask(reading)
        except (UnfitError, OSError, sqlite3.Error, DamagedError, PointError) as error:
            # a damaged commit need not be in the way of who begins at a checkpoint after it
            log.info("index.passed_over", error=type(error).__name__, why=str(error))
            if isinstance(error, sqlite3.DatabaseError):
                forget(IndexFile(directory, journal.id))
    return ask(FoldedReading(journal))


@contextmanager
def indexed(journal: Journal, directory: Path, progress: Progress = lambda *_: None) -> Iterator[IndexedReading]:
    """The index of a journal up to its head, brought there first.

    Raises:
        UnfitError: It could not tell.
        OSError, sqlite3.Error: It cannot be had.
        DamagedError, PointError: The journal is not what was written, or does not tell.
    """
    file = IndexFile(directory, journal.id)
    with brought_up(file, journal, progress), file.opened(filling=False) as index:
        yield IndexedReading(journal, index.rows)


@contextmanager
def brought_up(file: IndexFile, journal: Journal, progress: Progress = lambda *_: None) -> Iterator[None]:
    """The index has all of a journal up to its head, and nobody changes it within the block.

    Raises:
        UnfitError, OSError, sqlite3.Error, DamagedError, PointError: As :func:`indexed`.
    """
    _require_whole(journal)
    with file.held():
        for _ in range(_TURNS):
            if _is_current(file, journal):
                break
            with file.alone():
                _fill(file, journal, progress)
        else:
            raise OthersError("others keep changing it")
        _require_whole(journal)  # the head may have been read again
        yield


@contextmanager
def looked_up(file: IndexFile, head: Head, seed: bytes, patience_s: float) -> Iterator[Index | None]:
    """The index as it is; None: it is not what a journal is up to that head.

    Args:
        head: The journal's.
        seed: See :func:`seed_of`.
        patience_s: How long whoever changes it is waited for.

    Raises:
        OSError, sqlite3.Error: It cannot be had.
    """
    with file.held(patience_s):
        if not file.path.exists():
            yield None
            return
        with file.opened(filling=False) as index:
            yield (
                index if index.made() == Made(seed=seed, pruned=head.pruned, seq=head.seq, digest=head.digest) else None
            )


def seed_of(journal: Journal) -> bytes:
    """What an index says of the journal it was made of, and of the key of its digests, and what tells nothing of it."""
    return blake2b(journal.seed, key=journal.index_key, digest_size=32).digest()


def require_lines(index: Index, head: Head) -> None:
    """It can tell what happened to every object, look by look.

    Raises:
        UnfitError: A restore went behind what was pruned, or a repair begun anew: what that undid is not in it.
    """
    (behind,) = index.rows.execute(
        "SELECT count(*) FROM commits WHERE kind = ? OR kind = ? AND target < ?",
        (str(CommitKind.REPAIR), str(CommitKind.RESTORE_END), head.pruned),
    ).fetchone()
    if behind:
        raise UnfitError("what a restore or a repair undid is not in it")


def _require_whole(journal: Journal) -> None:
    counting(journal.head, journal.head.seq)  # or nothing could be told by it
    if any(each.last > journal.head.pruned for each in journal.head.lost):
        raise UnfitError("commits are lost, which it may have seen when they were there")


def _is_current(file: IndexFile, journal: Journal) -> bool:
    if not file.path.exists():
        return False
    try:
        with file.opened(filling=False) as index:
            made = index.made()
    except sqlite3.Error:
        return False
    if made is not None and made.seq > journal.head.seq:
        journal.refresh()
    return made is not None and _fits(made, journal) and made.seq == journal.head.seq


def _fits(made: Made, journal: Journal) -> bool:
    """It was made of this journal, as it is now."""
    head = journal.head
    if (made.seed, made.pruned) != (seed_of(journal), head.pruned) or made.seq > head.seq:
        return False
    if made.seq in (head.seq, BEFORE_FIRST):
        return made.digest == (head.digest if made.seq == head.seq else journal.seed)
    if made.seq == made.pruned:
        return any((each.seq, each.digest) == (made.seq, made.digest) for each in head.checkpoints)
    return all(each.digest == made.digest for each in journal.commits(after=Seq(made.seq - 1), through=made.seq))


def _fill(file: IndexFile, journal: Journal, progress: Progress) -> None:
    """Take in what is missing; what does not fit is made anew. All of it, or as far as it was read."""
    made = _made(file)
    if made is None or not _fits(made, journal):
        file.remove()
        made = None
    try:
        damage = _filled(file, journal, made, progress)
    except UnfitError:
        file.remove()
        raise
    if damage is not None:
        raise damage


def _filled(file: IndexFile, journal: Journal, made: Made | None, progress: Progress) -> DamagedError | None:
    with file.opened(filling=True) as index:
        damage: DamagedError | None = None
        with index.changed():
            made = made or _begun(index, journal)
            filling = Filling(index.rows, journal, made.seq)
            try:
                for commit in journal.commits(after=made.seq):
                    filling.take(commit)
                    made = replace(made, seq=commit.seq, digest=commit.digest)
                    progress(commit.seq - made.pruned, journal.head.seq - made.pruned)
            except DamagedError as error:
                damage = error
            _require_open_names(index, journal, made.seq)
            index.note(made)
    return damage


def _made(file: IndexFile) -> Made | None:
    try:
        with file.opened(filling=False) as index:
            return index.made()
    except (sqlite3.Error, FileNotFoundError, PermissionError):
        return None


def _begun(index: Index, journal: Journal) -> Made:
    """The commit the journal was pruned up to, or nothing."""
    head = journal.head
    bottom = next((each for each in head.checkpoints if each.seq == head.pruned), None)
    if bottom is None:
        return Made(seed=seed_of(journal), pruned=head.pruned, seq=BEFORE_FIRST, digest=journal.seed)
    filling = Filling(index.rows, journal, head.pruned)
    for part, states in journal.checkpoint_by_part(bottom.seq):
        filling.base(part, (item for item in states if isinstance(item, ObjectState)))
    return Made(seed=seed_of(journal), pruned=head.pruned, seq=bottom.seq, digest=bottom.digest)


def _require_open_names(index: Index, journal: Journal, seq: Seq) -> None:
    """Where a schema calls the attributes confidential by which objects are named, none of them is written down."""
    facts = IndexedReading(journal, index.rows).view(seq).facts()
    hidden = [name for name in (*SIDS, ACCOUNT, *FREE_NAMES) if facts[name].confidential]
    if hidden:
        raise UnfitError(f"the schema calls {hidden[0]} confidential")


def forget(file: IndexFile) -> None:
    """Remove it, so that it is made anew; where that cannot be, it stays."""
    with suppress(OSError), file.held(), file.alone():
        file.remove()
