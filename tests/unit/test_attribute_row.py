"""Values as the journal hands them out: a mapping like any other, whatever lies under it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adpersist.model.objects.change import Values
from adpersist.model.objects.rows.attribute_row import AttributeRow, RowHeader

VALUES = {"cn": (b"ada",), "objectClass": (b"top", b"user"), "title": (), "nTSecurityDescriptor": (b"x" * 1000,)}
HEADER = RowHeader(list(VALUES))
row = AttributeRow(HEADER, [b"ada", [b"top", b"user"], [], b"x" * 1000])


def test_it_is_the_mapping_it_was_made_of() -> None:
    assert dict(row) == VALUES
    assert dict(row.items()) == VALUES
    assert [*row] == [*VALUES]
    assert {name: row[name] for name in VALUES} == VALUES
    assert {**row, "cn": (b"bob",)} == {**VALUES, "cn": (b"bob",)}


def test_what_is_not_there_is_not_there() -> None:
    assert "mail" not in row
    assert row.get("mail") is None
    assert row.get("mail", ()) == ()
    assert row.get("title", (b"none",)) == ()
    with pytest.raises(KeyError):
        row["mail"]


def test_it_equals_whatever_has_the_same_values() -> None:
    assert row == VALUES
    assert dict(VALUES) == row
    assert row == AttributeRow(HEADER, [b"ada", [b"top", b"user"], [], b"x" * 1000])
    assert row == AttributeRow(RowHeader([*VALUES][::-1]), [b"x" * 1000, [], [b"top", b"user"], b"ada"])
    assert row != {**VALUES, "cn": (b"bob",)}
    assert row != {name: values for name, values in VALUES.items() if values}
    assert AttributeRow(HEADER, [b"ada", [b"user", b"top"], [], b""]) != row
    assert row != 3


def test_one_value_in_a_list_is_one_value() -> None:
    header = RowHeader(["cn"])
    assert AttributeRow(header, [[b"ada"]]) == {"cn": (b"ada",)}
    assert AttributeRow(header, [[b"ada"]]) == AttributeRow(header, [b"ada"])


def test_it_says_whether_it_clears_something() -> None:
    assert row.clears
    assert not AttributeRow(RowHeader(["cn"]), [b""]).clears


def test_large_values_are_kept_once() -> None:
    first, second = (AttributeRow(RowHeader(["photo"]), [bytes(range(256)) * 4]) for _ in range(2))
    assert first["photo"][0] is second["photo"][0]


@pytest.mark.parametrize("cells", [[], [b"a", b"b"], ["text"], [None], [[None]], [["text"]], [(b"a",)], [7]])
def test_nonsense_is_refused_at_birth(cells: list[object]) -> None:
    with pytest.raises(ValueError):
        AttributeRow(RowHeader(["cn"]), cells)


def test_no_attribute_stands_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        RowHeader(["cn", "cn"])


_NEW = st.dictionaries(
    st.sampled_from(["cn", "mail", "member"]), st.lists(st.binary(max_size=400), max_size=3).map(tuple)
)


@given(_NEW, _NEW)
def test_values_are_replaced_as_in_a_dictionary_or_not_at_all(old: dict[str, Values], new: dict[str, Values]) -> None:
    row = AttributeRow(RowHeader(list(old)), [list(found) for found in old.values()])
    replaced = row.replacing(new)
    if () in new.values() or not new.keys() <= old.keys():
        assert replaced is None
    else:
        assert replaced == {**old, **new}
        assert dict(replaced.items()) == {name: replaced[name] for name in replaced}
    assert row == old, "the row it was made of stays"
