"""What an agent remembers grows with the directory, not with what happens in it."""

from __future__ import annotations

import tracemalloc

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Change, Kind, Values
from adpersist.state.fingerprint_index import FingerprintIndex

GROUP = Guid(b"g" * 16)
MEMBERS = 2_000
CHANGES = 200


def member(number: int) -> bytes:
    return ref(Guid(number.to_bytes(16, "big")))


def test_a_large_group_that_changes_often_takes_no_more_room() -> None:
    index = FingerprintIndex()
    made = Change(
        kind=Kind.CREATED,
        guid=GROUP,
        nc="DC=corp",
        rdn="CN=everyone",
        values={"objectClass": (b"group",)},
        added={"member": frozenset(map(member, range(MEMBERS)))},
    )
    index.apply([made])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(MEMBERS, MEMBERS + CHANGES):
            added, removed = frozenset({member(number)}), frozenset({member(number - MEMBERS)})
            index.apply(
                [
                    Change(
                        kind=Kind.CHANGED,
                        guid=GROUP,
                        nc="DC=corp",
                        added={"member": added},
                        removed={"member": removed},
                    )
                ]
            )
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert index[GROUP].links("member").keys() == set(map(member, range(CHANGES, MEMBERS + CHANGES)))
    assert after - before < 2 * MEMBERS * 24, "one row of it, and no hundreds"


def test_what_lies_apart_is_forgotten_with_its_object() -> None:
    index = FingerprintIndex()
    for number in range(3):
        guid = Guid(bytes([number]) * 16)
        links = {"member": frozenset(map(member, range(MEMBERS)))}
        made = Change(kind=Kind.CREATED, guid=guid, nc="DC=corp", rdn=f"CN={number}", values={}, added=links)
        index.apply([made, Change(kind=Kind.EXPUNGED, guid=guid, nc="DC=corp")])
    assert len(index) == 0
    assert GROUP not in index


def test_new_values_are_set_in_place_and_nowhere_else() -> None:
    """An object that changes a thousand times a day leaves no holes."""
    index, other = FingerprintIndex(), Guid(b"o" * 16)
    for guid in (GROUP, other):
        values = {"objectClass": (b"group",), "description": (b"0",)}
        index.apply([Change(kind=Kind.CREATED, guid=guid, nc="DC=corp", rdn="CN=g", values=values)])
    rows, untouched = len(index._table._rows), index[other].digests
    for number in range(1_000):
        index.apply([_described(nc="DC=corp", values={"description": (b"%d" % number,)})])
    assert len(index._table._rows) == rows
    assert index.holds(GROUP, "description", (b"999",), None)
    assert index.holds(GROUP, "objectClass", (b"group",), None)
    assert index[other].digests == untouched


def test_what_has_no_place_is_not_set_in_place() -> None:
    index = FingerprintIndex()
    index.apply([_described(nc="DC=corp", values={"description": (b"a",)})])  # nobody told that it was made
    index.apply([_described(nc="DC=moved", values={"description": (b"b",)})])
    assert index[GROUP].nc == "DC=moved"
    index.apply([_described(nc="DC=moved", values={"description": (b"c",), "info": (b"d",)})])
    assert index.holds(GROUP, "info", (b"d",), None)
    index.apply([_described(nc="DC=moved", values={"description": (b"e",), "info": ()})])
    assert index.holds(GROUP, "description", (b"e",), None)
    assert "info" not in index[GROUP].names


def _described(*, nc: str, values: dict[str, Values]) -> Change:
    return Change(kind=Kind.CHANGED, guid=GROUP, nc=nc, values=values)
