"""Accounts made on the reverted DC in the place of lost ones: who has to give way, and where they go. Pure.

A reverted DC hands out the RIDs again that it has handed out before, so the first account made there has the SID of a
lost one. A SID is an identity: old tickets, ACLs and group memberships mean the lost account, which gets it back.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Create, Delete, Exempt, Link, Modify, Move, Step
from adpersist.restore.plan.identities.foreign_principals import is_foreign
from adpersist.restore.plan.identities.going import Going, conflict_names, doomed_below, moved_out
from adpersist.restore.plan.identities.primary_groups import (
    PRIMARY,
    living_by_sid,
    primary_members,
    primary_sid,
    regrouped,
    usual,
)
from adpersist.restore.plan.ordering import Resource, resources, wanted_resources
from adpersist.state.differences import Gap
from adpersist.state.state import State

KEPT: Final = "kept under a SID of its own"
RENAMED: Final = "its name belongs to a lost object"
"""Why somebody who stays goes on under another name."""

_DRAWN_ANEW: Final = frozenset({"objectSid", PRIMARY, "lastKnownParent", "msDS-LastKnownRDN"})


def usurpers(kept: Collection[Guid], have: State, given: Collection[bytes]) -> frozenset[Guid]:
    """Strangers with a SID that was somebody's, who is deleted by now: old ACLs that name it would be theirs.

    Args:
        kept: Objects the journal never heard of that stay.
        have: The DC.
        given: Every SID the journal ever saw.
    """
    live = (have[guid] for guid in kept if have.is_live(guid))
    mine = ((item, item.values.get("objectSid", ())) for item in live if not is_foreign(item))
    return frozenset(item.guid for item, sids in mine if any(sid in given for sid in sids))


def evictions(
    gaps: Iterable[Gap],
    want: State,
    have: State,
    exempt: Exempt,
    *,
    kept: Collection[Guid],
    usurping: Collection[Guid] = (),
    named: Mapping[Guid, Collection[str]] | None = None,
    buried: Mapping[bytes, Guid] | None = None,
) -> Iterator[Step]:
    """Steps that free the SIDs of lost and of deleted accounts, and the names of lost ones where who has them stays.

    Args:
        gaps: What will be closed.
        want: What the DC is to have. Whoever has a SID there, too, keeps it, whoever else may have it as well.
        have: The DC.
        exempt: What an object is not created with.
        kept: Strangers that stay, under another name or SID where need be; all others are deleted.
        usurping: Those of them with the SID of somebody who was deleted.
        named: Attributes that objects of the journal were given on the DC and keep; but for what a lost one needs.
        buried: SIDs of tombstones that are to come, and whose they are: no two objects can have one, dead or alive.
    """
    closing = list(gaps)
    lost = {
        sid: gap.guid
        for gap in closing
        if gap.want is not None and gap.wanted_live and gap.have is None
        for sid in gap.want.values.get("objectSid", ())
    }
    holders = {
        **{item.guid: "it holds the SID of a deleted account" for item in _holders(buried or {}, have)},
        **{
            item.guid: "it holds the SID of a lost account"
            for item in _holders(lost, have)
            if not (want.is_live(item.guid) and _sids(want[item.guid]) == _sids(item))
        },
    }
    evicted = {**dict.fromkeys(usurping, "it holds the SID of a deleted account"), **holders}
    living = [have[guid] for guid in evicted if have.is_live(guid)]
    in_primary = primary_members(living, have)
    going = Going(evicted, frozenset(item.guid for item in living if item.guid in kept), have)
    yield from _copied(going, in_primary, exempt)
    yield from regrouped(in_primary, evicted, want, have)
    doomed = list(doomed_below(going, want, kept))
    yield from moved_out(going, doomed)
    # what lies in another one first
    for guid in sorted((*evicted, *doomed), key=lambda each: -have.depth(each)):
        reason = evicted.get(guid, "the journal has no such object")
        yield Delete(guid=guid, dn=have.dn(guid), reason=reason, purge=guid in evicted)
    own = {guid: names for guid, names in (named or {}).items() if guid not in kept}
    staying = [have[guid] for guid in (*kept, *own) if guid not in evicted and have.is_live(guid)]
    theirs = {resource for item in staying for resource in resources(item)}
    needed: dict[Resource, set[Guid]] = {}
    for gap in closing if theirs else ():
        for resource in wanted_resources(gap):
            if resource in theirs:
                needed.setdefault(resource, set()).add(gap.guid)
    for item in staying:
        contested = {each for each in resources(item) if needed.get(each, set()) - {item.guid}}
        if item.guid in own:
            contested = {each for each in contested if each[0] in own[item.guid]}
        yield from _renamed(item, have, contested)


def _holders(lost: Mapping[bytes, Guid], have: State) -> list[ObjectState]:
    if not lost:
        return []
    return [item for item in have.values() if any(lost.get(sid, item.guid) != item.guid for sid in _sids(item))]


def _sids(item: ObjectState) -> Values:
    return item.values.get("objectSid", ())


def evicted_copy(guid: Guid) -> Guid:
    """The objectGUID under which a stranger goes on; always the same, so that a restore that was killed goes on too."""
    return Guid(hashlib.sha256(b"adpersist: moved out of the way" + guid).digest()[:16])


def _copied(going: Going, in_primary: Mapping[Guid, Collection[Guid]], exempt: Exempt) -> Iterator[Step]:
    """Made before the originals go, so that no moment is without them; no two can have one name."""
    evicted, staying, have = going.evicted, going.staying, going.have
    originals = {ref(guid) for guid in evicted}
    spared = exempt.derived | exempt.created_with | _DRAWN_ANEW
    for guid in sorted(staying, key=have.depth):
        item, copy = have[guid], evicted_copy(guid)
        if copy in have:
            continue
        _, names = conflict_names(item, frozenset(resources(item)))
        values = {name: found for name, found in {**item.values, **names}.items() if found and name not in spared}
        members = item.links.get("member", frozenset()) | {ref(account) for account in in_primary.get(guid, ())}
        links = {**item.links, "member": members - originals}
        ends = {name: tuple(sorted(refs)) for name, refs in links.items() if refs}
        yield Create(guid=copy, dn=going.copy_dn(guid), values={**values, **ends}, reason=KEPT)
    for group, copies in _groups_of(staying, have).items() if staying else ():
        there = evicted_copy(group) if group in staying else group
        known = have[there].links.get("member", frozenset()) if there in have else frozenset()
        if there not in evicted and (joining := copies - known):
            reason = "who is kept under another SID stays in the groups it was in"
            yield Link(guid=there, dn=have.dn(group), added={"member": frozenset(joining)}, reason=reason)


def _groups_of(accounts: Collection[Guid], have: State) -> dict[Guid, set[bytes]]:
    """Copies of accounts by the groups these are in, also as their primary group; without those that the copies get."""
    copies: dict[bytes, bytes] = {ref(guid): ref(evicted_copy(guid)) for guid in accounts}
    found: dict[Guid, set[bytes]] = {}
    for guid, group in have.items():
        if not group.deleted and (members := group.links.get("member", frozenset()) & copies.keys()):
            found[guid] = {copies[value] for value in members}
    groups = living_by_sid(have)
    for guid in accounts:
        item, copy = have[guid], ref(evicted_copy(guid))
        if rid := item.values.get(PRIMARY):
            primary, given = (groups.get(primary_sid(item, each)) for each in (rid, usual(item)))
            if primary is not None:
                found.setdefault(primary, set()).add(copy)
            if given is not None:
                found.setdefault(given, set()).discard(copy)
    return found


def _renamed(item: ObjectState, have: State, contested: Collection[Resource]) -> Iterator[Step]:
    if not contested:
        return
    rdn, names = conflict_names(item, contested)
    dn, reason = have.dn(item.guid), RENAMED
    if rdn != item.rdn and item.parent is not None:
        yield Move(guid=item.guid, dn=dn, parent_dn=have.dn(item.parent), rdn=rdn, reason=reason)
    if names:
        yield Modify(guid=item.guid, dn=dn, values=names, reason=reason)
