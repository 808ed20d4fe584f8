"""The journal on the console's desk, looked up in its index; read into memory only by who asks for what is not in that.

A thread of its own keeps the index current. Alerts, permissions and comparisons want everything at once: the first who
asks has all of the journal read, beside this and from then on. So does whatever keeps the index from telling.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from adpersist.audit.log import KeptLog
from adpersist.console.web.desk import Desk, ReadingError
from adpersist.console.web.record import Record
from adpersist.errors import AdpersistError, IntegrityError, PointError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.commit import Commit
from adpersist.model.journal.head import Head
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.reading.index.answering import (
    OthersError,
    UnfitError,
    brought_up,
    forget,
    looked_up,
    require_lines,
    seed_of,
)
from adpersist.reading.index.indexed_lines import IndexedLines
from adpersist.reading.index.indexed_past import IndexedPast, Schema
from adpersist.reading.index.kept import Index, IndexFile
from adpersist.reading.past import Past, Told
from adpersist.system.memory import give_back
from adpersist.telemetry import logger

_EVERY_S: Final = 5.0
"""How often it is read when nobody asks."""
_PATIENCE_S: Final = 2.0
"""How long a page waits for the newest commit, or for the index; after that it shows what is known."""
_PAUSE_S: Final = 0.02

log = logger("console")


class _ClosedError(Exception):
    """Nobody wants to know any more."""


class IndexedDesk:
    """See :class:`~adpersist.console.web.desk.Desk`; the same is asked of both.

    Args:
        open_journal: Opens it; called now, once more for pages, and once if all of it is to be in memory.
        directory: Where indexes lie.
        told: Told how far the index has come.
        audit_log: Samba's; None: there is none.

    Raises:
        AdpersistError: It cannot be opened.
    """

    def __init__(
        self,
        open_journal: Callable[[], Journal],
        directory: Path,
        told: Told = lambda *_: None,
        *,
        audit_log: Path | None = None,
    ) -> None:
        self._open = open_journal
        self._journal = open_journal()
        self._directory = directory
        self._told = told
        self._audit_log_at = audit_log
        self._audit_log = KeptLog(audit_log)
        self._lines_now = self._audit_log.now()
        self._head = self._journal.head
        self.journal_id = self._journal.id
        self._read_at = time.time()
        self._trouble = ""
        self._failure: AdpersistError | None = None
        self._on_failure: list[Callable[[], None]] = []
        self._done_of = (0, 0)
        self._schema = Schema()
        self._for_pages: Journal | None = None
        self._turn_to_read = threading.Lock()
        """Of that, which may take as long as the store does."""
        self._making = threading.Lock()
        self._whole: Desk | None = None
        """All of it in memory."""
        self._is_unfit = False
        self._asked = threading.Event()
        self._is_ready = threading.Event()
        self._closed = False
        self._begun = self._done = 0
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._follow, name="index", daemon=True)
        self._thread.start()

    # --- what is known of it ----------------------------------------------------------------------------------------

    @property
    def head(self) -> Head:
        """As it was read last."""
        return self._whole.head if self._is_unfit and self._whole is not None else self._head

    @property
    def read_at(self) -> float:
        """Unix seconds, when that was."""
        return self._whole.read_at if self._is_unfit and self._whole is not None else self._read_at

    @property
    def trouble(self) -> str:
        """Why it could not be read since; empty: it could."""
        return self._whole.trouble if self._is_unfit and self._whole is not None else self._trouble

    @property
    def failure(self) -> AdpersistError | None:
        """Why it could not be read at all; None: it could, or is being read."""
        return self._failure or (self._whole.failure if self._whole is not None else None)

    def when_failed(self, tell: Callable[[], None]) -> None:
        """Be told when it cannot be read at all: `failure` says why."""
        with self._making:
            self._on_failure.append(tell)
            if self._whole is not None:
                self._whole.when_failed(tell)
        if self.failure is not None:
            tell()

    def close(self) -> None:
        """Let go of the journal."""
        self._closed = True
        self._asked.set()
        self._thread.join(_PATIENCE_S)
        if self._whole is not None:
            self._whole.close()
        if not self._thread.is_alive():
            self._journal.close()
        if self._for_pages is not None:
            self._for_pages.close()

    # --- asking -----------------------------------------------------------------------------------------------------

    @contextmanager
    def record(self) -> Iterator[Record]:
        """What the journal tells by now, looked up; nothing is added to it within the block.

        Raises:
            ReadingError: The index is being made.
            AdpersistError: The journal cannot be read.
        """
        self._is_ready.wait(_PATIENCE_S)
        self._be_current()
        if self._failure is not None:
            raise self._failure
        if self._is_unfit:
            with self._in_memory().record() as record:
                yield record
            return
        try:
            with ExitStack() as held:
                index, head = self._opened(held)
                journal, audit_log = _InTurn(self._read_as_of(head), self._turn_to_read), self._lines_now
                past = IndexedPast(journal, head, index.rows, audit_log=audit_log, schema=self._schema)
                yield Record(past, IndexedLines(past, index.rows, audit_log), past)
        except BlockingIOError as error:
            raise ReadingError(*self._done_of) from error
        except (OSError, sqlite3.Error) as error:
            log.warning("index.damaged", error=type(error).__name__)
            self._is_ready.clear()  # the thread makes it anew, or does without
            if isinstance(error, sqlite3.DatabaseError):
                forget(IndexFile(self._directory, self.journal_id))
            self._asked.set()
            raise ReadingError(*self._done_of) from error

    @contextmanager
    def past(self) -> Iterator[Past]:
        """All that it tells, in memory. Raises: as :meth:`record`."""
        with self._in_memory().past() as past:
            yield past

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """The journal itself, for what is not looked up."""
        if self.failure is not None:
            raise self.failure
        with self._turn_to_read:
            yield self._read_as_of(self.head)()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _opened(self, held: ExitStack) -> tuple[Index, Head]:
        """The index, and the journal's head that it is of.

        Raises:
            ReadingError: There is none now.
        """
        until = time.monotonic() + _PATIENCE_S
        while self._is_ready.is_set() and time.monotonic() < until:
            with ExitStack() as trying:
                head, file = self._head, IndexFile(self._directory, self.journal_id)
                index = trying.enter_context(looked_up(file, head, seed_of(self._journal), _PATIENCE_S))
                if index is not None:
                    held.enter_context(trying.pop_all())
                    return index, head
            self._asked.set()  # somebody else brought it further
            time.sleep(_PAUSE_S)
        raise ReadingError(*self._done_of)

    def _read_as_of(self, head: Head) -> Callable[[], Journal]:
        """Another opened journal than the thread's, for pages, that knows of a head; to be called in turn."""

        def opened() -> Journal:
            if self._for_pages is None:
                self._for_pages = self._open()
            if self._for_pages.head != head:
                self._for_pages.refresh()
            return self._for_pages

        return opened

    def _in_memory(self) -> Desk:
        with self._making:
            if self._whole is None:
                told = self._told if self._is_unfit else (lambda *_: None)
                self._whole = Desk(self._open, told, audit_log=self._audit_log_at)
                for tell in self._on_failure:
                    self._whole.when_failed(tell)
            return self._whole

    def _be_current(self) -> None:
        if not self._is_ready.is_set():
            return
        with self._turn:
            wanted = self._begun + 1  # one that is under way may have begun before what is asked for
            self._asked.set()
            self._turn.wait_for(lambda: self._done >= wanted or self._has_ended, _PATIENCE_S)

    def _follow(self) -> None:
        while not self._has_ended:
            with self._turn:
                self._begun += 1
            self._read()
            with self._turn:
                self._done = self._begun
                self._turn.notify_all()
            self._asked.wait(_EVERY_S)
            self._asked.clear()
        with self._turn:
            self._turn.notify_all()

    @property
    def _has_ended(self) -> bool:
        """Nobody follows the journal here any more."""
        return self._closed or self._is_unfit or self._failure is not None

    def _read(self) -> None:
        """Bring the index up to the journal's head."""
        try:
            self._journal.refresh()
            self._lines_now = self._audit_log.now()
            file = IndexFile(self._directory, self.journal_id)
            with brought_up(file, self._journal, self._counted), file.opened(filling=False) as index:
                require_lines(index, self._journal.head)
                self._head = self._journal.head
        except (_ClosedError, OthersError, BlockingIOError):
            return
        except (UnfitError, PointError, OSError, sqlite3.Error) as error:
            log.warning("index.passed_over", error=type(error).__name__, why=str(error))
            if isinstance(error, sqlite3.DatabaseError):
                forget(IndexFile(self._directory, self.journal_id))
            self._is_unfit = True
            self._in_memory()
            self._is_ready.set()
            return
        except AdpersistError as error:
            self._not_read(error)
            return
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it every page would be old, and say nothing
            self._not_read(IntegrityError(f"an unexpected {type(error).__name__}; this is a defect in adpersist"))
            return
        self._read_at, self._trouble = time.time(), ""
        if not self._is_ready.is_set():
            self._told(self._head.seq, self._head.seq)
            give_back()
        self._is_ready.set()

    def _not_read(self, error: AdpersistError) -> None:
        if self._trouble != error.message:
            log.warning("journal.not_read", error=error.message)
        self._trouble = error.message
        if self._is_ready.is_set() or error.retryable:
            return
        self._failure = error
        self._is_ready.set()
        with self._making:
            told = tuple(self._on_failure)
        for tell in told:
            tell()

    def _counted(self, done: int, of: int) -> None:
        if self._closed:
            raise _ClosedError
        self._done_of = (done, of)
        if not self._is_ready.is_set():
            self._told(done, of)


class _InTurn:
    """Reads a journal, one thread at a time.

    Args:
        opened: Gives the journal.
        turn: Held while it is read.
    """

    def __init__(self, opened: Callable[[], Journal], turn: threading.Lock) -> None:
        self._opened = opened
        self._turn = turn

    def commits(self, *, after: Seq, through: Seq, objects: Collection[Guid] | None = None) -> Iterator[Commit]:
        """See :class:`~adpersist.journal.journal.Journal`."""
        with self._turn:
            found = list(self._opened().commits(after=after, through=through, objects=objects))
        return iter(found)

    def checkpoint_part(self, seq: Seq, number: int) -> list[ObjectState | Gone]:
        """See :class:`~adpersist.journal.journal.Journal`."""
        with self._turn:
            return self._opened().checkpoint_part(seq, number)
