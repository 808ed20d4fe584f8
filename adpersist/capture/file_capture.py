"""From SYSVOL and the local databases to the journal: look, prove, commit, have the directory remember it."""

import time
from collections.abc import Callable
from typing import Final

from adpersist.files.local_files import LocalFiles
from adpersist.files.looking import FileLook
from adpersist.files.reading import REST_NS
from adpersist.journal.journal import Journal
from adpersist.telemetry import logger

SOON_S: Final = REST_NS / 1_000_000_000
"""When something was being written, the next look comes so soon."""

SHARE: Final = 0.01
"""The largest share of time that looking at files may take while nothing happens."""

LEAST_PAUSE_S: Final = 0.5

log = logger("files")


class FileCapture:
    """Looks at files whenever that is due, and makes what is new durable.

    Args:
        files: Where they lie.
        journal: Held by this process.
        prove: Raises when the DC is not the journal's any more.
        clock: Unix seconds.
        elapsed: Seconds of a clock that only rises.
    """

    def __init__(
        self,
        files: LocalFiles,
        journal: Journal,
        prove: Callable[[], None],
        *,
        clock: Callable[[], float],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._prove = prove
        self._clock = clock
        self._elapsed = elapsed
        self._look = FileLook(files, journal.files(journal.head.seq))
        self._due = 0.0

    @property
    def is_due(self) -> bool:
        """It is time to look again."""
        return self._elapsed() >= self._due

    @property
    def is_whole(self) -> bool:
        """Nothing was being written while it looked last."""
        return not self._look.unrested

    @property
    def told_what_comes_back(self) -> bool:
        """The last look told of more than smb.conf, which no heal puts back, so that its loss proves no revert."""
        return self._look.told_what_comes_back

    def look(self) -> int:
        """Look once; returns how many changes became durable.

        Raises:
            RevertedError, FencedError, StoreError, DirectoryError.
        """
        began = self._elapsed()
        self._journal.commit_files(self._look.news(self._prove), now=self._clock())
        changes = self._look.told_all()
        took = self._elapsed() - began
        self._due = self._elapsed() + (max(LEAST_PAUSE_S, took / SHARE) if self.is_whole and not changes else SOON_S)
        if changes:
            log.info("files.appended", seq=self._journal.head.seq, changes=changes)
        return changes
