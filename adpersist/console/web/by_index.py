"""What pages ask, looked up in the index, which is kept current for that."""

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final

from adpersist.audit.log import KeptLog
from adpersist.console.web.record import AgainError, Record
from adpersist.errors import PointError
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
from adpersist.reading.past.past import Told
from adpersist.telemetry import logger

_PAUSE_S: Final = 0.02
Reading = Callable[[Head], AbstractContextManager[Journal]]
"""Gives a journal that knows of a head, to one at a time."""

log = logger("console")


class ByIndex:
    """By the index of a journal.

    Args:
        journal: Opened, for who keeps the index current.
        audit_log: Samba's.
        directory: Where indexes lie.
        reading: Gives another one for pages.
    """

    def __init__(self, journal: Journal, audit_log: KeptLog, directory: Path, reading: Reading) -> None:
        self._journal = journal
        self._audit_log = audit_log
        self._lines_now = audit_log.now()
        self._directory = directory
        self._reading = reading
        self._head = journal.head
        self._schema = Schema()

    def read(self, told: Told) -> Head | None:
        """Bring it up to the journal's head, which is returned; None: others have it now.

        Raises:
            UnfitError: It cannot tell, or cannot be had.
            AdpersistError: The journal cannot be read.
        """
        file = self._file()
        try:
            self._journal.refresh()
            self._lines_now = self._audit_log.now()
            with brought_up(file, self._journal, told), file.opened(filling=False) as index:
                require_lines(index, self._journal.head)
                self._head = self._journal.head
        except (OthersError, BlockingIOError):
            return None
        except (PointError, OSError, sqlite3.Error) as error:
            if isinstance(error, sqlite3.DatabaseError):
                forget(file)
            raise UnfitError(f"{type(error).__name__}: {error}") from error
        return self._head

    @contextmanager
    def record(self, patience_s: float, ask: Callable[[], None]) -> Iterator[Record]:
        """What it tells; nobody changes it within the block.

        Args:
            patience_s: How long it is waited for.
            ask: Have it brought up.

        Raises:
            AgainError: It is not to be had.
            AdpersistError: The journal cannot be read.
        """
        try:
            with ExitStack() as held:
                index, head = self._opened(held, patience_s, ask)
                journal, audit_log = _InTurn(lambda: self._reading(head)), self._lines_now
                past = IndexedPast(journal, head, index.rows, audit_log=audit_log, schema=self._schema)
                yield Record(past, IndexedLines(past, index.rows, audit_log), past)
        except BlockingIOError as error:
            raise AgainError(is_lost=False) from error
        except (OSError, sqlite3.Error) as error:
            log.warning("index.damaged", error=type(error).__name__)
            if isinstance(error, sqlite3.DatabaseError):
                forget(self._file())
            raise AgainError(is_lost=True) from error

    def _file(self) -> IndexFile:
        return IndexFile(self._directory, self._journal.id)

    def _opened(self, held: ExitStack, patience_s: float, ask: Callable[[], None]) -> tuple[Index, Head]:
        """The index, and the journal's head that it is of."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            with ExitStack() as trying:
                head = self._head
                index = trying.enter_context(looked_up(self._file(), head, seed_of(self._journal), patience_s))
                if index is not None:
                    held.enter_context(trying.pop_all())
                    return index, head
            ask()  # somebody else brought it further
            time.sleep(_PAUSE_S)
        raise AgainError(is_lost=False)


class _InTurn:
    """Reads a journal, one thread at a time.

    Args:
        opened: Gives the journal.
    """

    def __init__(self, opened: Callable[[], AbstractContextManager[Journal]]) -> None:
        self._opened = opened

    def commits(self, *, after: Seq, through: Seq, objects: Collection[Guid] | None = None) -> Iterator[Commit]:
        """See :class:`~adpersist.journal.journal.Journal`."""
        with self._opened() as journal:
            found = list(journal.commits(after=after, through=through, objects=objects))
        return iter(found)

    def commits_of(
        self, spans: Sequence[tuple[Seq, Seq]], *, objects: Collection[Guid] | None = None
    ) -> Iterator[Commit]:
        """See :class:`~adpersist.journal.journal.Journal`."""
        with self._opened() as journal:
            found = list(journal.commits_of(spans, objects=objects))
        return iter(found)

    def checkpoint_parts(
        self, seq: Seq, numbers: Collection[int], objects: Collection[Guid] | None = None
    ) -> list[ObjectState | Gone]:
        """See :class:`~adpersist.journal.journal.Journal`."""
        with self._opened() as journal:
            return journal.checkpoint_parts(seq, numbers, objects)
