"""From SYSVOL and the local databases to the journal: look, prove, commit, have the directory remember it."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from adpersist.files.local_files import LocalFiles
from adpersist.files.looking.file_look import FileLook
from adpersist.files.looking.reading import REST_NS
from adpersist.files.looking.waking import Waker
from adpersist.files.looking.withheld import Withheld
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.telemetry import logger

SOON_S: Final = REST_NS / 1_000_000_000
"""When something was being written, the next look comes so soon."""

SHARE: Final = 0.01
"""The largest share of time that looking at files may take while nothing happens."""

BUSY_SHARE: Final = 0.25
"""The same while somebody writes there all the time."""

LEAST_PAUSE_S: Final = 0.5
"""Between two looks while nothing happens and the kernel does not tell of what does."""

WATCHED_SHARE: Final = 0.0002
"""The largest share of time where the kernel does tell: such looks are for what it may not have told of."""

WATCHED_PAUSE_S: Final = 60.0
"""The shortest pause between two of them."""

LONGEST_WATCHED_PAUSE_S: Final = 600.0
"""The longest, however large SYSVOL is, unless one takes more than its share of that."""

log = logger("files")


class FileCapture:
    """Looks at files whenever that is due, and makes what is new durable.

    Args:
        files: Where they lie.
        journal: Held by this process.
        prove: Raises when the DC is not the journal's any more.
        announce: Has the directory remember that a commit comes, and says which.
        clock: Unix seconds.
        elapsed: Seconds of a clock that only rises.
    """

    def __init__(
        self,
        files: LocalFiles,
        journal: Journal,
        prove: Callable[[], None],
        announce: Callable[[], Seq],
        *,
        clock: Callable[[], float],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._prove_lineage = prove
        self._announce = announce
        self._announced: Seq | None = None
        self._clock = clock
        self._elapsed = elapsed
        self._waker = Waker()
        self._look = FileLook(files, journal.files(journal.head.seq), self._waker, _withheld(journal))
        self._woken = False
        self._behind_since: float | None = elapsed()
        self._soonest = self._everything_due = 0.0

    @property
    def is_due(self) -> bool:
        """It is time to look again: something was written, or nobody has looked for a while."""
        self._woken = self._waker.woke() or self._woken
        now = self._elapsed()
        if self._woken and self._behind_since is None:
            self._behind_since = now
        return now >= self._due_at or (not self._woken and now >= self._soonest and self._look.databases_moved)

    @property
    def due_in_s(self) -> float:
        """Seconds until it is, as far as is known; what nobody tells of until it is asked, such as databases, aside."""
        return max(0.0, self._due_at - self._elapsed())

    @property
    def wakes(self) -> int | None:
        """A descriptor that is readable as soon as something is written; None: something was, or it never is."""
        return None if self._woken else self._waker.descriptor

    @property
    def _due_at(self) -> float:
        if self._woken and self._behind_since is not None:
            # what was written just now is left for the next look: one that comes when it rests sees all there is
            return max(self._soonest, self._behind_since + SOON_S)
        return max(self._soonest, self._everything_due) if self.is_whole else self._soonest

    @property
    def behind_s(self) -> float:
        """Seconds since something was written that may not be durable yet; 0: everything is, as far as anybody told."""
        return 0.0 if self._behind_since is None else self._elapsed() - self._behind_since

    @property
    def not_captured(self) -> Mapping[str, str]:
        """Paths that cannot be captured, and why."""
        return self._look.not_captured

    @property
    def is_whole(self) -> bool:
        """Nothing was being written while it looked last."""
        return not self._look.unrested

    def _prove(self) -> None:
        self._journal.await_content()
        self._prove_lineage()
        if self.told_what_comes_back:
            self._announced = self._announce()

    @property
    def told_what_comes_back(self) -> bool:
        """The last look told of more than smb.conf, which no heal puts back, so that its loss proves no revert."""
        return self._look.told_what_comes_back

    def look(self) -> int:
        """Look once; returns how many changes became durable.

        Raises:
            RevertedError, FencedError, StoreError, DirectoryError.
        """
        began, self._woken, self._announced = self._elapsed(), False, None
        if self._behind_since is None:
            self._behind_since = began
        within, everything_due = self._waker.take(), self._everything_due
        if within is not None:
            within = None if began >= everything_due else within | self._look.unrested_within
        self._everything_due = began  # what a look that fails was woken for, the next one looks for everywhere
        news = self._look.news(self._prove, within=within)
        self._journal.commit_files(news, announced=lambda: self._announced, now=self._clock())
        changes = self._look.told_all()
        now = self._elapsed()
        if self.is_whole:
            self._behind_since = None
        took = now - began
        self._soonest = now + max(SOON_S, took / BUSY_SHARE)
        if within is None:
            everything_due = max(self._soonest, now + self._pause_s(took))
        self._everything_due = everything_due
        if changes:
            log.info("files.appended", seq=self._journal.head.seq, changes=changes)
        return changes

    def _pause_s(self, took_s: float) -> float:
        """Until the next look at everything, after one that took so long."""
        if not self._waker.is_watching:
            return max(LEAST_PAUSE_S, took_s / SHARE)
        wanted = max(WATCHED_PAUSE_S, took_s / WATCHED_SHARE)
        return max(min(wanted, LONGEST_WATCHED_PAUSE_S), took_s / SHARE)


def _withheld(journal: Journal) -> Withheld | None:
    """What the last restore still has to put right; None: nothing. Raises: IntegrityError, StoreError."""
    head = journal.head
    if not head.files_left:
        return None
    ended = max([head.pruned, *(timeline.begins for timeline in head.timelines)])
    return Withheld(journal.every_file_change(), journal.file_changes(after=ended))
