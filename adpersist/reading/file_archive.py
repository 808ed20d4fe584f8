"""SYSVOL at a point as a tar archive, as ``tar --xattrs --xattrs-include='*' -xpf`` puts it back.

The archive is laid out first and filled as content comes from the journal: memory follows one piece, not one file.
"""

import io
import tarfile
from typing import BinaryIO, Final

from adpersist.journal.journal import Journal
from adpersist.model.files.file_changes import Files
from adpersist.model.files.file_state import PIECE_BYTES, FileKind, FileState, Piece, Place
from adpersist.model.identity.ids import Seq

_XATTR: Final = "SCHILY.xattr."
"""How GNU tar and star write extended attributes into a PAX header."""
_KINDS: Final = {FileKind.DIRECTORY: tarfile.DIRTYPE, FileKind.FILE: tarfile.REGTYPE, FileKind.SYMLINK: tarfile.SYMTYPE}


def write_archive(journal: Journal, point: Seq, files: Files, target: BinaryIO) -> int:
    """Write all of SYSVOL at a point; returns how many files and folders that are.

    Args:
        target: A new file that can be written anywhere.

    Raises:
        IntegrityError: The journal is not what was written.
        OSError: The file cannot be written.
    """
    states = [state for (place, _), state in sorted(files.items()) if place is Place.SYSVOL]
    places: dict[Piece, list[int]] = {}
    for state in states:
        target.write(_header(state))
        begins = target.tell()
        for number, piece in enumerate(state.pieces):
            places.setdefault(piece, []).append(begins + number * PIECE_BYTES)
        target.seek(_whole_blocks(state.size), io.SEEK_CUR)
    target.write(bytes(2 * tarfile.BLOCKSIZE))
    target.truncate()
    for piece, content in journal.content(point, list(places)):
        for at in places[piece]:
            target.seek(at)
            target.write(content)
    return len(states)


def _header(state: FileState) -> bytes:
    """Everything that may be long, large or no text lies in the PAX records; the old header has the rest."""
    path = _bytes(f"sysvol/{state.path}".rstrip("/"))
    seconds, rest = divmod(abs(state.mtime_ns), 1_000_000_000)
    records = [
        (b"path", path),
        (b"size", b"%d" % state.size),
        (b"uid", b"%d" % state.uid),
        (b"gid", b"%d" % state.gid),
        (b"mtime", b"%s%d.%09d" % (b"-" if state.mtime_ns < 0 else b"", seconds, rest)),
    ]
    if state.kind is FileKind.SYMLINK:
        records.append((b"linkpath", state.attributes["target"]))
    else:
        records += [(f"{_XATTR}{name}".encode(), value) for name, value in sorted(state.attributes.items())]
    info = tarfile.TarInfo("file")
    info.type, info.mode = _KINDS[state.kind], state.mode
    return _extended(records) + info.tobuf(tarfile.USTAR_FORMAT)


def _extended(records: list[tuple[bytes, bytes]]) -> bytes:
    """A PAX header of bytes (POSIX.1-2001, pax Extended Header), which tarfile writes of text alone."""
    content = b"".join(_record(name, value) for name, value in records)
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content.ljust(_whole_blocks(len(content)), b"\0")


def _record(name: bytes, value: bytes) -> bytes:
    """``length name=value`` and a line feed; the length counts itself."""
    rest = b" " + name + b"=" + value + b"\n"
    length = len(rest)
    while length != len(str(length)) + len(rest):
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def _whole_blocks(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
