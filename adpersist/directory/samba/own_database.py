"""The database of the DC behind a socket, opened where that is safe.

Samba's databases are made to be written by several processes: every write is a transaction under locks that its daemons
and tools share, and a daemon notices at its next operation what another process committed, the schema included. What
is asked here is only that it is the running DC's own database, and that the same Samba writes to it.
"""

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol

from adpersist.directory.ldap.session import Session
from adpersist.directory.samba.database import Database, make_ready, worker_of
from adpersist.errors import ConfigError, DirectoryUnreachableError
from adpersist.model.identity.ids import Guid
from adpersist.system.secrecy import environment_for_others

_SOCKET_DIRECTORY: Final = "ldap_priv"
_DAEMON: Final = "samba"
_VERSION_TIMEOUT_S: Final = 10


class NotLocalError(ConfigError):
    """The DC's database cannot be written to safely from here."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the local engine cannot be used: {reason}",
            hint="Use --engine ldap, which needs nothing but the socket, or auto, which takes it by itself.",
        )
        self.reason = reason


class OpeningDatabase:
    """The DC's own database while a worker opens it.

    Args:
        session: A session at the DC.
        receives: What replication takes is loaded, too.

    Raises:
        NotLocalError: It cannot be opened safely.
    """

    def __init__(self, session: Session, *, receives: bool = False) -> None:
        self._session = session
        self._path = database_path(session)
        if os.geteuid() != 0:
            raise NotLocalError("only root may write to the database")
        self._before = session.usn()
        try:
            self._worker = worker_of(self._path)
            if receives:
                make_ready(self._worker)
        except DirectoryUnreachableError as error:
            raise NotLocalError(error.message) from error

    def opened(self, invocation: Guid) -> Database:
        """Wait for it; the caller closes it.

        Args:
            invocation: invocationID the DC shows over LDAP.

        Raises:
            NotLocalError: It cannot be told to be the DC's own, or not be opened safely.
        """
        with ExitStack() as failing:
            failing.callback(self.close)
            running = running_version(self._session)
            try:
                database = Database(self._path, self._worker)
            except DirectoryUnreachableError as error:
                raise NotLocalError(error.message) from error
            if database.version != running:
                raise NotLocalError(f"Samba {running} is running, and Samba's Python is {database.version}")
            require_own(self._session, database, before=self._before, invocation=invocation)
            failing.pop_all()
        return database

    def close(self) -> None:
        """Let the worker go."""
        self._worker.close()


class Opened(Protocol):
    """A database that says whose it is."""

    path: Path
    invocation: Guid
    usn: int

    def close(self) -> None:
        """Let go of it."""


def require_own(session: Session, opened: Opened, *, before: int, invocation: Guid) -> None:
    """Make sure that it is the running DC's own; another one is closed.

    Args:
        before: The DC's USN before it was opened.
        invocation: invocationID the DC shows over LDAP.

    Raises:
        NotLocalError: It is not.
    """
    if opened.invocation != invocation or not before <= opened.usn <= session.usn():
        opened.close()
        raise NotLocalError(f"{opened.path} is not the database of the running domain controller")


def database_path(session: Session) -> Path:
    """Where the database of the DC behind a privileged socket lies.

    Raises:
        NotLocalError: It is not beside the socket.
    """
    if not session.privileged:
        raise NotLocalError("the session is over the network")
    socket = session.path
    path = socket.parent.parent / "sam.ldb"
    if socket.parent.name != _SOCKET_DIRECTORY or not path.exists():
        raise NotLocalError(f"there is no sam.ldb beside the directory of {socket}")
    return path


def running_version(session: Session) -> str:
    """Version of the Samba behind the privileged socket.

    Raises:
        NotLocalError: It cannot be seen from here.
    """
    process = session.peer()
    try:
        program = Path(f"/proc/{process}/exe").readlink()
    except OSError as error:
        raise NotLocalError(f"the process behind the socket cannot be seen from here: {error.strerror}") from error
    if program.name != _DAEMON:  # a replaced one is called "samba (deleted)"
        raise NotLocalError(f"the program behind the socket is {program}")
    try:
        env = environment_for_others()
        words = [str(program), "--version"]
        done = subprocess.run(words, capture_output=True, timeout=_VERSION_TIMEOUT_S, check=True, env=env)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotLocalError(f"{program} does not tell its version: {error}") from error
    return done.stdout.decode(errors="replace").removeprefix("Version ").strip()
