"""Made ``files-v1.json``, once: a small journal with everything the format knows of files.

Kept to show where the file came from, and for the next version's file; it refuses to touch one that exists.
Run as ``python -m tests.golden.make_files FILE``.
"""

import sys
from pathlib import Path

from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.model.files.file_state import FileKind, FileState, Place, piece_of
from adpersist.stores.port import Store
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NOON,
    TEST_KEY,
    created,
    fresh_store,
    look,
    pseudorandom,
    write_down,
)

CONTENT = b"[General]\r\nVersion=65537\r\n"
MTIME_NS = 1_767_268_800_123_456_789


def states() -> list[FileState]:
    """One of every kind, a name that is no UTF-8, and an entry of a database."""
    return [
        FileState(place=Place.SYSVOL, path="", kind=FileKind.DIRECTORY, gid=3_000_000, mode=0o770, mtime_ns=MTIME_NS),
        FileState(
            place=Place.SYSVOL,
            path="corp.example/Policies/GPT.INI",
            kind=FileKind.FILE,
            uid=3_000_004,
            gid=3_000_000,
            mode=0o770,
            mtime_ns=MTIME_NS,
            size=len(CONTENT),
            pieces=(piece_of(CONTENT),),
            attributes={"security.NTACL": b"\x04\x00", "user.DOSATTRIB": b"0x2\x00"},
        ),
        FileState(
            place=Place.SYSVOL,
            path="corp.example/scripts/\udcfc",
            kind=FileKind.SYMLINK,
            mode=0o777,
            mtime_ns=-1,
            attributes={"target": b"logon.bat"},
        ),
        FileState(
            place=Place.IDMAP,
            path="S-1-5-32-544",
            kind=FileKind.ENTRY,
            attributes={"type": b"ID_TYPE_BOTH", "xidNumber": b"3000000"},
        ),
    ]


def write(store: Store) -> Journal:
    """Two looks at files, and a checkpoint between them."""
    randomness = pseudorandom("golden files v1")
    key = LocalKey(TEST_KEY, randomness=randomness)
    journal = Journal.create(
        store, key, identity=IDENTITY, writer=AGENT, now=NOON, randomness=randomness, patience=IMPATIENT
    )
    look(journal, [created("ada")], 100)
    journal.commit_files([CONTENT, *states()], now=NOON + 101)
    look(journal, [created("bert")], 200)
    journal.write_checkpoint(journal.head.seq, [], now=NOON + 201)
    link = states()[2]
    journal.commit_files([link.key], now=NOON + 202)
    return journal


def main(path: Path) -> None:
    """Write the file."""
    store = fresh_store()
    write_down(store, write(store), path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
