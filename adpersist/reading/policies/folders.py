"""What SYSVOL has of group policies: their folders, and the GPT.INI in each. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from adpersist.model.files.file_changes import FileChanges
from adpersist.model.files.file_state import FileKind, FileState, Piece, Place

LARGEST_INI_BYTES: Final = 65_536
"""What lies behind is nobody's version."""

_INI: Final = "gpt.ini"
_VERSION: Final = re.compile(rb"^[ \t]*version[ \t]*=[ \t]*0*(\d{1,10})(?!\d)", re.IGNORECASE | re.MULTILINE)
"""32 bits; whoever may edit a policy may write more digits than a number can have here."""
_NAME: Final = re.compile(r"\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", re.IGNORECASE)
"""Of a policy, in the directory and in SYSVOL ([MS-GPOL] 2.2.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFolders:
    """By the folder's path in lower case, as clients match names without.

    Attributes:
        paths: The folders that are called as policies are, as they are spelt.
        inis: What the GPT.INI in each is made of.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    inis: Mapping[str, tuple[Piece, ...]] = field(default_factory=dict)

    def after(self, changes: FileChanges) -> "PolicyFolders":
        """The same after some of it changed; itself where none did."""
        paths, inis = dict(self.paths), dict(self.inis)
        for place, path in changes.gone:
            if place is Place.SYSVOL and (meant := folder_of(path)) is not None:
                (inis if meant[1] else paths).pop(meant[0].lower(), None)
        for state in changes.states:
            if state.place is Place.SYSVOL and (meant := folder_of(state.path)) is not None:
                _put(state, *meant, paths, inis)
        return self if (paths, inis) == (self.paths, self.inis) else replace(self, paths=paths, inis=inis)

    def is_whole(self, path: str) -> bool:
        """The folder is there, and a GPT.INI in it."""
        return path.lower() in self.paths and path.lower() in self.inis

    def version(self, path: str, versions: Mapping[Piece, int | None]) -> int | None:
        """What its GPT.INI says, by content; None: it is not there, or says nothing."""
        pieces = self.inis.get(path.lower(), ())
        return versions.get(pieces[0]) if pieces else None

    def unlike(self, other: "PolicyFolders") -> set[str]:
        """Folders that are in one alone, or have another GPT.INI, in lower case."""
        if self is other:
            return set()
        inis = {folder for folder in {*self.inis, *other.inis} if self.inis.get(folder) != other.inis.get(folder)}
        return inis | (self.paths.keys() ^ other.paths.keys())


def version_in(ini: bytes) -> int | None:
    """The version that the content of a GPT.INI says ([MS-GPOL] 2.2.4); None: it says none."""
    match = _VERSION.search(ini[:LARGEST_INI_BYTES])
    return int(match[1]) if match else None


def policy_named(name: str) -> str | None:
    """The policy that a container or a folder of this name is, in lower case; None: none."""
    return name.lower() if _NAME.fullmatch(name) else None


def folder_of(path: str) -> tuple[str, bool] | None:
    """The policy's folder that a path of SYSVOL is, or the GPT.INI of; and whether it is that. None: neither."""
    above, _, name = path.rpartition("/")
    if name.lower() == _INI and policy_named(above.rpartition("/")[2]):
        return above, True
    return (path, False) if policy_named(name) else None


def _put(
    state: FileState, folder: str, is_ini: bool, paths: dict[str, str], inis: dict[str, tuple[Piece, ...]]
) -> None:
    lowered = folder.lower()
    if is_ini and state.kind is FileKind.FILE:
        inis[lowered] = state.pieces
    elif not is_ini and state.kind is FileKind.DIRECTORY:
        paths[lowered] = folder
    else:
        (inis if is_ini else paths).pop(lowered, None)
