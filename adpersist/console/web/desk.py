"""The journal on the console's desk: followed by a thread of its own, so that no page waits for a store.

The thread keeps the index current, in which pages are looked up. Where the index cannot tell, or there is to be none,
it reads all of the journal into memory instead, and goes on with that. Whoever asks before it is there is told how far
it has come.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adpersist.audit.log import KeptLog
from adpersist.console.web.by_index import ByIndex
from adpersist.console.web.in_memory import InMemory
from adpersist.console.web.record import AgainError, Record
from adpersist.errors import AdpersistError, ExitCode, IntegrityError
from adpersist.journal.journal import Journal
from adpersist.model.journal.head import Head
from adpersist.reading.index.answering import UnfitError
from adpersist.reading.past.past import Told
from adpersist.system.memory import give_back
from adpersist.telemetry import logger

_EVERY_S: Final = 5.0
"""How often it is read when nobody asks."""
_PATIENCE_S: Final = 2.0
"""How long a page waits for the newest commit, or for the index; after that it shows what is known."""

log = logger("console")


class ReadingError(AdpersistError):
    """The journal is being read for the first time.

    Attributes:
        done, of: Commits.
    """

    exit_code = ExitCode.FENCED
    retryable = True
    way_out = "This page loads again by itself until it is."

    def __init__(self, done: int, of: int) -> None:
        share = f": {done:,} of {of:,} commits" if of else ""
        super().__init__(f"the journal is being read{share}")
        self.done = done
        self.of = of


class _ClosedError(Exception):
    """Nobody wants to know any more."""


class Desk:
    """The journal, and what it tells, which is there some time after this returns.

    Args:
        open_journal: Opens it; called now, and once more when a page wants to read in it.
        told: Told how far the first reading has come.
        directory: Where indexes lie; None: all of it is read into memory.
        audit_log: Samba's; None: there is none.

    Raises:
        AdpersistError: It cannot be opened.

    Attributes:
        head: As it was read last.
        read_at: Unix seconds, when that was.
        trouble: Why it could not be read since; empty: it could.
        failure: Why it could not be read at all; None: it could, or is being read.
    """

    def __init__(
        self,
        open_journal: Callable[[], Journal],
        told: Told = lambda *_: None,
        *,
        directory: Path | None = None,
        audit_log: Path | None = None,
    ) -> None:
        self._open = open_journal
        self._journal = open_journal()
        self._told = told
        self._done_of = (0, 0)
        self._audit_log = KeptLog(audit_log)
        self._audit_log.now()
        self.head: Head = self._journal.head
        self.journal_id = self._journal.id
        self.read_at = time.time()
        self.trouble = ""
        self.failure: AdpersistError | None = None
        self._for_pages: Journal | None = None
        self._turn_to_read = threading.Lock()
        """Of that, which may take as long as the store does."""
        self._asked = threading.Event()
        self._is_read = threading.Event()
        self._telling = threading.Lock()
        self._on_failure: list[Callable[[], None]] = []
        self._closed = False
        self._begun = self._done = 0
        self._turn = threading.Condition()
        self._way: ByIndex | InMemory = (
            InMemory(self._journal, self._audit_log)
            if directory is None
            else ByIndex(self._journal, self._audit_log, directory, self._reading_in)
        )
        self._thread = threading.Thread(target=self._follow, name="journal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of the journal."""
        self._closed = True
        self._asked.set()
        self._thread.join(_PATIENCE_S)
        if not self._thread.is_alive():
            self._journal.close()
        if self._for_pages is not None:
            self._for_pages.close()

    def when_failed(self, tell: Callable[[], None]) -> None:
        """Be told when it cannot be read at all: `failure` says why."""
        with self._telling:
            self._on_failure.append(tell)
        if self.failure is not None:
            tell()

    # --- asking -----------------------------------------------------------------------------------------------------

    @contextmanager
    def record(self) -> Iterator[Record]:
        """What the journal tells by now; nothing is added to it within the block.

        Raises:
            ReadingError: It has not been read once yet, or the index is being made anew.
            AdpersistError: It cannot be.
        """
        self._require_read()  # the first reading may have begun before what is asked for
        self._be_current()
        self._require_read()
        try:
            with self._way.record(_PATIENCE_S, self._asked.set) as record:
                yield record
        except AgainError as error:
            if error.is_lost:
                self._is_read.clear()
                self._asked.set()
            raise ReadingError(*self._done_of) from error

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """The journal itself, for what is not looked up; other pages that read in it wait meanwhile.

        Raises:
            AdpersistError: As :meth:`record`.
        """
        self._require_read()
        with self._reading_in(self.head) as journal:
            yield journal

    def _require_read(self) -> None:
        self._is_read.wait(_PATIENCE_S)
        if self.failure is not None:
            raise self.failure
        if not self._is_read.is_set():
            raise ReadingError(*self._done_of)

    @contextmanager
    def _reading_in(self, head: Head) -> Iterator[Journal]:
        """Another opened journal than the thread's, for one page at a time, that knows of a head."""
        with self._turn_to_read:
            if self._for_pages is None:
                self._for_pages = self._open()
            if self._for_pages.head != head:
                self._for_pages.refresh()
            yield self._for_pages

    def _be_current(self) -> None:
        with self._turn:
            wanted = self._begun + 1  # one that is under way may have begun before what is asked for
            self._asked.set()
            self._turn.wait_for(lambda: self._done >= wanted or self._has_ended, _PATIENCE_S)

    # --- following --------------------------------------------------------------------------------------------------

    @property
    def _has_ended(self) -> bool:
        """Nobody follows the journal any more."""
        return self._closed or self.failure is not None

    def _follow(self) -> None:
        while not self._has_ended:
            with self._turn:
                self._begun += 1
            self._read()
            with self._turn:
                self._done = self._begun
                self._turn.notify_all()
            if not self._has_ended:
                self._asked.wait(_EVERY_S)  # set by who closes
                self._asked.clear()
        with self._turn:
            self._turn.notify_all()

    def _read(self) -> None:
        """Read on, from the beginning where nothing was read yet."""
        try:
            try:
                head = self._way.read(self._counted)
            except UnfitError as error:
                log.warning("index.passed_over", error=type(error).__name__, why=str(error))
                self._is_read.clear()
                self._way = InMemory(self._journal, self._audit_log)
                head = self._way.read(self._counted)
        except _ClosedError:
            return
        except AdpersistError as error:
            self._not_read(error)
            return
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it every page would be old, and say nothing
            self._not_read(IntegrityError(f"an unexpected {type(error).__name__}; this is a defect in adpersist"))
            return
        if head is None:
            return
        self.head, self.read_at, self.trouble = head, time.time(), ""
        if not self._is_read.is_set():
            self._told(head.seq, head.seq)
            give_back()
        self._is_read.set()

    def _not_read(self, error: AdpersistError) -> None:
        if self.trouble != error.message:
            log.warning("journal.not_read", error=error.message)
        self.trouble = error.message
        if self._is_read.is_set() or error.retryable:
            return
        self.failure = error
        self._is_read.set()
        with self._telling:
            told = tuple(self._on_failure)
        for tell in told:
            tell()

    def _counted(self, done: int, of: int) -> None:
        if self._closed:
            raise _ClosedError
        self._done_of = (done, of)
        if not self._is_read.is_set():
            self._told(done, of)
