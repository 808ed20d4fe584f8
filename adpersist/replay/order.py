"""The order in which gaps are closed, so that no step meets something in its way.

Names and account names are unique. Whatever is taken by one object while another, differing one still holds it is first
parked under a temporary name; after that no cycle or chain of renames can matter, however long.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from adpersist.model.change import Values
from adpersist.model.ids import Guid, guid_text
from adpersist.model.state import ObjectState
from adpersist.model.step import Delete, Modify, Move, Step
from adpersist.replay.diff import Gap
from adpersist.replay.state import State

UNIQUE: Final = ("sAMAccountName", "userPrincipalName", "servicePrincipalName")
"""Attributes whose values one object alone may hold in a domain ([MS-ADTS] 3.1.1.5.1.3 and 3.1.1.5.2.2)."""


def top_down(gaps: Iterable[Gap], want: State, contexts: Sequence[str]) -> list[Gap]:
    """Containers before what lies in them, naming contexts in the order given; objects with links after their peers."""
    rank = {nc: index for index, nc in enumerate(contexts)}

    def key(gap: Gap) -> tuple[int, int, bool, bytes]:
        assert gap.want is not None  # noqa: S101 - callers pass wanted objects only
        return rank.get(gap.want.nc, len(rank)), want.depth(gap.guid), bool(gap.added), gap.guid

    return sorted(gaps, key=key)


_BUILDS_ON: Final = ("subClassOf", "auxiliaryClass", "systemAuxiliaryClass", "possSuperiors", "systemPossSuperiors")
"""Attributes of a class definition that name other classes ([MS-ADTS] 3.1.1.2.4)."""


def definitions_in_order(classes: Sequence[Gap]) -> list[Gap]:
    """Class definitions, each after those it builds on; classes that name each other stay in the order given."""
    by_name = {gap.want.values["lDAPDisplayName"][0]: gap for gap in classes if gap.want is not None}
    ordered: dict[bytes, Gap] = {}
    visiting: set[bytes] = set()

    def visit(name: bytes) -> None:
        if name in ordered or name in visiting or name not in by_name:
            return
        visiting.add(name)
        gap = by_name[name]
        for attribute in _BUILDS_ON:
            for other in gap.want.values.get(attribute, ()) if gap.want is not None else ():
                visit(other)
        ordered[name] = gap

    for name in by_name:
        visit(name)
    return list(ordered.values())


def bottom_up(gaps: Iterable[Gap], have: State) -> list[Gap]:
    """What lies in a container before the container."""
    return sorted(gaps, key=lambda gap: (-have.depth(gap.guid), gap.guid))


def parking(gaps: Sequence[Gap], have: State) -> Iterator[Step]:
    """Steps that free the names and unique values which others are about to take."""
    differing = {gap.guid: gap for gap in gaps if gap.is_live}
    holders: dict[tuple[str, object], Guid] = {}
    for guid in differing:
        for resource in _resources(have[guid].parent, have[guid].rdn, have[guid].values):
            holders[resource] = guid
    contested: dict[Guid, set[tuple[str, object]]] = {}
    for gap in gaps:
        for resource in _wanted_resources(gap):
            holder = holders.get(resource, gap.guid)
            if holder != gap.guid:
                contested.setdefault(holder, set()).add(resource)
    for guid, resources in contested.items():
        yield from _park(have[guid], resources, have)


def evictions(wanted: Sequence[Gap], have: State, doomed: Collection[Guid]) -> Iterator[Delete]:
    """Objects and tombstones that hold a SID which belongs to an account that is gone: a SID has one holder, ever.

    A DC that handed out RIDs after it was put back gave some of them to new people; those accounts are conflicts, and
    are listed as such.
    """
    lost = {sid for gap in wanted if gap.have is None and gap.want for sid in gap.want.values.get("objectSid", ())}
    if not lost:
        return
    for guid, item in have.items():
        if (item.deleted or guid in doomed) and not lost.isdisjoint(item.values.get("objectSid", ())):
            reason = "it holds the SID of an account that is to come back"
            yield Delete(guid=guid, dn=have.dn(guid), reason=reason, purge=True)


def _wanted_resources(gap: Gap) -> Iterator[tuple[str, object]]:
    if gap.want is None or gap.want.deleted:
        return
    yield from _resources(gap.want.parent, gap.want.rdn, gap.want.values)


def _resources(parent: Guid | None, rdn: str, values: Mapping[str, Values]) -> Iterator[tuple[str, object]]:
    yield "name", (parent, rdn.casefold())
    for name in UNIQUE:
        for value in values.get(name, ()):
            yield name, value.decode("utf-8", "replace").casefold()


def _park(item: ObjectState, resources: set[tuple[str, object]], have: State) -> Iterator[Step]:
    kinds = {kind for kind, _ in resources}
    dn = have.dn(item.guid)
    if "name" in kinds and item.parent is not None:
        attribute = item.rdn.partition("=")[0]
        yield Move(
            guid=item.guid,
            dn=dn,
            parent_dn=have.dn(item.parent),
            rdn=f"{attribute}=adpersist-{guid_text(item.guid)}",
            reason="its name is needed by another object",
        )
    values: dict[str, Values] = {}
    if "sAMAccountName" in kinds:
        values["sAMAccountName"] = (b"~" + item.guid.hex()[:16].encode() + (b"$" if _is_machine(item) else b""),)
    values |= {name: () for name in ("userPrincipalName", "servicePrincipalName") if name in kinds}
    if values:
        yield Modify(guid=item.guid, dn=dn, values=values, reason="its account name is needed by another object")


def _is_machine(item: ObjectState) -> bool:
    return any(value.endswith(b"$") for value in item.values.get("sAMAccountName", ()))
