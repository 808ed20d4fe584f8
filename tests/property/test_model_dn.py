"""Names made of any values, escaped by ldap3, are taken apart into those values again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from ldap3.utils.dn import escape_rdn

from adpersist.model.identity.dn import comparable, components, depth, first, parent, value_of

values = st.text(st.sampled_from('ab ,+"\\\\<>;=#\0üč雪2C') | st.characters(codec="utf-8"), min_size=1, max_size=30)
names = st.lists(st.tuples(st.sampled_from(["CN", "OU", "DC"]), values), min_size=1, max_size=6)
anything = st.text(st.sampled_from('ab\\\\,+"=\0ü '), max_size=30)


def escaped(text: str) -> str:
    """As ldap3 does it, which escapes a single space twice: as the first character, and as the last."""
    return "\\ " if text == " " else escape_rdn(text)


@given(names)
def test_a_name_comes_apart_into_what_it_was_made_of(name: list[tuple[str, str]]) -> None:
    each = [f"{kind}={escaped(text)}" for kind, text in name]
    dn = ",".join(each)
    assert components(dn) == each
    assert depth(dn) == len(name)
    assert (first(dn), parent(dn)) == (each[0], ",".join(each[1:]))
    assert [value_of(component) for component in components(dn)] == [text for _, text in name]


@given(names)
def test_escaped_as_bytes_or_as_characters_a_name_is_the_same(name: list[tuple[str, str]]) -> None:
    characters = ",".join(f"{kind}={escaped(text)}" for kind, text in name)
    pairs = ",".join(f"{kind}={_pairs(text)}" for kind, text in name)
    assert comparable(characters) == comparable(pairs)


@given(anything)
def test_no_name_loses_anything_in_between(dn: str) -> None:
    assert ",".join(components(dn)) == dn
    assert dn.startswith(first(dn))
    assert components(dn)[1:] == components(parent(dn)) or dn.endswith(",")


def _pairs(text: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in text.encode())
