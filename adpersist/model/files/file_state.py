"""One file of SYSVOL, or one entry of a local database, as it is at one moment."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final, NewType

Piece = NewType("Piece", bytes)
"""SHA-256 of a piece of a file's content: its name in the journal, which holds each piece once."""

_ESCAPED: Final = re.compile(r"\\(?=x[0-9a-fA-F]{2})|[\x00-\x1f\x7f]")
_ESCAPE: Final = re.compile(rb"\\x([0-9a-fA-F]{2})")

PIECE_BYTES: Final = 768 * 1024
"""A file is cut after so many bytes, again and again: a piece fits a frame even when it cannot be compressed."""


class Place(StrEnum):
    """Where something lies."""

    SYSVOL = "sysvol"
    """A file below the share SYSVOL; its path is relative to the share's, that of the share itself empty."""

    IDMAP = "idmap"
    """An entry of idmap.ldb, which says what Unix number a SID has; its path is the SID, or ``CONFIG``."""

    PRIVILEGES = "privileges"
    """An entry of privilege.ldb, what a SID may do on this machine; its path is the SID."""

    SHARES = "shares"
    """Who may use a share, a record of share_info.tdb; its path is the record's key."""

    REGISTRY = "registry"
    """What `net conf` wrote, a record of registry.tdb below the key of smb.conf; its path is the record's key."""

    SETTINGS = "settings"
    """smb.conf: what it says, and nothing else of it."""


FILES: Final = frozenset({Place.SYSVOL, Place.SETTINGS})
"""Places of files; the others are databases."""


class FileKind(StrEnum):
    """What it is."""

    DIRECTORY = "directory"
    FILE = "file"
    SYMLINK = "symlink"
    ENTRY = "entry"


FileKey = tuple[Place, str]
"""A place and a path in it. Bytes of a path that are no UTF-8 are lone surrogates, as Python has them (PEP 383)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """Everything that is kept of a file.

    Attributes:
        place: Where it lies.
        path: Its path there, ``/`` between names.
        kind: What it is; of an entry of a database there is nothing but attributes.
        uid: The owner's Unix number; idmap.ldb says whose it is.
        gid: The group's.
        mode: Permission bits, 0 to 0o7777.
        mtime_ns: When its content was changed last, Unix nanoseconds.
        size: Bytes of its content.
        pieces: Its content, cut every PIECE_BYTES; empty for what has none.
        attributes: Extended attributes by name, ``security.NTACL`` among them; of an entry its values, one of
            ``privilege`` as ``privilege#2``; of a symbolic link its target, as ``target``.
    """

    place: Place
    path: str
    kind: FileKind
    uid: int = 0
    gid: int = 0
    mode: int = 0
    mtime_ns: int = 0
    size: int = 0
    pieces: tuple[Piece, ...] = ()
    attributes: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def key(self) -> FileKey:
        """What tells it from all others."""
        return self.place, self.path


def piece_of(content: bytes) -> Piece:
    """The name of a piece of content."""
    return Piece(sha256(content).digest())


def folders_above(path: str) -> Iterator[str]:
    """The folders that a path lies in, the nearest first; not the share itself."""
    while path := path.rpartition("/")[0]:
        yield path


def path_text(path: str) -> str:
    """A path as people and JSON can have it, and give it back: ``\\xff`` is a byte that is no UTF-8, or a control
    character; a backslash that would begin one is ``\\x5c``."""
    escaped = _ESCAPED.sub(lambda found: f"\\x{ord(found[0]):02x}", path)
    return escaped.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def written_path(text: str) -> str:
    """The reverse of :func:`path_text`."""
    whole = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode("utf-8", "surrogateescape"))
    return whole.decode("utf-8", "surrogateescape")
