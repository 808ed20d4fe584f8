"""The log as it grows while the agent captures: what of it belongs to a look, and from when on nothing is missing.

Samba writes a line before the write it tells of can be seen, so whoever looked at the directory and then reads the log
to its end has the lines of all that the look showed.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from adpersist.audit.log import predecessor
from adpersist.audit.rows import Rows, Sessions
from adpersist.model.objects.audit import Audited, AuditLine, attributes_of
from adpersist.model.objects.change import Change
from adpersist.telemetry import logger

_CHUNK_BYTES: Final = 1024 * 1024
_MOST_LINES: Final = 50_000
"""That wait for the look that shows what they tell of."""
_WAIT_S: Final = 900.0
"""Longer than a transaction takes: what no look has shown by then it never will."""
_MODIFY: Final = "Modify"

log = logger("audit")


class _File:
    """One file of the log, open: Samba's slower processes write to one that was renamed for a while."""

    def __init__(self, path: Path, sessions: Sessions) -> None:
        self._file: BinaryIO = path.open("rb")
        self._rows = Rows(sessions)
        status = os.fstat(self._file.fileno())
        self.place = status.st_dev, status.st_ino

    def is_cut(self) -> bool:
        """It is shorter than what was read of it."""
        return os.fstat(self._file.fileno()).st_size < self._file.tell()

    def more(self) -> Iterable[AuditLine]:
        """What came since, to its end."""
        while content := self._file.read(_CHUNK_BYTES):
            yield from self._rows.feed(content)

    def close(self) -> None:
        """Give it back."""
        self._file.close()


class AuditFollower:
    """Reads on where it stopped. Trouble with the log is no trouble of the capture: it is sealed as the reason.

    Args:
        path: Where it is.
        since: Unix seconds: what was written before is in the journal already.
    """

    def __init__(self, path: Path, *, since: float) -> None:
        self.path = path
        self._since = since - _WAIT_S
        self._files: list[_File] = []
        self._sessions: Sessions = {}
        self._waiting: list[AuditLine] = []
        self._unbroken: float | None = None
        self._newest: float | None = None
        self._trouble = ""

    def read(self) -> None:
        """Read the log to its end; often, so that nothing is rotated away unread."""
        try:
            self._read_files()
        except OSError as error:
            trouble = f"{self.path}: {error.strerror}"
            if trouble != self._trouble:
                log.warning("audit.unreadable", path=str(self.path), reason=str(error.strerror))
            self._trouble = trouble
        else:
            self._trouble = ""

    def audited(self, changes: Sequence[Change]) -> Audited:
        """Read on; what may have made these changes."""
        self.read()
        names = attributes_of(changes)
        return Audited(
            since=self._unbroken,
            through=self._newest,
            trouble=self._trouble,
            lines=tuple(
                line for line in self._waiting if line.operation != _MODIFY or not line.attributes.isdisjoint(names)
            ),
        )

    def sealed(self, audited: Audited) -> None:
        """These lines are durable."""
        gone = set(map(id, audited.lines))
        self._waiting = [line for line in self._waiting if id(line) not in gone]

    def looked(self) -> None:
        """Everything that was written a while before the newest line is in the journal."""
        if self._newest is not None:
            self._since = max(self._since, self._newest - _WAIT_S)
            self._waiting = [line for line in self._waiting if line.time >= self._since]

    def _read_files(self) -> None:
        self._take(line for file in self._files for line in file.more())
        if self._files and self._files[-1].is_cut():
            self._begin_anew("it was cut")
            self._open(self.path)
            return
        status = self.path.stat()
        if self._files and self._files[-1].place == (status.st_dev, status.st_ino):
            return
        older = predecessor(self.path)
        known = {file.place for file in self._files}
        before = _place(older)
        if self._files and before not in known:
            self._begin_anew("it was rotated away faster than it was read")
        if before is not None and before not in known:
            self._open(older)
        self._open(self.path)

    def _open(self, path: Path) -> None:
        self._files.append(_File(path, self._sessions))
        for file in self._files[:-2]:
            self._take(file.more())
            file.close()
        del self._files[:-2]
        self._take(self._files[-1].more())

    def _begin_anew(self, reason: str) -> None:
        """Something of it may be missing: nothing is claimed of what was before."""
        log.warning("audit.gap", path=str(self.path), reason=reason)
        for file in self._files:
            file.close()
        self._files.clear()
        self._unbroken = None

    def _take(self, lines: Iterable[AuditLine]) -> None:
        for line in lines:
            self._unbroken = line.time if self._unbroken is None else self._unbroken
            self._newest = line.time
            if line.time >= self._since:
                self._waiting.append(line)
        if len(self._waiting) > _MOST_LINES:
            log.warning("audit.gap", path=str(self.path), reason="more was written than a look can tell of")
            del self._waiting[: len(self._waiting) - _MOST_LINES]
            self._unbroken = self._waiting[0].time


def _place(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
