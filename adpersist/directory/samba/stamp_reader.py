"""What replication keeps beside values, read from the running DC's own files by a worker (:mod:`.stamp_worker`)."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from weakref import ReferenceType, ref

from adpersist.directory.ldap.session import Session
from adpersist.directory.samba.own_database import NotLocalError, database_path, require_own
from adpersist.directory.samba.worker_process import WorkerProcess
from adpersist.directory.wire.stored_stamps import StoredLinks, StoredStamps
from adpersist.model.identity.ids import Guid, Usn, guid_text
from adpersist.telemetry import logger

_WORKER: Final = Path(__file__).with_name("stamp_worker.py")

log = logger("stamps")


class _Question:
    """One that was asked.

    Attributes:
        answer: What the worker said; None: nothing yet.
    """

    def __init__(self) -> None:
        self.answer: tuple[Usn, list[StoredStamps]] | None = None


class Found:
    """What comes of an answer, part by part."""

    def __init__(self) -> None:
        self._found: dict[Guid, tuple[int, bytes, dict[str, StoredLinks]]] = {}

    def add(self, part: Iterable[tuple[Guid, int, bytes, Mapping[str, Sequence[bytes]]]]) -> None:
        """Take a part; the first with an object has what lies beside its values."""
        for guid, created, blob, links in part:
            *_, known = self._found.setdefault(guid, (created, blob, {}))
            for name, values in links.items():
                if unreadable := known.setdefault(name, StoredLinks()).add(values):
                    log.warning("links.unreadable", object=guid_text(guid), attribute=name, count=unreadable)

    @property
    def stamps(self) -> list[StoredStamps]:
        """All that came."""
        return [
            StoredStamps(guid=guid, created=Usn(created), blob=blob, links=links)
            for guid, (created, blob, links) in self._found.items()
        ]


class StampReader:
    """A worker that has the files open; once they are replaced it ends, and so does this.

    Args:
        path: The file ``sam.ldb``.
        server: objectGUID of the DC's NTDS Settings.

    Attributes:
        path: As given.
        usn: highestCommittedUSN when it began.
        invocation: invocationID of the database.

    Raises:
        NotLocalError: The files cannot be read from here.
    """

    def __init__(self, path: Path, server: Guid) -> None:
        self.path = path
        self._open: deque[ReferenceType[_Question]] = deque()
        self._worker = WorkerProcess(_WORKER, str(path), server.hex(), task=f"reads {path}", gone=NotLocalError)
        try:
            self.usn, self.invocation = self._receive()
        except NotLocalError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._worker.pid

    def ask(
        self, nc: str | None, guids: Iterable[Guid], links: frozenset[str], since: Usn
    ) -> Callable[[], tuple[Usn, list[StoredStamps]]]:
        """Ask for some objects; what comes back hands out the answer. What nobody waits for any more is passed over.

        Args:
            nc: The naming context they lie in; None: any.
            guids: objectGUIDs.
            links: Names of link attributes.
            since: Of links, only those written after it.

        Returns:
            Hands out highestCommittedUSN once they were looked up, and those that are there.

        Raises:
            NotLocalError: The worker ended, or the files are not the ones it opened; also when the answer is taken.
        """
        self._worker.send((nc, list(guids), links, since))
        question = _Question()
        self._open.append(ref(question))
        return partial(self._answer, question)

    def _answer(self, question: _Question) -> tuple[Usn, list[StoredStamps]]:
        while question.answer is None:
            oldest, found = self._open[0], Found()
            while not isinstance(part := self._receive(), int):
                if oldest() is not None:
                    found.add(part)
            self._open.popleft()
            if (asked := oldest()) is not None:
                asked.answer = Usn(part), found.stamps
        return question.answer

    def close(self) -> None:
        """Let the worker go."""
        self._worker.close()

    def _receive(self) -> Any:  # noqa: ANN401 - what the worker gives
        if self._worker.is_closed:
            raise NotLocalError("it was let go")
        answer = self._worker.receive()
        if isinstance(answer, str):
            raise NotLocalError(answer)
        return answer


def own_stamps(session: Session, server: Guid, invocation: Guid) -> StampReader:
    """A reader of the running DC's own files; the caller closes it.

    Args:
        session: At the DC.
        server: objectGUID of its NTDS Settings.
        invocation: invocationID it shows over LDAP.

    Raises:
        NotLocalError: They cannot be told to be that, or not be read.
    """
    path = database_path(session)
    if os.geteuid() != 0:
        raise NotLocalError("only root may read the database")
    before = session.usn()
    reader = StampReader(path, server)
    require_own(session, reader, before=before, invocation=invocation)
    return reader
