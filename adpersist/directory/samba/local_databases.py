"""smb.conf as Samba reads it, and the databases beside the directory, by a worker (:mod:`.local_databases_worker`)."""

import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from adpersist.directory.samba.worker_process import WorkerProcess
from adpersist.errors import AdpersistError
from adpersist.model.files.file_state import FileKind, FileState, Place

_WORKER: Final = Path(__file__).with_name("local_databases_worker.py")
_SEQUENCE: Final = struct.Struct("<48xI")
"""The start of a tdb: its sequence number, which moves with each write that asked for that (tdb_private.h)."""

Signature = tuple[int, int, int, int]
"""What a database file shows without being opened by its library: inode, bytes, modification time, sequence number."""


class LocalDatabaseError(AdpersistError):
    """The databases beside the directory cannot be read or written from here."""

    way_out = "Run this as root on the domain controller; `adpersist doctor` says what is missing there."


@dataclass(frozen=True, slots=True, kw_only=True)
class SambaSettings:
    """What smb.conf says of where a DC keeps things.

    Attributes:
        smb_conf: The file.
        private: ``private dir``.
        state: ``state directory``.
        sysvol: Path of the share; empty: there is none.
        unsupported: Settings by which file permissions lie where they are not captured, for people.
        log_level: ``log level``, in which the audit log is switched on.
    """

    smb_conf: Path
    private: Path
    state: Path
    sysvol: str
    unsupported: tuple[str, ...]
    log_level: str

    def database(self, place: Place) -> Path:
        """The file an entry of a place lies in."""
        match place:
            case Place.IDMAP:
                return self.private / "idmap.ldb"
            case Place.PRIVILEGES:
                return self.private / "privilege.ldb"
            case Place.REGISTRY:
                return self.state / "registry.tdb"
            case _:
                return self.state / "share_info.tdb"


class LocalDatabases:
    """The databases, open for as long as a block lasts; before it they are being opened.

    Attributes:
        settings: What smb.conf says; within the block.

    Raises:
        LocalDatabaseError: There is no interpreter with Samba's Python; entering the block, that smb.conf cannot be
            read.
    """

    settings: SambaSettings

    def __init__(self, smb_conf: Path) -> None:
        self._smb_conf = smb_conf
        self._worker = WorkerProcess(_WORKER, str(smb_conf), task=f"reads what {smb_conf} names", gone=_gone)

    def __enter__(self) -> Self:
        try:
            greeting = self._worker.receive()
            if isinstance(greeting, str):
                raise _gone(greeting)
        except BaseException:
            self._worker.close()
            raise
        self.settings = SambaSettings(
            smb_conf=self._smb_conf,
            private=Path(greeting["private dir"]),
            state=Path(greeting["state directory"]),
            sysvol=greeting["sysvol path"],
            unsupported=tuple(_unsupported(greeting)),
            log_level=greeting["log level"],
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.close()

    def read(self, place: Place) -> list[FileState]:
        """Every entry of a database. Raises: LocalDatabaseError."""
        return [
            FileState(place=place, path=path, kind=FileKind.ENTRY, attributes=values)
            for path, values in self._ask(place, "read")
        ]

    def write(self, place: Place, entries: Iterable[FileState], removed: Iterable[str] = ()) -> None:
        """Put entries and take others away, in one transaction. Raises: LocalDatabaseError: nothing was written."""
        self._ask(place, "write", [(each.path, dict(each.attributes)) for each in entries], list(removed))

    def _ask(self, place: Place, operation: str, *arguments: object) -> Any:  # noqa: ANN401 - what the operation gives
        self._worker.send((operation, str(place), *arguments))
        refused, answer = self._worker.receive()
        if refused:
            raise LocalDatabaseError(f"{self.settings.database(place)} cannot be used to {operation}: {refused}")
        return answer


def signature(path: Path) -> Signature | None:
    """What shows that a database was written to; None: there is none. Takes no lock, and lets none go."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        begin, status = os.pread(opened, _SEQUENCE.size, 0), os.fstat(opened)
    finally:
        os.close(opened)
    (sequence,) = _SEQUENCE.unpack(begin) if len(begin) == _SEQUENCE.size else (0,)
    return status.st_ino, status.st_size, status.st_mtime_ns, sequence


def _unsupported(greeting: Mapping[str, str]) -> Iterable[str]:
    for name in ("posix:eadb", "xattr_tdb:file"):
        if greeting[name]:
            yield f"{name} = {greeting[name]}: extended attributes lie in a database of their own, not with the files"


def _gone(words: str) -> LocalDatabaseError:
    return LocalDatabaseError(
        words, hint="SYSVOL and the databases beside the directory need Samba's Python (python3-samba on Debian)."
    )
