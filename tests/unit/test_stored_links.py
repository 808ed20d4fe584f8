"""Links as a domain controller's database has them, and their stamps."""

from __future__ import annotations

import uuid

from adpersist.directory.samba.stamp_reader import Found
from adpersist.directory.wire.stored_stamps import StoredLinks
from adpersist.model.identity.ids import Guid, Usn, guid_text
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp
from adpersist.model.objects.rows.link_stamp_row import LinkStampRow, link_pairs_of, link_row_of, link_write_of

DC = Guid(b"d" * 16)
GROUP = Guid(b"g" * 16)
PREFIX = b"B:8:12345678:"


def target(number: int) -> Guid:
    return Guid(uuid.UUID(int=number * 0x1_0000_0001_0000_0001).bytes_le)


def stored(
    number: int, usn: int, *, version: int = 1, removed: bool = False, prefix: bytes = b"", own: int = 0
) -> bytes:
    return (
        prefix
        + f"<GUID={guid_text(target(number))}>;<RMD_CHANGETIME=134000000000000000>;<RMD_FLAGS={int(removed)}>;"
        f"<RMD_INVOCID={guid_text(DC)}>;<RMD_LOCAL_USN={usn}>;<RMD_ORIGINATING_USN={own or usn}>;"
        f"<RMD_VERSION={version}>;<SID=S-1-5-21-1-2-3-{number}>".encode()
    )


def stamp(usn: int, *, version: int = 1, present: bool = True) -> LinkStamp:
    return LinkStamp(version=version, time=13_400_000_000, origin=DC, usn=Usn(usn), present=present)


def test_links_have_their_stamps_those_with_something_before_the_dn_too() -> None:
    links = StoredLinks([stored(2, 7), stored(9, 7, prefix=PREFIX), stored(1, 8, removed=True)])
    links.add([stored(3, 5, version=4)])
    row = links.through()
    assert row is not None
    assert dict(row.items()) == {
        ref(target(2)): stamp(7),
        ref(target(9), PREFIX): stamp(7),
        ref(target(1)): stamp(8, present=False),
        ref(target(3)): stamp(5, version=4),
    }


def test_what_was_written_later_is_left_out() -> None:
    links = StoredLinks([stored(2, 7), stored(9, 9, prefix=PREFIX), stored(1, 8), stored(8, 6, prefix=PREFIX)])
    assert links.is_newer(Usn(8))
    assert not links.is_newer(Usn(9))
    assert links.through(Usn(9)) == links.through()
    early = links.through(Usn(7))
    assert early is not None
    assert dict(early.items()) == {ref(target(2)): stamp(7), ref(target(8), PREFIX): stamp(6)}
    assert links.through(Usn(5)) is None


def test_a_link_that_stands_twice_has_the_last_stamp() -> None:
    row = StoredLinks([stored(2, 7), stored(1, 7), stored(2, 9, version=2)]).through()
    assert row is not None
    assert dict(row.items()) == {ref(target(1)): stamp(7), ref(target(2)): stamp(9, version=2)}


def test_a_link_without_a_stamp_that_can_be_read_costs_no_other_its_own() -> None:
    links = StoredLinks()
    broken = [stored(3, 7).replace(b"RMD_VERSION=1", b"RMD_VERSION=x"), b"<GUID=" + b"0" * 36 + b">", b"CN=somebody"]
    assert links.add([stored(2, 7), *broken, stored(4, 7)]) == len(broken)
    row = links.through()
    assert row is not None
    assert set(row) == {ref(target(2)), ref(target(4))}


def test_which_links_came_from_elsewhere_is_told_by_their_usns() -> None:
    links = StoredLinks([stored(1, 7), stored(2, 8, own=3), stored(9, 9, own=4, prefix=PREFIX)])
    assert links.received() == {ref(target(2)), ref(target(9), PREFIX)}


def test_an_object_may_come_in_parts() -> None:
    found = Found()
    found.add([(GROUP, 7, b"blob", {"member": [stored(1, 7)]})])
    found.add([(GROUP, 7, b"", {"member": [stored(2, 7)], "managedBy": [stored(3, 8)]}), (target(4), 8, b"other", {})])
    group, other = found.stamps
    assert (group.guid, group.created, group.blob) == (GROUP, 7, b"blob")
    assert (other.guid, other.created, other.blob, other.links) == (target(4), 8, b"other", {})
    assert group.links is not None
    rows = {name: links.through() for name, links in group.links.items()}
    assert {name: len(row or ()) for name, row in rows.items()} == {"member": 2, "managedBy": 1}


def test_many_stamps_are_the_same_one_after_another_and_in_columns() -> None:
    """More than are made at once, some of them later ones and some of them gone."""
    known: dict[bytes, LinkStamp] = {
        ref(target(number)): stamp(7 + number % 3, present=number % 5 > 0) for number in range(1, 2500)
    }
    row = LinkStampRow.of({link: link_write_of(each) for link, each in known.items()})
    lost = {ref(target(7)), ref(target(8))}
    new: dict[bytes, LinkStamp] = {ref(target(9)): stamp(99), ref(target(9), PREFIX): stamp(98)}
    row = row.changed_by(lost, {link: link_write_of(each) for link, each in new.items()})
    known.update(new)
    known = {link: each for link, each in known.items() if link not in lost}
    assert dict(row.items()) == known
    expected = {link: link_write_of(each) for link, each in known.items()}
    assert dict(link_pairs_of(row)) == dict(link_pairs_of(known)) == expected
    assert LinkStampRow(*link_row_of(row).columns()) == LinkStampRow(*link_row_of(known).columns()) == known
