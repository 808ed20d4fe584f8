"""What came and went between two looks at the files, and what a state is made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from adpersist.model.files.file_state import FileKey, FileState, Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChanges:
    """What one frame tells of files.

    Attributes:
        states: Those that are new or another than before, whole.
        gone: Those that are no more.
        pieces: Content that some of these states, or states of a frame to come, are made of.
    """

    states: tuple[FileState, ...] = ()
    gone: tuple[FileKey, ...] = ()
    pieces: tuple[bytes, ...] = ()


NO_FILES: Final = FileChanges()
"""Nothing."""

Files = Mapping[FileKey, FileState]
"""All files at one moment. None at all: nobody looked at them yet, as even an empty SYSVOL has its own directory."""


def applied(files: dict[FileKey, FileState], changes: FileChanges) -> None:
    """Bring files up to date."""
    for key in changes.gone:
        files.pop(key, None)
    files.update((state.key, state) for state in changes.states)


def pieces_of(states: Iterable[FileState]) -> frozenset[Piece]:
    """All content that states are made of."""
    return frozenset(piece for state in states for piece in state.pieces)
