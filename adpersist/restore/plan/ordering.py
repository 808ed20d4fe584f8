"""The order in which gaps are closed, so that no step meets something in its way.

Names and account names are unique. Whatever is taken by one object while another, differing one still holds it is first
parked under a temporary name; after that no cycle or chain of renames can matter, however long.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from adpersist.model.identity.dn import dns_name, unique_form, unique_name
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Delete, Modify, Move, Step
from adpersist.state.differences import Gap
from adpersist.state.state import State

UNIQUE: Final = ("sAMAccountName", "userPrincipalName", "servicePrincipalName")
"""Attributes whose values one object alone may hold in a domain ([MS-ADTS] 3.1.1.5.1.3 and 3.1.1.5.2.2)."""


def top_down(gaps: Iterable[Gap], want: State, contexts: Sequence[str]) -> list[Gap]:
    """Containers before what lies in them, naming contexts in the order given; objects with links after their peers."""
    rank = {nc: index for index, nc in enumerate(contexts)}

    def key(gap: Gap) -> tuple[int, int, bool, bytes]:
        assert gap.want is not None  # noqa: S101 - callers pass wanted objects only
        return rank.get(gap.want.nc, len(rank)), want.depth(gap.guid), bool(gap.added), gap.guid

    return sorted(gaps, key=key)


def bottom_up(gaps: Iterable[Gap], have: State) -> list[Gap]:
    """What lies in a container before the container."""
    return sorted(gaps, key=lambda gap: (-have.depth(gap.guid), gap.guid))


Resource = tuple[str, object]
"""What one object alone can have: its name in a container, or a unique value."""


def parking(gaps: Sequence[Gap], have: State) -> Iterator[Step]:
    """Steps that free the names and unique values which others are about to take."""
    differing = {gap.guid: gap for gap in gaps if gap.is_live}
    # told by their hashes, which take a quarter of the room; two alike would have one object more make way for a while
    holders = {hash(resource): guid for guid in differing for resource in resources(have[guid])}
    needed: set[int] = set()
    contested: set[Guid] = set()
    for gap in gaps:
        for resource in map(hash, wanted_resources(gap)):
            if (holder := holders.get(resource, gap.guid)) != gap.guid:
                needed.add(resource)
                contested.add(holder)
    del holders
    occupied = {item.parent for item in have.values() if not item.deleted} if contested else set()
    # deepest first: a container that is parked has another name, and what lies below it another DN
    for guid in sorted(contested, key=lambda each: (-have.depth(each), each)):
        if not differing[guid].wanted_live and guid not in occupied:
            # it goes in the end anyway; a tombstone keeps the name it had
            yield Delete(guid=guid, dn=have.dn(guid), reason="deleted since, and its name is needed by another object")
        else:
            yield from _park(have[guid], {each for each in resources(have[guid]) if hash(each) in needed}, have)


def wanted_resources(gap: Gap) -> Iterator[Resource]:
    """What an object needs to be what the journal says."""
    if gap.want is None or gap.want.deleted:
        return
    yield from resources(gap.want)


def resources(item: ObjectState) -> Iterator[Resource]:
    """What an object takes for itself; an account name also takes the UPN it implies ([MS-ADTS] 5.1.1.1.1)."""
    yield "name", (item.parent, unique_name(item.rdn))
    for name in UNIQUE:
        for value in item.values.get(name, ()):
            yield name, folded_value(value)
    yield from _implied(item)


def _implied(item: ObjectState) -> Iterator[Resource]:
    domain = unique_form(dns_name(item.nc))
    for value in item.values.get("sAMAccountName", ()):
        yield "userPrincipalName", f"{folded_value(value)}@{domain}"


def folded_value(value: bytes) -> str:
    """A unique value for comparing."""
    return unique_form(value.decode("utf-8", "replace"))


def parked_name(item: ObjectState) -> str:
    """A name for a while, which nobody else has."""
    return f"{item.rdn.partition('=')[0]}=adpersist-{guid_text(item.guid)}"


def _park(item: ObjectState, needed: set[Resource], have: State) -> Iterator[Step]:
    kinds = {kind for kind, _ in needed}
    dn = have.dn(item.guid)
    if "name" in kinds and item.parent is not None:
        yield Move(
            guid=item.guid,
            dn=dn,
            parent_dn=have.dn(item.parent),
            rdn=parked_name(item),
            reason="its name is needed by another object",
        )
    values: dict[str, Values] = {}
    if "sAMAccountName" in kinds or not needed.isdisjoint(_implied(item)):
        values["sAMAccountName"] = (b"~" + item.guid.hex()[:16].encode() + (b"$" if _is_machine(item) else b""),)
    # only what is contested itself: an account name also takes a UPN, and need not be this one
    values |= {
        name: () for name in UNIQUE[1:] if any((name, folded_value(v)) in needed for v in item.values.get(name, ()))
    }
    if values:
        yield Modify(guid=item.guid, dn=dn, values=values, reason="its account name is needed by another object")


def _is_machine(item: ObjectState) -> bool:
    return any(value.endswith(b"$") for value in item.values.get("sAMAccountName", ()))
