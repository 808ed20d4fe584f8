"""Permissions in words: whom, what, where, and what came and went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adpersist.reading.text.descriptor import ALLOWED, DENIED, Ace, entries, owner
from adpersist.reading.text.permission_text import permissions, sentence
from tests.descriptors import descriptor, may
from tests.unit.test_alerts import ALL

NAMES = {"S-1-5-21-1-2-3-1104": "ada", ALL: "Replicating Directory Changes All", "m": "member", "u": "user"}


def told(mask: int, *, kind: int = ALLOWED, flags: int = 0, what: str = "", whom: str = "") -> str:
    ace = Ace(kind=kind, flags=flags, mask=mask, trustee="S-1-5-21-1-2-3-1104", object_type=what, inherited_type=whom)
    return sentence(ace, NAMES.get, NAMES.get)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"mask": 0xF01FF}, "ada may do everything"),
        ({"mask": 0x1000_0000}, "ada may do everything"),
        ({"mask": 0xF01FF, "kind": DENIED}, "ada may not do everything"),
        ({"mask": 0x20, "what": "m"}, "ada may write member"),
        ({"mask": 0x30}, "ada may read everything, write everything"),
        ({"mask": 0x100, "what": ALL}, "ada may use the right Replicating Directory Changes All"),
        ({"mask": 0x100}, "ada may use every extended right, reset the password too"),
        ({"mask": 0x1, "what": "u"}, "ada may create objects below: user"),
        ({"mask": 0xF01FF, "what": "u", "flags": 0x0A}, None),
        ({"mask": 0x40000, "flags": 0x2}, "ada may change its permissions, here and for all below"),
        ({"mask": 0x20, "what": "m", "flags": 0x0A, "whom": "u"}, "ada may write member, for every user below"),
        ({"mask": 0x10000, "flags": 0x0E}, "ada may delete it, for all one level below"),
        ({"mask": 0x10000, "flags": 0x10}, "ada may delete it (from above)"),
        ({"mask": 0x20, "what": "unheard-of"}, "ada may write unheard-of"),
        ({"mask": 0}, "ada may do nothing"),
    ],
)
def test_an_entry_is_a_sentence(words: dict[str, object], said: str | None) -> None:
    text = told(**words)  # type: ignore[arg-type]
    if said is None:
        assert "do everything" not in text, "limited to one class, it is not everything"
    else:
        assert text == said


def test_what_came_and_went_is_told_once() -> None:
    ada, eve, rest = may("S-1-5-21-1-2-3-1104", 0x20), may("S-1-5-9", 0x20), may("S-1-5-11", 0x10)
    found = permissions(descriptor(ada, rest), descriptor(rest, eve, eve), NAMES.get, NAMES.get)
    assert [each["sign"] for each in found["entries"]] == ["", "+", "+"]
    assert [(each["sign"], each["name"]) for each in found["gone"]] == [("-", "ada")]
    same = permissions(None, descriptor(rest), NAMES.get, NAMES.get)
    assert ([each["sign"] for each in same["entries"]], same["gone"]) == ([""], [])
    assert same["owner"] is None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_descriptor_or_a_value_error(content: bytes) -> None:
    for read in (lambda: list(entries(content)), lambda: owner(content)):
        try:
            read()
        except ValueError:
            continue
