"""Making SYSVOL what it should be: whoever reads a file meanwhile has the old one or the new one, whole.

New content is written aside, on the same disk and outside the share, with owner, permissions and attributes, flushed
all together, and then takes its name. While there is not enough room nothing has been touched. Clients write there,
too: no symbolic link is followed on the way, and a file that is not as it was when it was looked at stays, as nothing
else has its content.
"""

import ctypes
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from adpersist.errors import AdpersistError, ExitCode
from adpersist.files.differences import FileDifference
from adpersist.files.local_files import ASIDE, absent_folder
from adpersist.files.looking.reading import mtime_ns, open_directory
from adpersist.files.metadata import give, permit
from adpersist.model.files.file_changes import Files
from adpersist.model.files.file_state import (
    PIECE_BYTES,
    FileKind,
    FileState,
    Piece,
    Place,
    folders_above,
    path_text,
    piece_of,
)

_POLICY_VERSION: Final = "gpt.ini"
"""What clients look at before anything else of a policy: it comes last."""

_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_libc: Final = ctypes.CDLL(None, use_errno=True)

FetchContent = Callable[[Collection[Piece]], Iterable[tuple[Piece, bytes]]]
"""Content by name, from the journal."""


_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class FileNotRestoredError(AdpersistError):
    """SYSVOL cannot be made what it should be: there is no room for it, or it is not there at all."""

    exit_code = ExitCode.DIFFERENCES


class PuttingBack:
    """Closes differences of SYSVOL.

    Args:
        sysvol: The share's directory.
        fetch: Content from the journal.
        known: What SYSVOL had: a disk that shows nothing of that is not mounted, and nothing is written below it.

    Attributes:
        refused: Files the system did not let be made what they should be, and why; one never takes the rest hostage.
    """

    def __init__(self, sysvol: Path, fetch: FetchContent, known: Files | None = None) -> None:
        self._sysvol = sysvol
        self._fetch = fetch
        self._known = known or {}
        self.refused: dict[str, str] = {}

    def make(self, found: Sequence[FileDifference], progress: Callable[[int, int], None]) -> None:
        """Make and change what should be there; :meth:`remove` takes away what should not, but for what lies in a
        folder that a file takes the place of.

        Raises:
            FileNotRestoredError: There is no room; no file was touched.
        """
        wanted = [each.want for each in found if each.want is not None and each.want.place is Place.SYSVOL]
        files = [state for state in wanted if state.kind is not FileKind.DIRECTORY]
        seen = {each.key[1]: each for each in found if each.key[0] is Place.SYSVOL}
        inside = _in_the_way(found)
        with self._opened_root() as root, self._aside() as aside:
            staged = self._staged(aside, files, progress)
            _flush(root)
            for state in sorted(_directories(wanted), key=lambda state: _depth(state.path)):
                with self._trying(state.path):
                    _make_directory(root, seen[state.path])
            whole = [state for state in files if state.path not in self.refused]
            for number, state in enumerate(sorted(whole, key=_last_the_version), 1):
                with self._trying(state.path):
                    for each in inside.get(state.path, ()):
                        _remove(root, each)
                    _take_name(root, seen[state.path], staged[state.path])
                progress(len(files) + number, 2 * len(files))
            _flush(root)

    def remove(self, found: Sequence[FileDifference]) -> None:
        """Take away what should not be there, deepest first."""
        with self._opened_root() as root:
            for each in _to_go(found):
                with self._trying(each.key[1]):
                    _remove(root, each)
            _flush(root)

    def settle(self, wanted: Iterable[FileState]) -> None:
        """Give directories owner, permissions and time, deepest first: all that is in them is there by now."""
        with self._opened_root() as root:
            for state in sorted(_directories(wanted), key=lambda state: _depth(state.path), reverse=True):
                with self._trying(state.path), _opened(root, state.path) as directory:
                    give(directory, state)
            _flush(root)

    def permit(self, found: Sequence[FileDifference]) -> None:
        """Owner and permissions alone, of what is there: where there is no room for content, nobody may do more than
        he should with what there is."""
        there = [each.want for each in found if each.want is not None and _is_alike(each)]
        with self._opened_root() as root:
            for state in there:
                opened = _opened if state.kind is FileKind.DIRECTORY else _opened_file
                # one that would take room leaves it to the others; that there is none was told
                with suppress(FileNotRestoredError), self._trying(state.path), opened(root, state.path) as file:
                    permit(file, state)
            _flush(root)

    # --- aside ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """A directory on SYSVOL's disk that nobody else reaches; what an earlier run left there is swept up."""
        beside = self._sysvol.parent
        with _reached():
            if _mount(beside) != _mount(self._sysvol):
                beside = self._sysvol  # a disk of its own: a look passes the directory over, its mode keeps clients out
            for left in beside.glob(f"{ASIDE}*"):
                shutil.rmtree(left)
            before = beside.stat()
            place = Path(tempfile.mkdtemp(prefix=ASIDE, dir=beside))
        try:
            yield place
        finally:
            shutil.rmtree(place)
            if beside == self._sysvol:
                os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))  # it is SYSVOL's own, and captured

    def _staged(self, aside: Path, files: Sequence[FileState], progress: Callable[[int, int], None]) -> dict[str, Path]:
        """Every file, complete but for its name."""
        staged = {state.path: aside / str(number) for number, state in enumerate(files)}
        places: dict[Piece, list[tuple[Path, int]]] = {}
        for state in files:
            if state.kind is FileKind.FILE:
                with self._trying(state.path):
                    staged[state.path].touch(mode=0o600)
                for number, piece in enumerate(state.pieces):
                    places.setdefault(piece, []).append((staged[state.path], number * PIECE_BYTES))
        paths = {aside_path: path for path, aside_path in staged.items()}
        self._copy_what_is_here(files, places, paths)
        for piece, content in self._fetch(list(places)):
            for path, at in places[piece]:
                with self._trying(paths[path]):
                    _write_at(path, at, content)
        for number, state in enumerate(files, 1):
            with self._trying(state.path):
                _finish(staged[state.path], state)
            progress(number, 2 * len(files))
        return staged

    def _copy_what_is_here(
        self, files: Sequence[FileState], places: dict[Piece, list[tuple[Path, int]]], paths: dict[Path, str]
    ) -> None:
        """Content that the disk has under the same path need not come from the store."""
        with self._opened_root() as root:
            for state in files:
                with suppress(OSError), _opened_parent(root, state.path) as (parent, name):
                    # what cannot be read here comes from the store
                    descriptor = os.open(name, _FILE, dir_fd=parent)
                    try:
                        for number in range(len(state.pieces)):
                            content = os.pread(descriptor, PIECE_BYTES, number * PIECE_BYTES)
                            for path, at in places.pop(piece_of(content), ()):
                                with self._trying(paths[path]):
                                    _write_at(path, at, content)
                    finally:
                        os.close(descriptor)

    @contextmanager
    def _opened_root(self) -> Iterator[int]:
        with _reached():
            root = os.open(self._sysvol, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            absent = absent_folder(Path(f"/proc/self/fd/{root}"), self._known)
            if absent is not None:
                raise _not_mounted(self._sysvol / absent)
            yield root
        finally:
            os.close(root)

    @contextmanager
    def _trying(self, path: str) -> Iterator[None]:
        """What follows of a file that was refused before is not tried any more."""
        try:
            yield
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise _not_restored(path, error) from error
            self.refused.setdefault(path, error.strerror or str(error))


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _not_restored("", error) from error


def _not_mounted(folder: Path) -> FileNotRestoredError:
    return FileNotRestoredError(
        f"SYSVOL {folder} shows nothing of what it had: it is taken for a disk that is not mounted, and not filled",
        hint="Mount it and run the same command again. Where the disk is gone for good, make the folder "
        "DOMAIN/Policies in SYSVOL by hand, and run it again: all of it comes back.",
    )


def _mount(directory: Path) -> tuple[int, str]:
    """What a rename does not cross: a device, and one mount of it (proc(5), fdinfo)."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        facts = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
        return os.fstat(descriptor).st_dev, next(line for line in facts if line.startswith("mnt_id:"))
    finally:
        os.close(descriptor)


def _not_restored(path: str, error: OSError) -> FileNotRestoredError:
    return FileNotRestoredError(
        f"SYSVOL{f'/{path_text(path)}' if path else ''} cannot be restored: {error.strerror}",
        hint="Make room, or let this process write there, and run the same command again: it goes on.",
    )


def _flush(descriptor: int) -> None:
    """Make all that was written to a disk durable (syncfs(2)): file by file each one waits for the disk by itself.

    Raises:
        FileNotRestoredError: The disk did not take all of it.
    """
    with _reached():
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _write_at(path: Path, at: int, content: bytes) -> None:
    if content.count(0) == len(content):
        return  # a hole stays one, and takes no room
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        done = 0
        while done < len(content):
            done += os.pwrite(descriptor, content[done:], at + done)
    finally:
        os.close(descriptor)


def _finish(path: Path, state: FileState) -> None:
    if state.kind is FileKind.SYMLINK:
        path.unlink(missing_ok=True)
        path.symlink_to(os.fsdecode(state.attributes["target"]))
        os.chown(path, state.uid, state.gid, follow_symlinks=False)
        os.utime(path, ns=(state.mtime_ns, state.mtime_ns), follow_symlinks=False)
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, state.size)  # what it ends with may be a hole
        give(descriptor, state)
    finally:
        os.close(descriptor)


def _take_name(root: int, each: FileDifference, aside: Path) -> None:
    with _opened_parent(root, each.key[1]) as (parent, name):
        if _is_directory(parent, name):
            os.rmdir(name, dir_fd=parent)
        _require_as_seen(parent, name, each)
        os.rename(os.fsencode(aside), name, dst_dir_fd=parent)


def _make_directory(root: int, each: FileDifference) -> None:
    """Closed to everybody until it has its permissions."""
    path = each.key[1]
    if not path:
        return
    with _opened_parent(root, path) as (parent, name):
        if _is_directory(parent, name):
            return
        _require_as_seen(parent, name, each)
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parent)
        os.mkdir(name, 0o700, dir_fd=parent)


def _remove(root: int, each: FileDifference) -> None:
    path = each.key[1]
    if not path:
        return
    # what it lay in may be gone, too, or a file by now
    with suppress(FileNotFoundError, NotADirectoryError), _opened_parent(root, path) as (parent, name):
        if _is_directory(parent, name):
            os.rmdir(name, dir_fd=parent)
        else:
            _require_as_seen(parent, name, each)
            os.unlink(name, dir_fd=parent)


def _require_as_seen(parent: int, name: bytes, each: FileDifference) -> None:
    """Raises: OSError: A file is there that nobody looked at, or that was written to since: nothing else has it."""
    with suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        shown = FileKind.FILE, status.st_size, mtime_ns(status)
        known = [(state.kind, state.size, state.mtime_ns) for state in (each.have, each.want) if state is not None]
        if stat.S_ISREG(status.st_mode) and shown not in known:
            raise OSError(errno.EBUSY, "somebody wrote to it meanwhile")


def _to_go(found: Iterable[FileDifference]) -> list[FileDifference]:
    """What should not be there, deepest first."""
    extra = [each for each in found if each.want is None and each.key[0] is Place.SYSVOL]
    return sorted(extra, key=lambda each: _depth(each.key[1]), reverse=True)


def _in_the_way(found: Sequence[FileDifference]) -> dict[str, list[FileDifference]]:
    """By the path of what takes the place of a folder, what lies in that, deepest first."""
    inside: dict[str, list[FileDifference]] = {
        each.key[1]: []
        for each in found
        if each.want is not None and each.want.kind is not FileKind.DIRECTORY
        if each.have is not None and each.have.kind is FileKind.DIRECTORY
    }
    if inside:
        for each in _to_go(found):
            for above in folders_above(each.key[1]):
                if above in inside:
                    inside[above].append(each)
    return inside


def _is_directory(parent: int, name: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


@contextmanager
def _opened_parent(root: int, path: str) -> Iterator[tuple[int, bytes]]:
    """The directory something lies in, opened step by step, and its name there."""
    above, _, name = path.rpartition("/")
    with _opened(root, above) as directory:
        yield directory, name.encode("utf-8", "surrogateescape")


@contextmanager
def _opened(root: int, path: str) -> Iterator[int]:
    descriptor = open_directory(root, path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _opened_file(root: int, path: str) -> Iterator[int]:
    with _opened_parent(root, path) as (parent, name):
        descriptor = os.open(name, _FILE, dir_fd=parent)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _is_alike(each: FileDifference) -> bool:
    """A file or a directory is there where one should be, perhaps with other content."""
    if each.want is None or each.have is None or each.want.place is not Place.SYSVOL:
        return False
    return each.want.kind is each.have.kind and each.want.kind is not FileKind.SYMLINK


def _directories(states: Iterable[FileState]) -> list[FileState]:
    return [each for each in states if each.kind is FileKind.DIRECTORY and each.place is Place.SYSVOL]


def _depth(path: str) -> tuple[int, str]:
    return (path.count("/") + 1 if path else 0), path


def _last_the_version(state: FileState) -> tuple[bool, str]:
    return state.path.rpartition("/")[2].lower() == _POLICY_VERSION, state.path
