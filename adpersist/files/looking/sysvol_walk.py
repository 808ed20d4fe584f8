"""What is new in SYSVOL: all of it, or just the directories in which something happened."""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from adpersist.files.local_files import ASIDE, absent_folder
from adpersist.files.looking.findings import Findings, folder_of
from adpersist.files.looking.reading import (
    DIRECTORY,
    FileReader,
    Identity,
    NotCapturableError,
    OpenFile,
    identity,
    open_directory,
    open_to_read,
    read_directory,
    read_link,
    require_rested,
)
from adpersist.files.looking.waking import Waker
from adpersist.model.files.file_state import Place

_TEMPORARY: Final = (b".::TMPNAME:", ASIDE.encode())
"""How smbd calls a folder until its permissions are right (``vfs mkdir use tmp name``, Samba 4.22); and our own."""

_NAMED_WITHIN_NS: Final = 10_000_000_000
"""Whoever makes it has named it by then, or died: it does not keep the agent looking for ever."""

DEEPEST: Final = 128
"""Looked into are so many folders in each other: each takes a descriptor while what is below it is looked at. With
names of ordinary length no client reaches further."""


class SysvolWalk:
    """One look at SYSVOL.

    Args:
        sysvol: The share's directory.
        findings: Where what it finds goes.
        waker: Told of every directory, to watch it.
    """

    def __init__(self, sysvol: Path, findings: Findings, waker: Waker | None) -> None:
        self._sysvol = sysvol
        self._found = findings
        self._waker = waker
        self._listed = set[str]()
        self._unread: list[str] = []

    def everything(self) -> Iterator[bytes]:
        """Content that is told, as it is read."""
        yield from self._walk([""], deep=True)

    def directories(self, paths: Collection[str]) -> Iterator[bytes]:
        """The same of these directories, and of what came to be below them; none need be there any more."""
        yield from self._walk([path for path in sorted(paths) if _is_looked_into(path)], deep=False)

    def _walk(self, paths: list[str], *, deep: bool) -> Iterator[bytes]:
        try:
            root = os.open(self._sysvol, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            self._found.name("", f"SYSVOL {self._sysvol} cannot be read: {error.strerror}")
            return
        try:
            if deep:
                if self._is_absent(root):
                    return
                self._found.not_captured.pop("", None)
            for path in paths:
                yield from self._named(root, path, deep=deep)
            gone = self._gone()
            if gone and not deep and self._is_absent(root):
                self._found.forget_sysvol()
                return
        finally:
            os.close(root)
        self._found.lack((Place.SYSVOL, path) for path in sorted(gone, reverse=True))

    def _is_absent(self, root: int) -> bool:
        """Its disk is not mounted; when it is again, all of it is read and watched anew."""
        absent = absent_folder(Path(f"/proc/self/fd/{root}"), self._found.known)
        if absent is not None:
            self._found.name("", f"SYSVOL {self._sysvol / absent} shows nothing of what it had: is it mounted?")
        return absent is not None

    def _gone(self) -> list[str]:
        """What was known in the directories that were listed, and is there no more, with all below it."""
        found = self._found
        gone = [path for folder in self._listed for path in found.below.get(folder, ()) if path not in found.seen]
        for path in gone:
            gone += found.below.get(path, ())
        return gone

    def _named(self, root: int, path: str, *, deep: bool) -> Iterator[bytes]:
        """A directory, or where it is gone, the nearest one above."""
        while True:
            if path in self._listed or path in self._unread:
                return
            try:
                opened = open_directory(root, path)
                break
            except PermissionError as error:
                self._not_read(path, error)
                return
            except OSError:
                if not path:
                    raise
                path = folder_of(path)
        try:
            yield from self._directory(opened, path, deep=deep)
        finally:
            os.close(opened)

    def _not_read(self, path: str, error: OSError) -> None:
        self._found.seen.add(path)
        self._unread.append(path)
        self._found.name(path, f"cannot be read: {error.strerror}")

    def _directory(self, descriptor: int, path: str, *, deep: bool) -> Iterator[bytes]:
        found = self._found
        found.seen.add(path)
        with found.troubles(path):
            shown = identity(os.fstat(descriptor))
            if found.shown.get(path) != shown:
                # before it is listed: what comes later wakes
                if self._waker is not None and self._waker.watch(descriptor, path):
                    deep = True  # one made anew, and so may be what is in it, whatever their inodes
                found.take(path, shown, read_directory(descriptor, Place.SYSVOL, path))
        try:
            with os.scandir(descriptor) as listing:
                names = sorted(os.fsencode(entry.name) for entry in listing)
        except OSError as error:
            self._not_read(path, error)
            return
        self._listed.add(path)
        for name in names:
            below = (f"{path}/" if path else "") + name.decode("utf-8", "surrogateescape")
            if name.startswith(_TEMPORARY):
                self._passed_over(descriptor, name, below)
                continue
            with found.troubles(below):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    if not _is_looked_into(below):
                        raise NotCapturableError(f"it lies in more than {DEEPEST} folders")
                    if deep or self._is_another(below, status):
                        yield from self._below(descriptor, name, below)
                    found.seen.add(below)
                else:
                    yield from self._no_directory(descriptor, name, below, status)

    def _is_another(self, path: str, status: os.stat_result) -> bool:
        """Not the directory that was there when it was looked at last; that one tells by itself what happens in it."""
        before = self._found.shown.get(path)
        return before is None or before.inode != status.st_ino

    def _below(self, within: int, name: bytes, path: str) -> Iterator[bytes]:
        try:
            opened = os.open(name, DIRECTORY, dir_fd=within)
        except PermissionError as error:
            self._not_read(path, error)
            return
        try:
            yield from self._directory(opened, path, deep=True)
        finally:
            os.close(opened)

    def _passed_over(self, within: int, name: bytes, path: str) -> None:
        with self._found.troubles(path):
            require_rested(os.stat(name, dir_fd=within, follow_symlinks=False), longer_ns=_NAMED_WITHIN_NS)
            raise NotCapturableError("it never got its name from whoever made it")

    def _no_directory(self, within: int, name: bytes, path: str, status: os.stat_result) -> Iterator[bytes]:
        found = self._found
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
            found.name(path, "is not captured: it is a socket, a pipe or a device")
            return
        found.seen.add(path)
        if path in found.below:
            self._listed.add(path)  # it was a directory: what was in it is there no more
        if found.shown.get(path) == (shown := identity(status)):
            return
        if stat.S_ISLNK(status.st_mode):
            found.take(path, shown, read_link(name, status, Place.SYSVOL, path, within=within))
            return
        require_rested(status)
        opened = open_to_read(name, within=within)
        try:
            yield from self._file(opened, path, shown)
        finally:
            os.close(opened.descriptor)

    def _file(self, opened: OpenFile, path: str, shown: Identity) -> Iterator[bytes]:
        found, reader = self._found, FileReader(opened, Place.SYSVOL, path)
        if found.may_be_withheld((Place.SYSVOL, path)):
            for _ in reader.pieces():
                pass  # content of what is not told is not told either
            if reader.state is not None and found.is_withheld(reader.state):
                found.take(path, shown, reader.state)
                return
        for piece, content in reader.pieces():
            if found.is_new(piece):
                yield content
        if reader.state is not None:
            found.take(path, shown, reader.state)


def _is_looked_into(path: str) -> bool:
    """A folder of SYSVOL that is not too deep, nor smbd's or ours until it has its name."""
    names = os.fsencode(path).split(b"/")
    return len(names) <= DEEPEST and not any(name.startswith(_TEMPORARY) for name in names)
