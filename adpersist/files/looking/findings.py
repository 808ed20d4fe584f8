"""What look after look finds: what is told, what is known by then, and what cannot be captured."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from adpersist.files.looking.reading import Identity, NotCapturableError, UnrestedError
from adpersist.files.looking.withheld import Withheld
from adpersist.model.files.file_changes import Files, pieces_of
from adpersist.model.files.file_state import FileKey, FileState, Piece, Place, path_text
from adpersist.telemetry import logger

_IMPATIENT_S: Final = 60.0

log = logger("files")


def folder_of(path: str) -> str:
    """Of a path of SYSVOL; its root's is itself."""
    return path.rpartition("/")[0]


class Findings:
    """Kept from look to look.

    Args:
        known: What the journal has.
        withheld: What is no news, as a restore still has to put it right; None: it left nothing.

    Attributes:
        known: The same, brought up to date by :meth:`settle`.
        below: Of each folder of SYSVOL what is known in it, by path.
        shown: What paths looked like when their state was read last.
        states: What this look tells.
        gone: What it tells is gone.
        seen: Paths that this look saw.
        not_captured: Paths that cannot be captured, and why.
        restless: Paths that were being written while this look was at them.
    """

    def __init__(self, known: Files, withheld: Withheld | None) -> None:
        self.known = dict(known)
        self.below: dict[str, set[str]] = {}
        self.shown: dict[str, Identity] = {}
        self.states: list[FileState] = []
        self.gone: list[FileKey] = []
        self.seen = set[str]()
        self.not_captured: dict[str, str] = {}
        """Said once, not at every look."""
        self.restless = set[str]()
        self._withheld = withheld
        self._fresh: dict[str, Identity] = {}
        self._named = set[str]()
        self._since: dict[str, float] = {}
        self._there: set[Piece] | None = None
        for place, path in self.known:
            if place is Place.SYSVOL and path:
                self.below.setdefault(folder_of(path), set()).add(path)

    def begin(self, have: Iterable[Piece] | None) -> None:
        """Another look.

        Args:
            have: Content that need not be told; None: what the known files are made of.
        """
        self.states, self.gone, self._fresh, self.seen, self.restless = [], [], {}, set(), set()
        self._named = set()
        self._there = None if have is None else set(have)

    def is_new(self, piece: Piece) -> bool:
        """Content that was not there yet, from now on it is."""
        if self._there is None:
            self._there = set(pieces_of(self.known.values()))
        if piece in self._there:
            return False
        self._there.add(piece)
        return True

    def take(self, path: str, shown: Identity, state: FileState) -> None:
        """It was read, and is told when it is news."""
        self._since.pop(path, None)
        self.not_captured.pop(path, None)
        self._fresh[path] = shown
        if self.known.get(state.key) != state and not self.is_withheld(state):
            self.states.append(state)

    def lack(self, keys: Iterable[FileKey]) -> None:
        """They are known, and gone."""
        self.gone += [key for key in keys if not self.may_be_withheld(key)]

    def is_withheld(self, state: FileState) -> bool:
        """It is what went back with the disk, and no news."""
        return self._withheld is not None and self._withheld.is_the_images(state, self.known.get(state.key))

    def may_be_withheld(self, key: FileKey) -> bool:
        """Something there may be what went back with the disk."""
        return self._withheld is not None and self._withheld.may_be(key)

    @property
    def withholds(self) -> bool:
        """A restore still has something to put right."""
        return self._withheld is not None

    def forget_sysvol(self) -> None:
        """What this look found in SYSVOL is not SYSVOL's."""
        self.states = [state for state in self.states if state.place is not Place.SYSVOL]
        self.gone = [key for key in self.gone if key[0] is not Place.SYSVOL]
        self._fresh.clear()

    @contextmanager
    def troubles(self, path: str) -> Iterator[None]:
        """One file never takes the rest hostage: it is told by name, and what the journal has of it stays."""
        try:
            yield
        except (UnrestedError, FileNotFoundError, NotADirectoryError):
            # being written, or gone between two calls: what it has become shows in the next look
            self.seen.add(path)
            self.restless.add(path)
            since = self._since.setdefault(path, time.monotonic())
            if time.monotonic() - since > _IMPATIENT_S:
                self.name(path, "never rests: the journal keeps what it was when it last did")
        except (NotCapturableError, OSError) as error:
            self.seen.add(path)
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.name(path, f"is not captured: {reason}")

    def name(self, path: str, what: str) -> None:
        """It cannot be captured."""
        self._named.add(path)
        if self.not_captured.get(path) != what:
            self.not_captured[path] = what
            log.warning("file.not_captured", path=path_text(path), reason=what)

    def settle(self, *, everything: bool) -> int:
        """What this look told is in the journal; returns how many changes that were.

        Args:
            everything: It was at everything: what it did not see is not there, and no trouble any more.
        """
        if self._withheld is not None:
            self._withheld.told([*(state.key for state in self.states), *self.gone])
        for state in self.states:
            self.known[state.key] = state
            if state.place is Place.SYSVOL and state.path:
                self.below.setdefault(folder_of(state.path), set()).add(state.path)
        for key in self.gone:
            self.known.pop(key, None)
            if key[0] is Place.SYSVOL:
                self.below.get(folder_of(key[1]), set()).discard(key[1])
                self.below.pop(key[1], None)
                self.shown.pop(key[1], None)
        if everything:
            self.shown = {path: shown for path, shown in self.shown.items() if path in self.seen}
            self.not_captured = {path: why for path, why in self.not_captured.items() if path in self._named}
            self._since = {path: since for path, since in self._since.items() if path in self.restless}
        self.shown |= self._fresh
        return len(self.states) + len(self.gone)
