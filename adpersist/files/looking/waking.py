"""Knowing at once that something below SYSVOL was written, made, renamed or permitted (inotify(7)).

It only wakes: what became of it, a look finds out. So nothing is lost where the kernel drops events or has no watches
left; a look that comes by itself finds it later.
"""

import ctypes
import errno
import os
from types import TracebackType
from typing import Final, Self

from adpersist.telemetry import logger

_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_ASKED: Final = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_ONLY_DIRECTORY: Final = 0x01000000
_BUFFER_BYTES: Final = 65_536
_NO_MORE: Final = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOSYS, errno.ENOMEM})
"""The kernel has no more watches to give, or knows none."""

log = logger("files")


class Waker:
    """Watches directories. Without the kernel's help it is one that never wakes.

    Attributes:
        is_watching: Everything it was told of is watched.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.is_watching = self._descriptor >= 0
        if not self.is_watching:
            self._give_up(ctypes.get_errno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def watch(self, directory: int) -> None:
        """Watch an open directory, as long as it is there; to ask for one again does no harm."""
        if not self.is_watching:
            return
        path = f"/proc/self/fd/{directory}".encode()
        if self._libc.inotify_add_watch(self._descriptor, path, _ASKED | _ONLY_DIRECTORY) < 0:
            number = ctypes.get_errno()
            if number in _NO_MORE:
                self._give_up(number)

    def woke(self) -> bool:
        """Something happened since this was asked last."""
        if not self.is_watching:
            return False
        happened = False
        while True:
            try:
                happened = bool(os.read(self._descriptor, _BUFFER_BYTES)) or happened
            except BlockingIOError:
                return happened

    def close(self) -> None:
        """Let the watches go; safe to repeat."""
        descriptor, self._descriptor, self.is_watching = self._descriptor, -1, False
        if descriptor >= 0:
            os.close(descriptor)

    def _give_up(self, number: int) -> None:
        self.close()
        log.info("sysvol.not_watched", reason=os.strerror(number), hint="it is looked at every now and then instead")
