"""Links of an object, added, taken away and chosen, against the same of single (attribute, value) pairs."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref, target_of
from adpersist.model.objects import link_values
from adpersist.model.objects.link_values import Links

GUIDS = [Guid(bytes([number]) * 16) for number in range(6)]
VALUES = [*map(ref, GUIDS), b"no reference"]

pairs = st.frozensets(st.tuples(st.sampled_from(["member", "manager", "msDS-X"]), st.sampled_from(VALUES)))
targets = st.frozensets(st.sampled_from(GUIDS))

Pairs = frozenset[tuple[str, bytes]]


def links(flat: Pairs) -> Links:
    return {name: frozenset(value for each, value in flat if each == name) for name, _ in flat}


def flat(found: Links) -> Pairs:
    assert all(found.values()), "an attribute without any value"
    return frozenset((name, value) for name, values in found.items() for value in values)


def aimed(found: Iterable[tuple[str, bytes]], targets: frozenset[Guid]) -> Pairs:
    return frozenset((name, value) for name, value in found if target_of(value) in targets)


@given(pairs, pairs)
def test_links_add_up_like_sets(one: Pairs, other: Pairs) -> None:
    assert flat(link_values.union(links(one), links(other))) == one | other
    assert flat(link_values.without(links(one), links(other))) == one - other
    added, removed = link_values.changed(links(one), links(other))
    assert (flat(added), flat(removed)) == (other - one, one - other)


@given(pairs, targets)
def test_links_are_to_some_targets_or_to_others(one: Pairs, targets: frozenset[Guid]) -> None:
    assert flat(link_values.to(links(one), targets)) == aimed(one, targets)
    assert flat(link_values.to_others(links(one), targets)) == one - aimed(one, targets)


@given(pairs)
def test_links_that_count_are_chosen_by_their_value(one: Pairs) -> None:
    chosen = link_values.those(links(one), lambda value: value != b"no reference")
    assert flat(chosen) == frozenset((name, value) for name, value in one if value != b"no reference")
