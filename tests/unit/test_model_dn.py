"""Distinguished names as text."""

from __future__ import annotations

import pytest

from adpersist.model.identity.dn import comparable, components, depth, dns_name, first, is_same_name, parent, value_of


@pytest.mark.parametrize(
    ("dn", "rdn"),
    [
        ("CN=bob,DC=x", "CN=bob"),
        ("CN=Smith\\, Bob,OU=a\\,b,DC=x", "CN=Smith\\, Bob"),
        ("CN=back\\\\,DC=x", "CN=back\\\\"),
        ("CN=three\\\\\\,,DC=x", "CN=three\\\\\\,"),
        ("CN=hex\\2Cpair,DC=x", "CN=hex\\2Cpair"),
        ("CN=gone\\0ADEL:b5772984-bb30-4c14-8f2f-f03583c324c5,CN=Deleted Objects,DC=x",
         "CN=gone\\0ADEL:b5772984-bb30-4c14-8f2f-f03583c324c5"),
        ("DC=x", "DC=x"),
        ("", ""),
        ("CN=odd\\", "CN=odd\\"),
    ],
)  # fmt: skip
def test_the_first_name_ends_at_the_first_comma_that_is_not_escaped(dn: str, rdn: str) -> None:
    assert first(dn) == rdn


@pytest.mark.parametrize(
    ("dn", "each"),
    [
        ("", []),
        ("DC=x", ["DC=x"]),
        ("CN=Smith\\, Bob,OU=a\\\\,DC=x", ["CN=Smith\\, Bob", "OU=a\\\\", "DC=x"]),
        ("CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net",
         ["CN=James \\\"Jim\\\" Smith\\, III", "DC=example", "DC=net"]),
        ("OU=Sales+CN=J.  Smith,DC=example,DC=net", ["OU=Sales+CN=J.  Smith", "DC=example", "DC=net"]),
        ("CN=a,,DC=x", ["CN=a", "", "DC=x"]),
        ("CN=a,", ["CN=a", ""]),
    ],
)  # fmt: skip
def test_a_name_is_its_components(dn: str, each: list[str]) -> None:
    assert components(dn) == each
    assert depth(dn) == len(each)
    assert parent(dn) == ",".join(each[1:])


@pytest.mark.parametrize(
    ("component", "text"),
    [  # the last three are examples of [RFC4514] 4
        ("CN=bob", "bob"),
        ("CN=a=b", "a=b"),
        ("CN=hex\\2Cpair", "hex,pair"),
        ("CN=blank\\ ", "blank "),
        ('CN=James \\"Jim\\" Smith\\, III', 'James "Jim" Smith, III'),
        ("CN=Before\\0dAfter", "Before\rAfter"),
        ("CN=Lu\\C4\\8Di\\C4\\87", "Lučić"),
    ],
)
def test_a_component_is_read_without_its_escapes(component: str, text: str) -> None:
    assert value_of(component) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=Ada, ou=office,DC=X", "CN=ADA,OU=Office,dc=x"),
        ("CN=Smith\\2C Bob,DC=x", "CN=Smith\\, Bob,DC=x"),
        ("CN=blank\\20 ,DC=x", "CN=blank\\ ,DC=x"),
        ("CN=back\\\\ ,DC=x", "CN=back\\5c,DC=x"),
        ("CN=\\C3\\BC,DC=x", "CN=Ü,DC=x"),
    ],
)
def test_names_are_the_same_however_they_are_written(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=a\\,OU=b,DC=x", "CN=a,OU=b,DC=x"),
        ("CN=blank\\ ,DC=x", "CN=blank,DC=x"),
        ("CN=a,DC=x", "OU=a,DC=x"),
    ],
)
def test_names_that_only_look_alike_are_not_the_same(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("CN=Smith\\2C Bob", "CN=Smith\\, Bob", True),
        ("CN=\\20lead", "CN=\\ lead", True),
        ("cn=a", "CN=a", True),
        ("CN=a", "CN=A", False),
        ("CN=a", "OU=a", False),
        ("CN=\\ a", "CN=a", False),
        ("CN=e\u0301", "CN=\u00e9", False),
    ],
)
def test_a_name_is_the_same_letter_for_letter_whatever_its_escapes(one: str, other: str, *, same: bool) -> None:
    assert is_same_name(one, other) is same


def test_a_naming_context_has_a_dns_name() -> None:
    assert dns_name("DC=corp,DC=example") == "corp.example"
    assert dns_name("DC=DomainDnsZones,DC=corp,DC=example") == "DomainDnsZones.corp.example"
    assert dns_name("CN=Configuration,DC=corp,DC=example") == "corp.example"
