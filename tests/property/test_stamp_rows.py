"""Stamps in rows: mappings like any other, whatever lies under them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp, Stamp
from adpersist.model.objects.rows.attribute_row import header_of
from adpersist.model.objects.rows.link_stamp_row import LinkStampRow, changed_by, link_write_of
from adpersist.model.objects.rows.stamp_row import StampRow, merged, packed_row, write_of, writes_of

guids = st.binary(min_size=16, max_size=16).map(Guid)
numbers = st.integers(0, 3) | st.integers(0, 2**63 - 1)
names = st.sampled_from(["cn", "mail", "member", "name", *(f"attribute{number}" for number in range(300))])
stamps = st.builds(Stamp, version=st.integers(0, 2**32 - 1), time=numbers, origin=guids, usn=numbers.map(Usn))
LINKS = [*(bytes(ref(Guid(bytes([number]) * 16))) for number in range(60)), b"CN=gone,DC=x", b"B:4:00FF:CN=x"]
links = st.sampled_from(LINKS)


@st.composite
def link_stamps(draw: st.DrawFn) -> LinkStamp:
    made = draw(stamps)
    return LinkStamp(
        version=made.version, time=made.time, origin=made.origin, usn=made.usn, present=draw(st.booleans())
    )


def row_of(found: dict[str, Stamp]) -> StampRow:
    return packed_row({name: write_of(stamp) for name, stamp in found.items()})


@given(found=st.dictionaries(names, stamps, max_size=300))
def test_a_row_is_the_mapping_it_was_made_of(found: dict[str, Stamp]) -> None:
    row = row_of(found)
    assert dict(row) == dict(row.items()) == dict(zip(row, row.values(), strict=True)) == found == row
    assert row == row_of(dict(reversed(list(found.items()))))
    assert len(row) == len(found)
    assert all(name in row for name in found)
    assert "not there" not in row
    assert row.get("not there") is None


@given(
    old=st.dictionaries(names, stamps, max_size=9),
    lost=st.sets(names, max_size=5),
    new=st.dictionaries(names, stamps, max_size=9),
)
def test_rows_are_merged_as_dictionaries_are(old: dict[str, Stamp], lost: set[str], new: dict[str, Stamp]) -> None:
    expected = {name: stamp for name, stamp in old.items() if name not in lost} | new
    assert merged(row_of(old), lost, row_of(new)) == merged(old, lost, new) == expected
    assert writes_of(merged(row_of(old), lost, new)) == {name: write_of(stamp) for name, stamp in expected.items()}


@given(
    steps=st.lists(
        st.tuples(st.sets(links, max_size=9), st.dictionaries(links, link_stamps(), max_size=40)),
        min_size=1,
        max_size=6,
    )
)
def test_links_come_and_go_as_in_a_dictionary(steps: list[tuple[set[bytes], dict[bytes, LinkStamp]]]) -> None:
    row, expected = LinkStampRow.of({}), dict[bytes, LinkStamp]()
    for lost, new in steps:
        row = row.changed_by(lost, {link: link_write_of(stamp) for link, stamp in new.items()})
        expected = {link: stamp for link, stamp in expected.items() if link not in lost} | new
        assert dict(row) == expected == row
        assert len(row) == len(expected)
        assert [link for link in LINKS if link in row] == [link for link in LINKS if link in expected]
        assert [row.get(link) for link in LINKS] == [expected.get(link) for link in LINKS]
        assert row == LinkStampRow.of({link: link_write_of(stamp) for link, stamp in expected.items()})


@given(
    old=st.dictionaries(st.sampled_from(["a", "b"]), st.dictionaries(links, link_stamps(), min_size=1, max_size=5)),
    lost=st.dictionaries(st.sampled_from(["a", "b"]), st.sets(links, max_size=5)),
    new=st.dictionaries(st.sampled_from(["a", "b"]), st.dictionaries(links, link_stamps(), max_size=5)),
)
def test_links_of_several_attributes_change_as_dictionaries_do(
    old: dict[str, dict[bytes, LinkStamp]], lost: dict[str, set[bytes]], new: dict[str, dict[bytes, LinkStamp]]
) -> None:
    expected = {
        name: {link: each for link, each in old.get(name, {}).items() if link not in lost.get(name, ())}
        | new.get(name, {})
        for name in ("a", "b")
    }
    rows = changed_by({}, {}, old)
    for given_old in (old, rows):
        assert changed_by(given_old, lost, new) == {name: found for name, found in expected.items() if found}


def test_nonsense_is_refused_at_birth() -> None:
    write = write_of(Stamp(version=1, time=0, origin=Guid(bytes(16)), usn=Usn(1)))
    with pytest.raises(ValueError, match="2 stamps under 1 names"):
        StampRow(header_of(("cn",)), [write, write])
    with pytest.raises(ValueError, match="1 stamps for 0 targets and 2 other links"):
        LinkStampRow(b"", [b"CN=a", b"CN=b"], [(write, True)])
    with pytest.raises(ValueError, match="twice"):
        LinkStampRow(bytes(32), [], [(write, True), (write, True)])
    with pytest.raises(ValueError, match="targets"):
        LinkStampRow(bytes(17), [], [(write, True)])
