"""Values that lie in a file and not in memory: the same to whoever asks, compared without being fetched."""

from __future__ import annotations

import errno
import os
import secrets
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp, Stamp, Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.attribute_row import NEAR, AttributeRow, RowHeader
from adpersist.model.objects.rows.link_stamp_row import LinkStampRow
from adpersist.model.objects.rows.spilled_object import spilled
from adpersist.model.objects.rows.spilled_row import SpilledRow
from adpersist.model.objects.rows.stamp_row import write_of
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.fold import fold
from adpersist.system.files.spill_file import SpillFile
from tests.unit.storied import storied

ADA: dict[str, Values] = {
    "cn": (b"ada",),
    "objectClass": (b"top", b"person", b"user"),
    "sAMAccountName": (b"ada",),
    "unicodePwd": (b"secret of ada...",),
    "otherTelephone": (b"1", b"2"),
}

values_of = st.dictionaries(
    st.sampled_from(["cn", "mail", "objectClass", "isDeleted", "info"]),
    st.lists(st.binary(max_size=300), min_size=1, max_size=3).map(tuple),
    min_size=1,
)


class Counted:
    """A spill that counts how often something was fetched."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.fetched = 0

    def put(self, content: bytes) -> int | None:
        self.kept.append(content)
        return len(self.kept) - 1

    def put_once(self, content: bytes) -> int | None:
        return self.put(content)

    def get(self, place: int) -> bytes:
        self.fetched += 1
        return self.kept[place]


class Full:
    """One without room."""

    def put(self, content: bytes) -> int | None:
        return None

    def put_once(self, content: bytes) -> int | None:
        return None

    def get(self, place: int) -> bytes:
        raise AssertionError(place)


def row(values: dict[str, Values]) -> AttributeRow:
    return AttributeRow(RowHeader([*values]), [list(each) for each in values.values()])


def test_what_every_object_is_asked_for_is_at_hand() -> None:
    spill = Counted()
    spilled = SpilledRow.of(ADA, spill)
    for name in NEAR:
        assert spilled.get(name) == ADA.get(name)
    assert ("unicodePwd" in spilled, len(spilled), [*spilled]) == (True, len(ADA), [*ADA])
    assert spill.fetched == 0
    assert spilled["unicodePwd"] == ADA["unicodePwd"]
    assert spilled["otherTelephone"] == ADA["otherTelephone"]
    assert spill.fetched == 2
    with pytest.raises(KeyError):
        spilled["isDeleted"]
    with pytest.raises(KeyError):
        spilled["mail"]


def test_comparing_fetches_nothing() -> None:
    spill = Counted()
    spilled, again = SpilledRow.of(ADA, spill), SpilledRow.of(row(ADA), spill)
    others: list[dict[str, Values]] = [
        {**ADA, "unicodePwd": (b"another secret..",)},
        {**ADA, "otherTelephone": (b"1",)},
        {**ADA, "mail": (b"ada@x",)},
        {name: each for name, each in ADA.items() if name != "cn"},
    ]
    for same in (ADA, dict(reversed(ADA.items())), row(ADA), again):
        assert spilled == same
        assert same == spilled
    for other in others:
        for each in (other, row(other), SpilledRow.of(other, spill)):
            assert spilled != each
            assert each != spilled
    kept = SpilledRow.of(row(ADA), spill)
    assert SpilledRow.of(kept, spill) is kept
    # only where two rows lie under names in another order
    assert spill.fetched <= len(ADA) * 4


@given(old=values_of, new=values_of)
def test_a_spilled_row_is_the_row(old: dict[str, Values], new: dict[str, Values]) -> None:
    spill = Counted()
    spilled = SpilledRow.of(old, spill)
    assert dict(spilled.items()) == dict(spilled) == old
    assert [*spilled.values()] == [*old.values()]
    assert (spilled == new) == (old == new)
    assert isinstance(spilled, AttributeRow)
    assert not spilled.clears
    assert spilled.replacing(new) == row(old).replacing(new)


def test_where_there_is_no_room_values_stay_where_they_are() -> None:
    assert SpilledRow.of(ADA, Full()) is ADA


def test_a_folded_state_is_the_same_spilled() -> None:
    journal: Journal = storied()
    for seq in range(1, journal.head.seq + 1):
        plain, spilled = fold(journal, Seq(seq)), fold(journal, Seq(seq), spill=SpillFile())
        assert dict(plain) == dict(spilled)
        assert dict(spilled) == dict(plain)
        assert all(isinstance(item.values, SpilledRow) for item in spilled.values() if item.values)
        before, after = (FingerprintIndex.of(state.values()) for state in (plain, spilled))
        assert {guid: each.digests for guid, each in before.items()} == {
            guid: each.digests for guid, each in after.items()
        }


def test_the_links_of_a_large_group_are_fetched_and_those_of_others_stay() -> None:
    spill, write = Counted(), Stamp(version=1, time=2, origin=Guid(bytes(16)), usn=Usn(3))
    members = [ref(Guid(bytes([number]) * 16)) for number in range(1, 20)]
    odd = ref(Guid(bytes(16)), b"B:2:00:")
    stamps = LinkStampRow.of({each: (write_of(write), True) for each in (*members, odd)})
    stamps = stamps.changed_by([members[0]], {members[1]: (write_of(replace(write, version=2)), False)})
    group = ObjectState(
        guid=Guid(bytes(16)),
        nc="DC=x",
        parent=None,
        rdn="CN=group",
        values=ADA,
        links={"member": frozenset((*members, odd)), "managedBy": frozenset(members[:1])},
        link_stamps={"member": stamps, "managedBy": {members[0]: LinkStamp(**asdict(write), present=True)}},
    )
    found = spilled(group, spill)
    assert (found.links, found.link_stamps) == (group.links, group.link_stamps) == (found.links, found.link_stamps)
    assert ([*found.links], "member" in found.links, "memberOf" in found.links) == ([*group.links], True, False)
    assert found.links["member"] == group.links["member"]
    assert found.link_stamps["member"] == stamps
    assert found.links != {**group.links, "member": frozenset(members)}
    with pytest.raises(KeyError):
        found.links["memberOf"]
    spill.fetched = 0
    assert (bool(found.links), len(found.links), spilled(found, spill)) == (True, 2, found)
    assert spill.fetched == 0
    gone = weakref.ref(spill)
    del spill, found
    assert gone() is None, "what is held from it does not hold it"
    spill = Counted()
    few = replace(group, links={"member": frozenset(members[:3])}, link_stamps={})
    assert spilled(few, spill).links is few.links
    assert spilled(group, Full()) is group


def test_bytes_come_back_from_the_file_and_from_what_is_held() -> None:
    spill = SpillFile()
    contents = [secrets.token_bytes(size) for size in (0, 1, 700_000, 400_000, 3_000_000, 17, 900_000)]
    places = [spill.put(content) for content in contents]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda place: spill.get(place or 0), places * 20))
    assert found == contents * 20


def test_two_objects_are_compared_with_two_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    spill, read, reads = SpillFile(), os.pread, 0

    def pread(file: int, length: int, offset: int) -> bytes:
        nonlocal reads
        reads += 1
        return read(file, length, offset)

    values = {**ADA, "jpegPhoto": (bytes(1024 * 1024),), "nTSecurityDescriptor": (bytes(1000),)}
    names = (b"ada", b"bob", b"eve", b"fay", b"gus")
    ada, bob, *others = (SpilledRow.of(values | {"cn": (name,)}, spill) for name in names)
    spill.put(bytes(1024 * 1024))
    monkeypatch.setattr(os, "pread", pread)
    assert [name for name in ada if ada[name] != bob[name]] == ["cn"]
    assert reads == 3, "the descriptor lies there once"
    assert [each["cn"] for each in (*others, ada)] == [(b"eve",), (b"fay",), (b"gus",), (b"ada",)]
    assert reads == 7, "the first was let go of"


def test_nobody_else_can_read_the_file_nor_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    spill, secret = SpillFile(), b"the secret of ada " * 1000
    for _ in range(100):
        assert spill.put(secret) is not None
    assert list(tmp_path.iterdir()) == []
    opened = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]  # but for the directory read here
    (open_file,) = [each for each in opened if str(each.readlink()).startswith(str(tmp_path))]
    content = open_file.read_bytes()
    assert len(content) >= 1024 * 1024
    assert b"secret of ada" not in content


def test_a_full_disk_costs_memory_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    write, room = os.pwrite, 1_500_000

    def pwrite(file: int, content: bytes, offset: int) -> int:
        if offset >= room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content[: room - offset], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    spill = SpillFile()
    contents = [secrets.token_bytes(100_000) for _ in range(40)]
    places = [spill.put(content) for content in contents]
    assert None in places
    kept = {place: content for place, content in zip(places, contents, strict=True) if place is not None}
    assert len(kept) > 15
    assert {place: spill.get(place) for place in kept} == kept


def test_objects_without_links_share_the_lack() -> None:
    spill = Counted()
    ada, bob = (
        spilled(ObjectState(guid=Guid(name * 16), nc="", parent=None, rdn="CN=x", values=ADA, links={}), spill)
        for name in (b"a", b"b")
    )
    assert ada.links is bob.links
    assert ada.link_stamps is bob.link_stamps
    assert spilled(ada, spill) is ada
    without_values = replace(ada, values={})
    assert spilled(without_values, spill) is without_values
