"""What Samba keeps naming contexts in, read from their files: tdb or mdb, how large, and where it ends.

The two grow differently. tdb has no ordered index, so that every DirSync and every search by USN reads all of a naming
context, and its offsets have 32 bits. mdb (LMDB) reads what changed, and ends at the size it was provisioned with.
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from adpersist.directory.samba.own_database import NotLocalError

_TDB_START: Final = b"TDB file\n"
"""TDB_MAGIC_FOOD, tdb_private.h."""
_TDB_LIMIT: Final = 1 << 32
_MDB_MAGIC: Final = 0xBEEFC0DE
_MDB_META: Final = struct.Struct("=16xII8xQ")
"""A page's header; MDB_meta of lmdb.c: mm_magic, mm_version, mm_address, mm_mapsize."""


class Backend(StrEnum):
    """As ``samba-tool domain provision --backend-store`` names it."""

    TDB = "tdb"
    MDB = "mdb"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStore:
    """How the naming contexts lie on disk.

    Attributes:
        kind: All of them are of one.
        size: Bytes of the largest one's file.
        limit: Bytes that file cannot exceed.
    """

    kind: Backend
    size: int
    limit: int


def backend_store(database: Path) -> BackendStore:
    """Look at the largest naming context.

    Args:
        database: The file ``sam.ldb``.

    Raises:
        NotLocalError: The files cannot be read, or are of neither kind.
    """
    folder = database.with_name("sam.ldb.d")
    try:
        size, largest = max((each.stat().st_size, each) for each in folder.glob("*.ldb"))
        with largest.open("rb") as file:
            start = file.read(_MDB_META.size)
    except ValueError:
        raise NotLocalError(f"there is no naming context in {folder}") from None
    except OSError as error:
        raise NotLocalError(f"{folder} cannot be read: {error.strerror}") from error
    if start.startswith(_TDB_START):
        return BackendStore(kind=Backend.TDB, size=size, limit=_TDB_LIMIT)
    if len(start) == _MDB_META.size:
        magic, _, limit = _MDB_META.unpack(start)
        if magic == _MDB_MAGIC:
            return BackendStore(kind=Backend.MDB, size=size, limit=limit)
    raise NotLocalError(f"{largest} is neither tdb nor mdb")
