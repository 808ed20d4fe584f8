"""The journal on the console's desk: read once and kept current by a thread of its own; no page waits for a store.

The first reading takes half a minute where there is a lot to read. Whoever asks meanwhile is told how far it has come.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adpersist.audit.log import KeptLog
from adpersist.console.web.in_memory import in_memory
from adpersist.console.web.record import Record
from adpersist.console.web.register import Register
from adpersist.errors import AdpersistError, ExitCode, IntegrityError
from adpersist.journal.journal import Journal
from adpersist.model.journal.head import Head
from adpersist.reading.past import Past, Told
from adpersist.system.memory import give_back
from adpersist.telemetry import logger

_EVERY_S: Final = 5.0
"""How often it is read when nobody asks."""
_PATIENCE_S: Final = 2.0
"""How long a page waits for the newest commit; after that it shows what is known."""

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
    """The journal and its past, which is there some time after this returns.

    Args:
        open_journal: Opens it; called once.
        told: Told how far the first reading has come.
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
        audit_log: Path | None = None,
    ) -> None:
        self._journal = open_journal()
        self._told = told
        self._done_of = (0, 0)
        self._past: Past | None = None
        self._audit_log = KeptLog(audit_log)
        self._audit_log.now()
        self.head: Head = self._journal.head
        self.journal_id = self._journal.id
        self.read_at = time.time()
        self.trouble = ""
        self.failure: AdpersistError | None = None
        self._reading = threading.Lock()
        """Of the journal, which may take as long as the store does."""
        self._taking = threading.Lock()
        """Of the past, which takes no time."""
        self._asked = threading.Event()
        self._is_read = threading.Event()
        self._register = Register()
        self._on_failure: list[Callable[[], None]] = []
        self._closed = False
        self._begun = self._done = 0
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._follow, name="journal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of the journal."""
        self._closed = True
        self._asked.set()
        self._thread.join(_PATIENCE_S)
        if not self._thread.is_alive():
            self._journal.close()

    def when_failed(self, tell: Callable[[], None]) -> None:
        """Be told when it cannot be read at all: `failure` says why."""
        with self._taking:
            self._on_failure.append(tell)
        if self.failure is not None:
            tell()

    @contextmanager
    def past(self) -> Iterator[Past]:
        """What the journal tells by now; nothing is added to it within the block."""
        with self.known():
            pass  # the first reading may have begun before what is asked for
        self._be_current()
        with self.known() as past:
            yield past

    @contextmanager
    def record(self) -> Iterator[Record]:
        """The same, as pages ask it."""
        with self.past() as past:
            self._register.follow(past)
            yield in_memory(past, self._register)

    @contextmanager
    def known(self, patience_s: float | None = None) -> Iterator[Past]:
        """What was read of it, without reading on.

        Raises:
            ReadingError: It has not been read once yet.
            AdpersistError: It cannot be.
        """
        self._is_read.wait(_PATIENCE_S if patience_s is None else patience_s)
        with self._taking:
            if self.failure is not None:
                raise self.failure
            if self._past is None:
                raise ReadingError(*self._done_of)
            yield self._past

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """The journal itself, for what the past does not hold; following it waits meanwhile.

        Raises:
            AdpersistError: As :meth:`known`.
        """
        with self.known():
            pass
        with self._reading:
            yield self._journal

    def _be_current(self) -> None:
        if not self._is_read.is_set():
            return
        with self._turn:
            wanted = self._begun + 1  # one that is under way may have begun before what is asked for
            self._asked.set()
            self._turn.wait_for(lambda: self._done >= wanted or self._closed, _PATIENCE_S)

    def _read_first(self) -> bool | None:
        """Read all of it; False: it cannot be; None: not now."""
        try:
            with self._reading:
                past = Past.of(self._journal, told=self._counted)
                past.audit_log = self._audit_log.now()
            with self._taking:
                self._register.follow(past)
                self._past = past
            self._told(past.read_through, past.read_through)
            give_back()
        except _ClosedError:
            return False
        except AdpersistError as error:
            if error.retryable:
                log.warning("journal.not_read", error=error.message)
                self.trouble = error.message
                return None
            self.failure = error
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it every page would wait, and say nothing
            self.failure = IntegrityError(f"an unexpected {type(error).__name__}; this is a defect in adpersist")
        self._is_read.set()
        self.trouble = ""
        if self.failure is None:
            return True
        log.warning("journal.not_read", error=self.failure.message)
        with self._taking:
            told = tuple(self._on_failure)
        for tell in told:
            tell()
        return False

    def _counted(self, done: int, of: int) -> None:
        if self._closed:
            raise _ClosedError
        self._done_of = (done, of)
        self._told(done, of)

    def _follow(self) -> None:
        while (is_read := self._read_first()) is None and not self._closed:
            self._asked.wait(_EVERY_S)  # set by who closes
        if not is_read:
            return
        while not self._closed:
            self._asked.wait(_EVERY_S)
            self._asked.clear()
            with self._turn:
                self._begun += 1
            self._read()
            with self._turn:
                self._done = self._begun
                self._turn.notify_all()

    def _read(self) -> None:
        assert self._past is not None  # noqa: S101 - it was read first
        try:
            with self._reading:
                head = self._journal.refresh()
                self._past.audit_log = self._audit_log.now()
                for commit in self._journal.commits(after=self._past.read_through):
                    with self._taking:
                        self._past.take(commit)
        except AdpersistError as error:
            if self.trouble != error.message:
                log.warning("journal.not_read", error=error.message)
            self.trouble = error.message
            return
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it every page would be old, and say nothing
            log.warning("journal.not_read", error=type(error).__name__)
            self.trouble = f"an unexpected {type(error).__name__}; this is a defect in adpersist"
            return
        self.head, self.read_at, self.trouble = head, time.time(), ""
