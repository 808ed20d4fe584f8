"""What a journal tells: commits, what makes a state, checkpoints, files, points. Whoever has its key may read it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from adpersist.errors import PointError
from adpersist.journal.appending.appender import Appender
from adpersist.journal.file_history import content_at, every_change, files_at
from adpersist.journal.format.checkpoint import open_by_part, open_checkpoint, open_parts
from adpersist.journal.keys.keyring import Keyring
from adpersist.journal.points import oldest_point, resolve_point
from adpersist.journal.reader import read_commits, read_files, read_headers, read_spans
from adpersist.journal.timelines import path_to
from adpersist.model.files.file_changes import FileChanges, Files
from adpersist.model.files.file_state import Piece
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.journal.head import Checkpoint, Head, Mark
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.stores.port import Store

Opened = TypeVar("Opened")
"""What a checkpoint is opened to."""


class JournalHistory:
    """A journal to read from; any number may, and nobody is fenced. Not for several threads."""

    def __init__(self, store: Store, end: Appender) -> None:
        self._store = store
        self._end = end

    @property
    def id(self) -> str:
        """32 hex digits."""
        return self._end.tip.journal.hex()

    @property
    def seed(self) -> bytes:
        """32 bytes that tell this journal from any other ever made for the same DC."""
        return self._end.tip.keyring.seed(self._end.tip.journal)

    @property
    def index_key(self) -> bytes:
        """32 bytes for digests of what lies in it that are kept beside it; others when another data key seals."""
        return self._end.tip.keyring.active.index

    @property
    def head(self) -> Head:
        """As last read or written."""
        return self._end.tip.head

    def refresh(self) -> Head:
        """Read the head again. After an OutcomeUnknownError this settles whether the write was done."""
        return self._end.refresh()

    def commits(
        self,
        *,
        after: Seq = BEFORE_FIRST,
        through: Seq | None = None,
        objects: Collection[Guid] | None = None,
    ) -> Iterator[Commit]:
        """Verified commits with ``after < seq <= through`` (the head's, when None); see :func:`read_commits`.

        All timelines, one after another; :meth:`history` is what makes a state.
        """
        tip = self._end.tip
        last = tip.head.seq if through is None else through
        with self._end.reading():
            yield from read_commits(self._store, tip, after=after, through=last, objects=objects)

    def commits_of(
        self, spans: Sequence[tuple[Seq, Seq]], *, objects: Collection[Guid] | None = None
    ) -> Iterator[Commit]:
        """The same of several spans, on their way at once; see :func:`read_spans`."""
        with self._end.reading():
            yield from read_spans(self._store, self._end.tip, spans, objects=objects)

    def last_restore(self) -> Commit | None:
        """How the last restore of everything ended; None: there was none, or its commit is pruned or lost."""
        for timeline in reversed(self.head.timelines):
            commit = next(self.commits(after=Seq(timeline.begins - 1), through=timeline.begins), None)
            if commit is None or commit.kind is not CommitKind.REPAIR:
                return commit
        return None

    def last_commit_time(self) -> float | None:
        """Unix seconds when the last commit was made; the head's own time moves without one. None: there is none.

        What people did at a console is none: it says nothing of when something was captured. Of one that is pruned or
        lost the oldest checkpoint from there on tells it.
        """
        tip, head, last = self._end.tip, self.head, self.head.last_but_use
        if last <= head.pruned or any(each.holds(last) for each in head.lost):
            return next((each.time for each in head.checkpoints if each.seq >= last), None)
        with self._end.reading():
            found = next(read_headers(self._store, tip, after=Seq(last - 1), through=last))
            return found.time_us / 1_000_000

    def size(self, *, after: Seq) -> int:
        """Bytes of the commits after one, as the store has them; they are not opened."""
        return sum(len(frame.body) for frame in self._store.frames(after=after, through=self.head.seq))

    def history(
        self, point: Seq, *, without: Collection[Seq] = ()
    ) -> tuple[Iterator[ObjectState | Gone], Iterator[Commit]]:
        """What makes the state at a point: the objects to begin with, then the commits to fold into them.

        From the newest checkpoint that helps, else from nothing; commits of abandoned timelines are left out.

        Args:
            point: A commit of any timeline.
            without: Checkpoints not to begin with.

        Raises:
            PointError: No such point, or pruned.
            DamagedCheckpointError: While iterating: try again without it.
            DamagedError: While iterating: the journal is not what was written.
            PrunedMeanwhileError: While iterating.
        """
        usable = tuple(each for each in self.head.checkpoints if each.seq not in without)
        path = path_to(replace(self.head, checkpoints=usable), point)
        states = iter(()) if path.checkpoint is None else self.read_checkpoint(path.checkpoint.seq)
        return states, chain.from_iterable(self.commits(after=span.after, through=span.through) for span in path.spans)

    def way(self, since: Seq, point: Seq) -> Iterator[Commit]:
        """What makes the state at a point out of the state at an earlier one.

        Raises:
            PointError: No such point, or pruned, or nothing leads there from ``since``.
            DamagedError: While iterating: the journal is not what was written.
        """
        spans = path_to(self.head, point, since=since).spans
        return chain.from_iterable(self.commits(after=span.after, through=span.through) for span in spans)

    def read_checkpoint(self, seq: Seq) -> Iterator[ObjectState | Gone]:
        """The objects of a checkpoint the head names.

        Raises:
            PointError: The head names none of that number.
            DamagedError: While iterating: it is not what was written.
            PrunedMeanwhileError: The same; a prune took it meanwhile.
        """
        return self._iterated(self._checkpoint(seq, open_checkpoint))

    def checkpoint_by_part(self, seq: Seq) -> Iterator[tuple[int, list[ObjectState | Gone]]]:
        """The same, and by which part :meth:`checkpoint_parts` finds them again. Raises: as :meth:`read_checkpoint`."""
        for number, states in self._iterated(self._checkpoint(seq, open_by_part)):
            if not isinstance(states, FileChanges):
                yield number, states

    def checkpoint_parts(
        self, seq: Seq, numbers: Collection[int], objects: Collection[Guid] | None = None
    ) -> list[ObjectState | Gone]:
        """The objects of some parts, or some of those, proven with all others and opened alone. Raises: as
        :meth:`read_checkpoint`."""
        with self._end.reading():
            return self._checkpoint(seq, lambda parts, *whole: open_parts(parts, numbers, objects, *whole))

    def _iterated(self, opened: Iterator[Opened]) -> Iterator[Opened]:
        with self._end.reading():
            yield from opened

    def _checkpoint(self, seq: Seq, opening: Callable[[Iterator[bytes], Checkpoint, bytes, Keyring], Opened]) -> Opened:
        tip = self._end.tip
        for each in tip.head.checkpoints:
            if each.seq == seq:
                return opening(self._store.checkpoint(each.lies_at), each, tip.journal, tip.keyring)
        raise PointError(f"there is no checkpoint at commit {seq}")

    def files(self, point: Seq) -> Files:
        """SYSVOL and the local databases at a point; see :func:`files_at`."""
        with self._end.reading():
            return files_at(self._store, self._end.tip, point)

    def content(self, point: Seq, wanted: Collection[Piece]) -> Iterator[tuple[Piece, bytes]]:
        """What files at a point are made of, piece by piece; see :func:`content_at`."""
        with self._end.reading():
            yield from content_at(self._store, self._end.tip, point, wanted)

    def every_file_change(self) -> Iterator[FileChanges]:
        """All that was ever told of files; see :func:`every_change`."""
        with self._end.reading():
            yield from every_change(self._store, self._end.tip)

    def file_changes(self, *, after: Seq) -> Iterator[FileChanges]:
        """What was told of files after a commit. Raises: DamagedError: while iterating."""
        with self._end.reading():
            yield from read_files(self._store, self._end.tip, after=after, through=self.head.seq)

    def resolve(self, point: str | None, *, now: float) -> Seq:
        """The commit a person means: see :mod:`adpersist.journal.points`."""
        return resolve_point(self._store, self._end.tip, point, now=now)

    def oldest(self, age: str, *, now: float) -> Seq:
        """The commit to begin with for whoever forgets what is older: see :mod:`adpersist.journal.points`."""
        return oldest_point(self._store, self._end.tip, age, now=now)

    def is_settled(self, seq: Seq) -> bool:
        """After this commit no look was half in the journal, and a whole one was. One that is lost is no state at all:
        whoever asks for it is told so."""
        if any(each.seq == seq for each in self.head.checkpoints):
            return True
        return all(commit.ends_look and commit.complete for commit in self.commits(after=Seq(seq - 1), through=seq))

    def marks(self) -> tuple[Mark, ...]:
        """Named points, in the order they were made."""
        return self.head.marks
