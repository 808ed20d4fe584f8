"""What replication keeps beside values, read from the running DC's own files by a worker (:mod:`.stamp_worker`)."""

import os
import pickle
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from adpersist.directory.ldap.session import Session
from adpersist.directory.samba.database import SYSTEM_PYTHON
from adpersist.directory.samba.own_database import NotLocalError, database_path
from adpersist.directory.wire.stored_stamps import StoredStamps
from adpersist.model.identity.ids import Guid, Usn

_WORKER: Final = Path(__file__).with_name("stamp_worker.py")
_AHEAD_BYTES: Final = 1024 * 1024
"""Questions that were not answered yet must fit the socket, so that nobody waits for the other."""
_TIMEOUT_S: Final = 300


class StampReader:
    """A worker that has the files open; once they are replaced it ends, and so does this.

    Args:
        path: The file ``sam.ldb``.
        server: objectGUID of the DC's NTDS Settings.

    Attributes:
        usn: highestCommittedUSN when it began.
        invocation: invocationID of the database.

    Raises:
        NotLocalError: The files cannot be read from here.
    """

    def __init__(self, path: Path, server: Guid) -> None:
        self._path = path
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self._socket, its_end = socket.socketpair()
        with its_end:
            try:
                self._worker = subprocess.Popen(
                    [SYSTEM_PYTHON, "-I", str(_WORKER), str(path), server.hex()],
                    stdin=its_end.fileno(),
                    stdout=its_end.fileno(),
                    stderr=self._said,
                    cwd="/",
                )
            except OSError as error:
                self._socket.close()
                self._said.close()
                raise NotLocalError(f"{SYSTEM_PYTHON} cannot be started: {error.strerror}") from error
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _AHEAD_BYTES)
        self._socket.settimeout(_TIMEOUT_S)
        self._to, self._from = self._socket.makefile("wb"), self._socket.makefile("rb")
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
        """Ask for some objects; what comes back hands out the answer, in the order of the questions.

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
        try:
            pickle.dump((nc, list(guids), links, since), self._to)
            self._to.flush()
        except OSError as error:
            raise self._gone() from error
        return self._answer

    def _answer(self) -> tuple[Usn, list[StoredStamps]]:
        usn, found = self._receive()
        return usn, [StoredStamps(guid=guid, blob=blob, links=links) for guid, blob, links in found]

    def close(self) -> None:
        """Let the worker go."""
        self._worker.kill()
        self._worker.wait()
        with suppress(OSError):  # what was on the way to a worker that is gone
            self._to.close()
        self._from.close()
        self._socket.close()
        self._said.close()

    def _receive(self) -> Any:  # noqa: ANN401 - what the worker gives
        if self._from.closed:
            raise NotLocalError("it was let go")
        try:
            answer = pickle.load(self._from)  # noqa: S301 - from a process of our own
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise self._gone() from error
        if isinstance(answer, str):
            raise NotLocalError(answer)
        return answer

    def _gone(self) -> NotLocalError:
        self._worker.kill()
        self._worker.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip().splitlines()
        return NotLocalError(f"the worker that reads {self._path} ended" + (f": {said[-1]}" if said else ""))


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
    if reader.invocation != invocation or not before <= reader.usn <= session.usn():
        reader.close()
        raise NotLocalError(f"{path} is not the database of the running domain controller")
    return reader
