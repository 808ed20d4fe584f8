"""A little room beside the journal's file that is given up when the disk is full: deleting takes room, too.

SQLite writes what a deletion changes into its write-ahead log first, so on a disk without any room nothing could be
pruned, and nothing would ever make room. A heal takes room, too, and waits for nobody to prune: it is given half, as
far as that leaves what a prune cannot do without. The reserve is a file of nothing, never read, in nobody's way when
it is missing: whoever loses it to a crash or another program loses no more than that.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import Final

from adpersist.stores.sqlite.errors import refused_by_os
from adpersist.system.files.durable_file import PRIVATE
from adpersist.system.files.real_path import beside
from adpersist.telemetry import logger

LEAST_BYTES: Final = 256 * 1024
MOST_BYTES: Final = 16 * 1_048_576
"""Well above what one step of a prune writes: see ``STEP_BYTES`` in `shrinking`."""

_TIMES: Final = 4
"""So many times the file's size suffice to write a checkpoint of all that is in a small one, and to delete the rest."""

_SHARE: Final = 5
"""It takes one part in so many of what is free: the reserve is not what fills a disk."""

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)

log = logger("store")


def place_of(path: Path) -> Path:
    """Where the reserve of a journal's file lies."""
    return beside(path, "-reserve")


def keep(path: Path) -> None:
    """Make the reserve, or have it grow with the journal, where there is room for it.

    What else keeps it from being made keeps nobody from capturing: it is told in the log.
    """
    reserve = place_of(path)
    try:
        wanted = size_for(path.stat().st_size, has=_allocated(reserve), free=shutil.disk_usage(reserve.parent).free)
        if wanted is None:
            return
        file = os.open(reserve, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE)
        try:
            os.posix_fallocate(file, 0, wanted)
        finally:
            os.close(file)
    except OSError as error:
        if error.errno in _NO_ROOM:
            reserve.unlink(missing_ok=True)  # somebody else took the room meanwhile, and has better use for it
        else:
            log.warning("store.no_reserve", path=str(reserve), reason=error.strerror)


def size_for(journal: int, *, has: int, free: int) -> int | None:
    """How large the reserve is to be, in bytes: at least as large as the journal, within the bounds above.

    Args:
        journal: Bytes of the journal's file.
        has: What the reserve holds already.
        free: What is free on the disk beside that.

    Returns:
        None: It stays as it is. There is no room for one that would do, or it need not grow yet.
    """
    wanted = min(_TIMES * max(journal, LEAST_BYTES), MOST_BYTES, (free + has) // _SHARE)
    # nor is it made of the room that it has just been given up for
    return None if wanted < _least(journal) or has * 2 > wanted else wanted


def _least(journal: int) -> int:
    """Less would not do to prune a journal of so many bytes."""
    return min(max(journal, LEAST_BYTES), MOST_BYTES // 2)


def give_up(path: Path, *, spare_prune: bool = False) -> int:
    """Give its room to whoever makes room with it; or half of it, to who cannot wait for that.

    Returns:
        The bytes that became free; 0: there was none to give.

    Raises:
        StoreError: It lies there and cannot be removed.
    """
    reserve = place_of(path)
    try:
        had = _allocated(reserve)
        spared = max(had // 2, _least(path.stat().st_size)) if spare_prune else 0
        given = max(had - spared, 0)
        if not spared:
            reserve.unlink(missing_ok=True)
        elif given:
            os.truncate(reserve, spared)
    except OSError as error:
        raise refused_by_os(error, reserve) from error
    if given:
        log.warning("store.reserve_given_up", path=str(reserve), bytes=given)
    return given


def _allocated(reserve: Path) -> int:
    """Bytes of the disk that it holds; a file with a hole in it holds less than it is long."""
    try:
        seen = reserve.lstat()
    except FileNotFoundError:
        return 0
    return min(seen.st_size, seen.st_blocks * 512)
