"""The journal on the console's desk: read once, kept current by a thread of its own; no page waits for a store."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adpersist.audit.log import KeptLog
from adpersist.errors import AdpersistError
from adpersist.journal.journal import Journal
from adpersist.model.journal.head import Head
from adpersist.reading.past import Past, Told
from adpersist.telemetry import logger

_EVERY_S: Final = 5.0
"""How often it is read when nobody asks."""
_PATIENCE_S: Final = 2.0
"""How long a page waits for the newest commit; after that it shows what is known."""

log = logger("console")


class Desk:
    """The journal and its past.

    Args:
        open_journal: Opens it; called once.
        told: Told how far the first reading has come.
        audit_log: Samba's; None: there is none.

    Raises:
        AdpersistError: It cannot be read.
    """

    def __init__(
        self,
        open_journal: Callable[[], Journal],
        told: Told = lambda *_: None,
        *,
        audit_log: Path | None = None,
    ) -> None:
        self._journal = open_journal()
        self._past = Past.of(self._journal, told=told)
        self._audit_log = KeptLog(audit_log)
        self._past.audit_log = self._audit_log.now()
        self.head: Head = self._journal.head
        self.journal_id = self._journal.id
        self.read_at = time.time()
        self.trouble = ""
        self._reading = threading.Lock()
        """Of the journal, which may take as long as the store does."""
        self._taking = threading.Lock()
        """Of the past, which takes no time."""
        self._asked = threading.Event()
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

    @contextmanager
    def past(self) -> Iterator[Past]:
        """What the journal tells by now; nothing is added to it within the block."""
        self._be_current()
        with self.known() as past:
            yield past

    @contextmanager
    def known(self) -> Iterator[Past]:
        """What was read of it, without reading on."""
        with self._taking:
            yield self._past

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """The journal itself, for what the past does not hold; following it waits meanwhile."""
        with self._reading:
            yield self._journal

    def _be_current(self) -> None:
        with self._turn:
            wanted = self._begun + 1  # one that is under way may have begun before what is asked for
            self._asked.set()
            self._turn.wait_for(lambda: self._done >= wanted or self._closed, _PATIENCE_S)

    def _follow(self) -> None:
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
