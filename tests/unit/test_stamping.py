"""Stamps that are given to what a look shows."""

from __future__ import annotations

import struct
from collections.abc import Collection

from adpersist.directory.feed.stamping import Answer, Stamping
from adpersist.directory.schema import Schema
from adpersist.directory.wire.stored_stamps import StoredStamps
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.sighting import Sighting
from adpersist.model.objects.stamps import EVER

ADA = Guid(b"a" * 16)
NAMES = {1: "cn", 2: "mail", 3: "mail", 4: "name"}


class Stored:
    """One object's value, whoever asks."""

    def __init__(self, *entries: tuple[int, int, int], created: int = 0) -> None:
        self.created = Usn(created)
        rows = [(attid, version, 13_400_000_000, bytes(ADA), usn, usn) for attid, version, usn in entries]
        head = struct.pack("<IIII", 1, 0, len(rows), 0)
        self.blob = head + b"".join(struct.pack("<IIq16sQQ", *row) for row in rows)

    def learn(self, schema: Schema) -> None:
        pass

    def ask(self, nc: str, guids: Collection[Guid], *, since: Usn, floor: Usn) -> Answer:
        return lambda: {
            guid: StoredStamps(guid=guid, created=self.created, blob=self.blob, links=None) for guid in guids
        }


def versions(*entries: tuple[int, int, int], whole: bool = True, through: int = 100) -> dict[str, int]:
    """Of the stamps that a look ended with, which showed two attributes."""
    stamping = Stamping(Stored(*entries), NAMES.__getitem__, nc="DC=x", since=Usn(0), floor=Usn(0), unseen=())
    values = {"cn": (b"ada",), "mail": (b"ada@x",)}
    shown = [*stamping.take(Sighting(guid=ADA, nc="DC=x", parent=None, rdn="CN=ada", whole=whole, values=values))]
    (sighting,) = [*shown, *stamping.rest(Usn(through))]
    return {name: stamp.version for name, stamp in sighting.stamps.items()}


def test_what_was_written_after_the_look_has_no_stamp_that_is_known() -> None:
    assert versions((1, 1, 10), (2, 7, 20), (4, 1, 10), through=15) == {"cn": 1, "name": 1}
    assert versions((1, 1, 10), (2, 7, 20), through=5) == {}


def test_of_two_ids_of_one_attribute_the_later_one_counts() -> None:
    for whole in (True, False):
        assert versions((1, 1, 10), (2, 7, 20), (3, 8, 30), whole=whole) == {"cn": 1, "mail": 8}


def test_what_was_made_since_the_last_look_is_shown_as_a_whole() -> None:
    def is_whole(created: int, *, since: int) -> bool:
        stored = Stored((1, 1, 10), (2, 7, 20), created=created)
        stamping = Stamping(stored, NAMES.__getitem__, nc="DC=x", since=Usn(since), floor=Usn(50), unseen=())
        shown = Sighting(guid=ADA, nc="DC=x", parent=None, rdn="CN=ada", whole=False, values={"mail": (b"ada@x",)})
        (sighting,) = [*stamping.take(shown), *stamping.rest(Usn(50))]
        return sighting.whole

    assert is_whole(10, since=9)
    assert not is_whole(10, since=10)
    assert not is_whole(8, since=9), "all of it was said again, which links need not be"
    assert not is_whole(10, since=EVER), "nobody says since when it shows what changed"
