"""Files that are whole and on the disk once the call is done, or are as they were.

What is written is flushed to the disk (fsync), then gets its name, then the directory that holds the name is flushed
too: without the last step a power cut may bring back the old name, or none. Errors are the system's own (OSError);
whoever calls knows what the file was for.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from adpersist.system.files.real_path import real

PRIVATE: Final = 0o600
"""Mode of a file that is new: its owner's alone."""


@contextmanager
def created(path: Path) -> Iterator[BinaryIO]:
    """Write a new file under its own name; what is there already is never touched.

    A file that could not be finished is removed.

    Raises:
        FileExistsError: Something is there, be it a link that leads nowhere.
        OSError: It cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            _flush(file)
        flush_directory(path.parent)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Write a file anew: whoever opens it reads the old content or the new one, whole, a power cut notwithstanding.

    It is written beside the old file and takes its name; mode and, where this process may give it away, owner stay.
    Where the name is a symbolic link, what it leads to is replaced and the link stays. Without an old file it is new.

    Raises:
        OSError: It cannot be written. The old file is as it was, unless its directory alone could not be flushed.
    """
    target = real(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
    half = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            _resemble(file, target)
            _flush(file)
        half.rename(target)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    flush_directory(target.parent)


def _resemble(file: BinaryIO, old: Path) -> None:
    """Owner first: giving a file away takes bits from its mode."""
    try:
        status = old.stat()
    except FileNotFoundError:
        return
    with suppress(PermissionError):
        os.fchown(file.fileno(), status.st_uid, status.st_gid)
    os.fchmod(file.fileno(), status.st_mode & 0o777)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def flush_directory(path: Path) -> None:
    """Put a directory's names on the disk; without it a file made just now may be gone after a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
