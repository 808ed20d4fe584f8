"""Arithmetic with the links of an object: values by attribute. No result has an attribute without any. Pure."""

from collections.abc import Callable, Collection, Mapping

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import target_of

Links = Mapping[str, frozenset[bytes]]
"""Link values by lDAPDisplayName; each is a reference, or what the directory gave for one."""

_NONE: frozenset[bytes] = frozenset()


def changed(old: Links, new: Links) -> tuple[dict[str, frozenset[bytes]], dict[str, frozenset[bytes]]]:
    """Those to add and those to remove, to get from the old ones to the new ones."""
    return without(new, old), without(old, new)


def changed_by(links: Links, added: Links, removed: Links) -> Links:
    """Those there are after some were taken away and others made; attributes that are not touched are not copied."""
    if not added and not removed:
        return links
    left = dict(links)
    for name in {**added, **removed}:
        more, there = added.get(name, _NONE), left.get(name)
        left[name] = more if there is None else (there - removed.get(name, _NONE)) | more
    return _filled(left)


def without(links: Links, others: Links) -> dict[str, frozenset[bytes]]:
    """Those that are not among the others."""
    return _filled({name: values - others.get(name, _NONE) for name, values in links.items()})


def union(one: Links, other: Links) -> dict[str, frozenset[bytes]]:
    """Those of either."""
    return _filled({name: one.get(name, _NONE) | other.get(name, _NONE) for name in {**one, **other}})


def those(links: Links, counts: Callable[[bytes], bool]) -> dict[str, frozenset[bytes]]:
    """The values that count."""
    return _filled({name: frozenset(filter(counts, values)) for name, values in links.items()})


def to(links: Links, targets: Collection[Guid]) -> dict[str, frozenset[bytes]]:
    """Those whose target is among these."""
    return those(links, lambda value: target_of(value) in targets)


def to_others(links: Links, targets: Collection[Guid]) -> dict[str, frozenset[bytes]]:
    """Those whose target is not among these; also what has none."""
    return those(links, lambda value: target_of(value) not in targets)


def _filled(links: dict[str, frozenset[bytes]]) -> dict[str, frozenset[bytes]]:
    return {name: values for name, values in links.items() if values}
