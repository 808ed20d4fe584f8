"""One file as it is on the disk: its state, and its content piece by piece. Never half of one that is being written."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from adpersist.files.metadata import attributes_of
from adpersist.model.files.file_state import PIECE_BYTES, FileKind, FileState, Piece, Place, piece_of

REST_NS: Final = 100_000_000
"""A file that was written to so lately is left for the next look: whoever writes it in several steps pauses between
them, and nothing tells a reader when it is whole."""

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a directory of SYSVOL is opened: no link is followed."""

LARGEST_ATTRIBUTES_BYTES: Final = 512 * 1024
"""Of one file, together; a frame holds them with room to spare."""


class UnrestedError(Exception):
    """The file changed while it was read, or just before: the next look has it."""


class NotCapturableError(Exception):
    """It is nothing that can be captured; says why."""


class Identity(NamedTuple):
    """What shows that a file is another than it was, content, owner or permissions: ctime, which nobody can set."""

    inode: int
    size: int
    ctime_ns: int


class OpenFile(NamedTuple):
    """A regular file that is open to read.

    Attributes:
        descriptor: To be closed by whoever asked for it.
        status: Of when it was opened.
    """

    descriptor: int
    status: os.stat_result


def identity(status: os.stat_result) -> Identity:
    """The identity a status shows."""
    return Identity(status.st_ino, status.st_size, status.st_ctime_ns)


def mtime_ns(status: os.stat_result) -> int:
    """When its content was changed last; of a time beyond 64 bits, before 1677 or after 2554, the nearest they hold."""
    return min(max(status.st_mtime_ns, -(2**63)), 2**64 - 1)


def require_rested(status: os.stat_result, clock_ns: Callable[[], int] = time.time_ns, *, longer_ns: int = 0) -> None:
    """Raises: UnrestedError: It was written to just now; a time to come, after a clock was set back, does not count."""
    if 0 <= clock_ns() - status.st_ctime_ns < max(REST_NS, longer_ns):
        raise UnrestedError


def read_directory(descriptor: int, place: Place, path: str) -> FileState:
    """The state of an open directory. Raises: OSError, NotCapturableError."""
    return _state(os.fstat(descriptor), place, path, FileKind.DIRECTORY, _kept(descriptor))


def read_link(name: bytes, status: os.stat_result, place: Place, path: str, *, within: int) -> FileState:
    """The state of a symbolic link in an open directory; it is never followed. Raises: OSError."""
    target = os.readlink(name, dir_fd=within)
    return _state(status, place, path, FileKind.SYMLINK, {"target": target}, mode=0o777)


class FileReader:
    """A regular file that is being read.

    Args:
        opened: The file, closed by whoever opened it.

    Attributes:
        state: Once every piece was taken.
    """

    def __init__(self, opened: OpenFile, place: Place, path: str) -> None:
        self._descriptor, self._status = opened
        self._place = place
        self._path = path
        self.state: FileState | None = None

    def pieces(self) -> Iterator[tuple[Piece, bytes]]:
        """Its content, in order.

        Raises:
            UnrestedError: It changed meanwhile. What was handed out is the content of no whole file.
            OSError: It cannot be read.
        """
        before = self._status
        require_rested(before)
        attributes, names = _kept(self._descriptor), list[Piece]()
        at = 0
        while at < before.st_size:
            content = os.pread(self._descriptor, min(PIECE_BYTES, before.st_size - at), at)
            if not content:
                raise UnrestedError
            names.append(piece_of(content))
            yield names[-1], content
            at += len(content)
        if identity(os.fstat(self._descriptor)) != identity(before):
            raise UnrestedError
        self.state = _state(before, self._place, self._path, FileKind.FILE, attributes, pieces=tuple(names))


def open_to_read(path: Path | bytes, *, within: int | None = None) -> OpenFile:
    """A regular file, no link followed.

    Raises:
        NotCapturableError: It is a socket, a device or the like.
        OSError: It cannot be opened.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        # a look is no use of the file; and to write the time of it down would wait for whoever flushes the disk
        descriptor = os.open(path, flags | os.O_NOATIME, dir_fd=within)
    except PermissionError:  # neither the owner nor CAP_FOWNER
        descriptor = os.open(path, flags, dir_fd=within)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotCapturableError("it is no regular file")
    return OpenFile(descriptor, status)


def open_below(root: int, path: str) -> OpenFile:
    """The same of a path below an open directory, opened step by step."""
    above, _, name = path.rpartition("/")
    directory = open_directory(root, above)
    try:
        return open_to_read(name.encode("utf-8", "surrogateescape"), within=directory)
    finally:
        os.close(directory)


def open_directory(root: int, path: str) -> int:
    """A directory below an open one, opened step by step, no link followed; the caller closes it. Raises: OSError."""
    opened = os.dup(root)
    for name in path.encode("utf-8", "surrogateescape").split(b"/") if path else ():
        try:
            below = os.open(name, DIRECTORY, dir_fd=opened)
        finally:
            os.close(opened)
        opened = below
    return opened


def _kept(descriptor: int) -> dict[str, bytes]:
    found = attributes_of(descriptor)
    if sum(map(len, found.values())) > LARGEST_ATTRIBUTES_BYTES:
        raise NotCapturableError(f"its extended attributes have more than {LARGEST_ATTRIBUTES_BYTES} bytes")
    return found


def _state(
    status: os.stat_result,
    place: Place,
    path: str,
    kind: FileKind,
    attributes: dict[str, bytes],
    *,
    pieces: tuple[Piece, ...] = (),
    mode: int | None = None,
) -> FileState:
    return FileState(
        place=place,
        path=path,
        kind=kind,
        uid=status.st_uid,
        gid=status.st_gid,
        mode=stat.S_IMODE(status.st_mode) if mode is None else mode,
        mtime_ns=mtime_ns(status),
        size=status.st_size if kind is FileKind.FILE else 0,
        pieces=pieces,
        attributes=attributes,
    )
