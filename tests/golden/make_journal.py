"""Made ``journal-v3-full.json``, once: a small journal with everything the format knows. ``journal-v3-padded.json`` was
made alike, before heads and checkpoints were filled up, ``journal-v3.json`` before frames were, ``journal-v2.json``
before links had stamps and objects in a checkpoint any, ``journal-v1.json`` before checkpoints remembered what is gone
and before there were spares.

Kept to show where the file came from, and for the next version's file; it refuses to touch one that exists.
Run as ``python -m tests.golden.make_journal FILE``.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from adpersist.journal.format import splitting
from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.model.identity.ids import Seq, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Change, Kind, LinkStamp, Stamp
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.stores.port import Store
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NC,
    NOON,
    OTHER,
    TEST_KEY,
    created,
    fresh_store,
    guid,
    look,
    pseudorandom,
    set_value,
    write_down,
)

SMALL_FRAME = 2_000
"""Frames are made this small, so that a change in parts does not take megabytes."""


@contextmanager
def small_frames() -> Iterator[None]:
    """For as long as the block lasts."""
    with (
        mock.patch.object(splitting, "MAX_FRAME_BYTES", SMALL_FRAME),
        mock.patch.object(splitting, "SLICE_BYTES", SMALL_FRAME - 300),
    ):
        yield


def write(store: Store) -> Journal:
    """Looks of every kind of change, a mark, a change in parts, a restore, two data keys, a checkpoint."""
    randomness = pseudorandom("golden v3 full")
    key = LocalKey(TEST_KEY, randomness=randomness)
    journal = Journal.create(
        store, key, identity=IDENTITY, writer=AGENT, now=NOON, randomness=randomness, patience=IMPATIENT
    )
    people = [created("ada", {"cn": (b"ada",), "mail": (b"ada@corp.example",)}), created("bert"), created("crew")]
    look(journal, people, 100)
    journal.mark("hired", writer=OTHER, now=NOON + 101)
    members = frozenset({bytes(ref(guid("ada"))), bytes(ref(guid("bert"))), b"CN=nobody,DC=corp,DC=example"})
    made = LinkStamp(version=7, time=13_411_742_400, origin=guid("invocation"), usn=Usn(170), present=True)
    gone = LinkStamp(version=8, time=13_411_742_450, origin=guid("elsewhere"), usn=Usn(9), present=False)
    crew = {"member": {**dict.fromkeys(members, made), bytes(ref(guid("old"))): gone}}
    look(
        journal,
        [
            set_value("ada", b"\x00\xff", "unicodePwd", usn=150),
            Change(kind=Kind.CHANGED, guid=guid("crew"), nc=NC, added={"member": members}, link_stamps=crew),
            Change(kind=Kind.MOVED, guid=guid("bert"), nc=NC, parent=guid("office"), rdn="CN=Bert Ünal"),
            Change(kind=Kind.CHANGED, guid=guid("ada"), nc=NC, values={"mail": (), "otherPhone": (b"1", b"2")}),
        ],
        200,
    )
    journal.rotate_data_key(now=NOON + 201)
    photo = b"".join(guid(str(number)) for number in range(300))
    look(journal, [Change(kind=Kind.CHANGED, guid=guid("ada"), nc=NC, values={"jpegPhoto": (photo,)})], 300)
    look(
        journal,
        [
            Change(kind=Kind.DELETED, guid=guid("bert"), nc=NC, rdn="CN=bert\nDEL:1", values={"isDeleted": (b"TRUE",)}),
            Change(kind=Kind.CHANGED, guid=guid("crew"), nc=NC, removed={"member": members}),
            Change(kind=Kind.EXPUNGED, guid=guid("old"), nc="DC=DomainDnsZones,DC=corp,DC=example"),
        ],
        400,
    )
    journal.begin_restore(target=Seq(3), writer=OTHER, now=NOON + 401)
    journal.end_restore(now=NOON + 402)
    journal.write_checkpoint(journal.head.seq, states(), now=NOON + 403)
    journal.claim(AGENT, now=NOON + 404)
    look(journal, [Change(kind=Kind.UNDELETED, guid=guid("bert"), nc=NC, values={"isDeleted": ()})], 500)
    return journal


def states() -> list[ObjectState | Gone]:
    """What the checkpoint holds: a plain object, one with links, one in parts, one that is gone."""
    return [
        ObjectState(guid=guid("domain"), nc=NC, parent=None, rdn=NC),
        ObjectState(
            guid=guid("crew"),
            nc=NC,
            parent=guid("domain"),
            rdn="CN=crew",
            values={"cn": (b"crew",)},
            links={"member": frozenset({bytes(ref(guid("ada")))})},
            stamps={
                name: Stamp(version=1, time=13_411_742_400, origin=guid("invocation"), usn=Usn(80))
                for name in ("cn", "name")
            },
            link_stamps={
                "member": {
                    bytes(ref(guid(name))): LinkStamp(
                        version=version,
                        time=13_411_742_400,
                        origin=guid("invocation"),
                        usn=Usn(90),
                        present=version == 1,
                    )
                    for name, version in (("ada", 1), ("bert", 2))
                }
            },
        ),
        ObjectState(
            guid=guid("ada"),
            nc=NC,
            parent=guid("domain"),
            rdn="CN=ada",
            values={"jpegPhoto": (b"".join(guid(str(number)) for number in range(300)),)},
        ),
        Gone(guid=guid("old")),
    ]


def main(path: Path) -> None:
    """Write the file."""
    store = fresh_store()
    with small_frames():
        journal = write(store)
    write_down(store, journal, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
