"""Where the DCs of tests run, with their journals beside them."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

_PREFIX: Final = "adp-"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - below it each has a directory of its own
_DISK: Final = Path("/tmp")  # noqa: S108
_ROOM_BYTES: Final = 4 << 30
"""Several times what the tests that run at one time need."""
_FORGOTTEN_S: Final = 24 * 3600
"""What a run that was killed left in memory is removed by one of the days after."""


def short_directory(*, on_disk: bool = False) -> "tempfile.TemporaryDirectory[str]":
    """One whose path leaves room for Unix sockets, in memory where there is plenty: a DC that starts or ends waits for
    its disk for longer than it works, and no test asks what a disk keeps when the power goes.

    Args:
        on_disk: On the machine's own disk, whatever there is in memory.
    """
    return tempfile.TemporaryDirectory(prefix=_PREFIX, dir=_DISK if on_disk else _ground())


@cache
def _ground() -> Path:
    if not _MEMORY.is_dir():
        return _DISK
    for left in _MEMORY.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # another may be at it, too
            if time.time() - left.stat().st_mtime > _FORGOTTEN_S:
                shutil.rmtree(left)
    return _MEMORY if min(_free_bytes(), _available_bytes()) >= _ROOM_BYTES else _DISK


def _free_bytes() -> int:
    found = os.statvfs(_MEMORY)
    return found.f_bavail * found.f_frsize


def _available_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
