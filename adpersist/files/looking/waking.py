"""Knowing at once that something below SYSVOL was written, made, renamed or permitted (inotify(7)).

It only wakes, and says where: what became of it, a look finds out. So nothing is lost where the kernel drops events or
has no watches left; a look at everything that comes by itself finds it later.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from adpersist.telemetry import logger

_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_ASKED: Final = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_UNMOUNT, _OVERFLOW, _IGNORED = 0x2000, 0x4000, 0x8000
_IS_DIRECTORY = 0x40000000
_CAME: Final = _CREATE | _MOVED_TO
_EVENT: Final = struct.Struct("iIII")
"""Watch, what happened, a cookie, the length of the name that follows."""

_ONLY_DIRECTORY: Final = 0x01000000
_BUFFER_BYTES: Final = 16_384
_NO_MORE: Final = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOSYS, errno.ENOMEM})
"""The kernel has no more watches to give, or knows none."""

log = logger("files")


class Waker:
    """Watches directories. Without the kernel's help it is one that never wakes.

    Attributes:
        is_watching: Everything it was told of is watched.
    """

    def __init__(self) -> None:
        self._descriptor = -1  # a signal may end it before there is one
        self._paths: dict[int, str] = {}
        """Of each watch, where its directory was seen last."""
        self._happened = set[str]()
        self._anywhere = True
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
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

    def watch(self, directory: int, path: str) -> bool:
        """Watch an open directory, as long as it is there; to ask for one again does no harm.

        Args:
            path: Where it is now, as :meth:`take` will say.

        Returns:
            It was not watched before: nobody was told of what happened in it.
        """
        if not self.is_watching:
            return False
        opened = f"/proc/self/fd/{directory}".encode()
        watch = self._libc.inotify_add_watch(self._descriptor, opened, _ASKED | _ONLY_DIRECTORY)
        if watch >= 0:
            is_new = watch not in self._paths  # the kernel gives no number twice
            self._paths[watch] = path
            return is_new
        if (number := ctypes.get_errno()) in _NO_MORE:
            self._give_up(number)
        return False

    @property
    def descriptor(self) -> int | None:
        """Readable as soon as something happened; None: it never wakes."""
        return self._descriptor if self.is_watching else None

    def woke(self) -> bool:
        """Something happened since this was asked last."""
        happened = False
        for watch, what, name in self._events():
            if what & _IGNORED:
                self._paths.pop(watch, None)  # the directory is gone, as the one above tells
                continue
            happened = True
            path = self._paths.get(watch)
            if path is None or what & (_OVERFLOW | _UNMOUNT):
                self._anywhere = True
            else:
                self._happened.add(path)
                if what & _IS_DIRECTORY and what & _CAME:
                    # it may have the name and the inode of one that is gone: nothing else tells the two apart
                    self._happened.add((f"{path}/" if path else "") + name.decode("utf-8", "surrogateescape"))
        return happened

    def take(self) -> set[str] | None:
        """The directories in which something happened since this was asked last; None: it may be anywhere."""
        self.woke()
        happened, anywhere = self._happened, self._anywhere or not self.is_watching
        self._happened, self._anywhere = set(), False
        return None if anywhere else happened

    def _events(self) -> Iterator[tuple[int, int, bytes]]:
        """Watch, what happened, and to which name in it."""
        while self.is_watching:
            try:
                read = os.read(self._descriptor, _BUFFER_BYTES)
            except BlockingIOError:
                return
            at = 0
            while at < len(read):
                watch, what, _, name_bytes = _EVENT.unpack_from(read, at)
                name = read[at + _EVENT.size : at + _EVENT.size + name_bytes].rstrip(b"\0")
                at += _EVENT.size + name_bytes
                yield watch, what, name

    def close(self) -> None:
        """Let the watches go; safe to repeat."""
        descriptor, self._descriptor, self.is_watching = self._descriptor, -1, False
        if descriptor >= 0:
            os.close(descriptor)

    def _give_up(self, number: int) -> None:
        self.close()
        log.info("sysvol.not_watched", reason=os.strerror(number), hint="it is looked at every now and then instead")
