"""The memory of a program and of all it starts, at its peak."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_PROC: Final = Path("/proc")
_EVERY_S: Final = 0.2
_KIB: Final = 1024


class Peak:
    """Watches a process and its descendants for as long as a block lasts.

    What processes share counts once, divided among them (Pss). Pages of mapped files do not count: a database that is
    mapped, as tdb is, is in the kernel's memory whoever reads it, and the kernel drops it where it needs the room.

    Attributes:
        most_bytes: The most they had together; looked at five times a second, so that a shorter peak may be missed.
    """

    def __init__(self, pid: int) -> None:
        self.most_bytes = 0
        self._pid = pid
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            self.most_bytes = max(self.most_bytes, sum(map(_shared_out, _with_descendants(self._pid))))


def _with_descendants(pid: int) -> Iterator[int]:
    yield pid
    with suppress(FileNotFoundError, ProcessLookupError):  # it ended just now
        for children in (_PROC / str(pid) / "task").glob("*/children"):
            for child in _words(children):
                yield from _with_descendants(int(child))


def _words(file: Path) -> list[str]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return file.read_text().split()
    return []


def _shared_out(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * _KIB for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
