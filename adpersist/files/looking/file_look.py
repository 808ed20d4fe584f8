"""What is new in SYSVOL and the local databases since the journal was told last. Cheap when nothing is."""

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from adpersist.directory.samba.local_databases import LocalDatabaseError, LocalDatabases, Signature, signature
from adpersist.files.id_numbers import lacking
from adpersist.files.id_numbers import news as id_number_news
from adpersist.files.local_files import ASIDE, LocalFiles, absent_folder
from adpersist.files.looking.reading import (
    FileReader,
    Identity,
    NotCapturableError,
    UnrestedError,
    identity,
    open_to_read,
    read_directory,
    read_link,
    require_rested,
)
from adpersist.files.looking.waking import Waker
from adpersist.files.looking.withheld import Withheld
from adpersist.model.files.file_changes import Files, pieces_of
from adpersist.model.files.file_state import FileKey, FileState, Piece, Place, path_text
from adpersist.telemetry import logger

SMB_CONF: Final = "smb.conf"
"""Its path in the journal, wherever it lies."""

DATABASES: Final = (Place.IDMAP, Place.PRIVILEGES, Place.SHARES, Place.REGISTRY)

_TEMPORARY: Final = (b".::TMPNAME:", ASIDE.encode())
"""How smbd calls a folder until its permissions are right (``vfs mkdir use tmp name``, Samba 4.22); and our own."""

_IMPATIENT_S: Final = 60.0

DATABASES_PATH: Final = "(databases)"
"""Names them where a file would be named."""

_AGAIN_S: Final = 30.0

_NEVER: Final = (0, 0, 0, 0)
"""The signature of a database that was not read yet."""

Told = FileState | FileKey | bytes
"""What a look tells: content, states, keys of what is gone."""

log = logger("files")


class FileLook:
    """Looks again and again, and remembers what the disk showed.

    Args:
        files: Where everything lies.
        known: What the journal has.
        waker: Told of every directory, to watch it.
        withheld: What is no news, as a restore still has to put it right; None: it left nothing.

    Attributes:
        known: The same, brought up to date by :meth:`told_all`.
        unread: Why the local databases could not be read; empty when they could.
        unrested: Something changed while the last look was at it: look again soon.
    """

    def __init__(
        self, files: LocalFiles, known: Files, waker: Waker | None = None, withheld: Withheld | None = None
    ) -> None:
        self._files = files
        self._waker = waker
        self._withheld = withheld
        self._shown: dict[str, Identity] = {}
        """What paths of SYSVOL looked like when their state was read last."""
        self._signatures: dict[Place, Signature | None] = {}
        self._named: dict[str, str] = {}
        """What was said of paths that cannot be captured: once, not at every look."""
        self._restless: dict[str, float] = {}
        self._seen = set[str]()
        self._fresh: dict[str, Identity] = {}
        self._fresh_signatures: dict[Place, Signature | None] = {}
        self._states: list[FileState] = []
        self._gone: list[FileKey] = []
        self._whole_below: list[str] = []
        self._databases_after = 0.0
        self.known = dict(known)
        self.unread = ""
        self.unrested = False

    def news(self, prove: Callable[[], None], *, have: Collection[Piece] | None = None) -> Iterator[Told]:
        """Content first, as it is read; at last what is made of it, once the DC was proven after all was read.

        Args:
            prove: Called before any state is told; what it raises ends the look.
            have: Content that need not be told; None: what the known files are made of.
        """
        self._states, self._gone, self._fresh, self._fresh_signatures = [], [], {}, {}
        self._seen, self._whole_below, self.unrested = set(), [], False
        there = set(pieces_of(self.known.values()) if have is None else have)
        yield from self._sysvol(there)
        yield from self._smb_conf(there)
        self._databases()
        self._states.sort(key=lambda state: state.key)
        if self._states or self._gone:
            prove()
        yield from self._states
        yield from self._gone

    def told_all(self) -> int:
        """What the last look told is in the journal; returns how many changes that were."""
        if self._withheld is not None:
            self._withheld.told([*(state.key for state in self._states), *self._gone])
        self.known.update((state.key, state) for state in self._states)
        for key in self._gone:
            self.known.pop(key, None)
        self._shown = {path: shown for path, shown in self._shown.items() if path in self._seen} | self._fresh
        self._signatures |= self._fresh_signatures
        return len(self._states) + len(self._gone)

    @property
    def told_what_comes_back(self) -> bool:
        """The last look told of something that a heal puts back."""
        return bool(self._gone) or any(state.place is not Place.SETTINGS for state in self._states)

    # --- SYSVOL -----------------------------------------------------------------------------------------------------

    def _sysvol(self, there: set[Piece]) -> Iterator[bytes]:
        try:
            root = os.open(self._files.sysvol, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            self._name("", f"SYSVOL {self._files.sysvol} cannot be read: {error.strerror}")
            return
        try:
            absent = absent_folder(Path(f"/proc/self/fd/{root}"), self.known)
            if absent is not None:
                # when it is mounted again all of it is read and watched anew
                self._name("", f"SYSVOL {self._files.sysvol / absent} shows nothing of what it had: is it mounted?")
                return
            self._named.pop("", None)
            yield from self._directory(root, "", there)
        finally:
            os.close(root)
        known = {path for place, path in self.known if place is Place.SYSVOL}
        gone = {path for path in known - self._seen if not self._is_below_unread(path)}
        self._lack((Place.SYSVOL, path) for path in sorted(gone, reverse=True))

    def _directory(self, descriptor: int, path: str, there: set[Piece]) -> Iterator[bytes]:
        self._seen.add(path)
        with self._troubles(path):
            shown = identity(os.fstat(descriptor))
            if self._shown.get(path) != shown:
                if self._waker is not None:
                    self._waker.watch(descriptor)  # before it is listed: what comes later wakes
                self._take(path, shown, read_directory(descriptor, Place.SYSVOL, path))
        try:
            with os.scandir(descriptor) as listing:
                names = sorted(os.fsencode(entry.name) for entry in listing)
        except OSError as error:
            self._name(path, f"cannot be read: {error.strerror}")
            self._whole_below.append(path)
            return
        for name in names:
            if name.startswith(_TEMPORARY):
                self.unrested = True
                continue
            below = (f"{path}/" if path else "") + name.decode("utf-8", "surrogateescape")
            with self._troubles(below):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    yield from self._below(descriptor, name, below, there)
                elif not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
                    self._name(below, "is not captured: it is a socket, a pipe or a device")
                elif self._shown.get(below) == (shown := identity(status)):
                    self._seen.add(below)
                elif stat.S_ISLNK(status.st_mode):
                    self._seen.add(below)
                    self._take(below, shown, read_link(name, status, Place.SYSVOL, below, within=descriptor))
                else:
                    self._seen.add(below)
                    require_rested(status)
                    opened = open_to_read(name, within=descriptor)
                    yield from self._file(opened, below, shown, there)

    def _below(self, within: int, name: bytes, path: str, there: set[Piece]) -> Iterator[bytes]:
        try:
            opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
        except PermissionError as error:
            self._seen.add(path)
            self._whole_below.append(path)
            self._name(path, f"cannot be read: {error.strerror}")
            return
        try:
            yield from self._directory(opened, path, there)
        finally:
            os.close(opened)

    def _file(self, opened: int, path: str, shown: Identity, there: set[Piece]) -> Iterator[bytes]:
        try:
            reader = FileReader(opened, Place.SYSVOL, path)
            if self._withheld is not None and self._withheld.may_be((Place.SYSVOL, path)):
                for _ in reader.pieces():
                    pass  # content of what is not told is not told either
                if reader.state is not None and self._is_withheld(reader.state):
                    self._take(path, shown, reader.state)
                    return
            for piece, content in reader.pieces():
                if piece not in there:
                    there.add(piece)
                    yield content
            if reader.state is not None:
                self._take(path, shown, reader.state)
        finally:
            os.close(opened)

    def _take(self, path: str, shown: Identity, state: FileState) -> None:
        self._restless.pop(path, None)
        self._named.pop(path, None)
        self._fresh[path] = shown
        if self.known.get(state.key) != state and not self._is_withheld(state):
            self._states.append(state)

    def _is_withheld(self, state: FileState) -> bool:
        return self._withheld is not None and self._withheld.is_the_images(state, self.known.get(state.key))

    def _lack(self, keys: Iterable[FileKey]) -> None:
        self._gone += [key for key in keys if self._withheld is None or not self._withheld.may_be(key)]

    @contextmanager
    def _troubles(self, path: str) -> Iterator[None]:
        """One file never takes the rest hostage: it is told by name, and what the journal has of it stays."""
        try:
            yield
        except (UnrestedError, FileNotFoundError, NotADirectoryError):
            # being written, or gone between two calls: what it has become shows in the next look
            self._seen.add(path)
            self.unrested = True
            since = self._restless.setdefault(path, time.monotonic())
            if time.monotonic() - since > _IMPATIENT_S:
                self._name(path, "never rests: the journal keeps what it was when it last did")
        except (NotCapturableError, OSError) as error:
            self._seen.add(path)
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._name(path, f"is not captured: {reason}")

    def _is_below_unread(self, path: str) -> bool:
        return any(path.startswith(f"{above}/") if above else True for above in self._whole_below)

    def _name(self, path: str, what: str) -> None:
        if self._named.get(path) != what:
            self._named[path] = what
            log.warning("file.not_captured", path=path_text(path), reason=what)

    @property
    def not_captured(self) -> dict[str, str]:
        """Paths of SYSVOL that could not be captured, and why."""
        return dict(self._named)

    # --- smb.conf ---------------------------------------------------------------------------------------------------

    def _smb_conf(self, there: set[Piece]) -> Iterator[bytes]:
        path = str(self._files.settings.smb_conf)
        with self._troubles(path):
            opened = open_to_read(Path(path))
            try:
                shown = identity(os.fstat(opened))
                if self._shown.get(path) == shown:
                    self._seen.add(path)
                    return
                reader = FileReader(opened, Place.SETTINGS, SMB_CONF)
                for piece, content in reader.pieces():
                    if piece not in there:
                        there.add(piece)
                        yield content
                if reader.state is not None:
                    self._take(path, shown, said_alone(reader.state))
            finally:
                os.close(opened)

    # --- databases --------------------------------------------------------------------------------------------------

    def _databases(self) -> None:
        """A database that cannot be read takes nothing hostage: it is named, and tried again after a while."""
        if time.monotonic() < self._databases_after:
            return
        try:
            self._read_databases()
        except (LocalDatabaseError, OSError) as error:
            self._databases_after = time.monotonic() + _AGAIN_S
            self._fresh_signatures.clear()
            self.unread = error.message if isinstance(error, LocalDatabaseError) else str(error)
            self._name(DATABASES_PATH, self.unread)
        else:
            self.unread = ""
            self._named.pop(DATABASES_PATH, None)

    def _read_databases(self) -> None:
        settings = self._files.settings
        now = {place: signature(settings.database(place)) for place in DATABASES}
        changed = [place for place, shown in now.items() if self._signatures.get(place, _NEVER) != shown]
        for place in changed:
            if now[place] is None and any(where is place for where, _ in self.known):
                # more likely a disk that is not there than somebody who takes all of it away
                raise LocalDatabaseError(f"{settings.database(place)} is not there any more")
        if not changed:
            return
        with LocalDatabases(settings.smb_conf) as databases:
            found = [(place, databases.read(place)) for place in changed]
        for place, entries in found:
            self._entries(place, entries)
            self._fresh_signatures[place] = now[place]

    @property
    def databases_moved(self) -> bool:
        """A database was written to since it was read; their pages are written in memory, which wakes nobody."""
        if time.monotonic() < self._databases_after:
            return False
        settings = self._files.settings
        try:
            return any(
                self._signatures.get(place, _NEVER) != signature(settings.database(place)) for place in DATABASES
            )
        except OSError:
            return True  # the look says what is wrong

    def _entries(self, place: Place, found: list[FileState]) -> None:
        known = {key: state for key, state in self.known.items() if key[0] is place}
        if place is Place.IDMAP:
            if self._withheld is None or not lacking(known.values(), {state.path: state for state in found}):
                self._states += id_number_news(known.values(), found)
            return
        self._states += [state for state in found if known.get(state.key) != state and not self._is_withheld(state)]
        self._lack(sorted(known.keys() - {state.key for state in found}))


def said_alone(state: FileState) -> FileState:
    """Of smb.conf what it says counts: whoever writes it owns it."""
    return replace(state, uid=0, gid=0, mode=0, mtime_ns=0, attributes={})
