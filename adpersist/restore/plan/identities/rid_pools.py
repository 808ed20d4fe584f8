"""No RID twice: lift the DC's RID set above every RID that was ever handed out.

Objects made with an explicit SID do not move rIDNextRID; left behind, the next account created would collide, or worse,
take the SID of somebody who was deleted and inherit what old ACLs grant.
"""

from collections.abc import Collection, Iterator
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.sid import rid_of
from adpersist.model.objects.change import Values
from adpersist.model.objects.rid_set import Pool, RidSet
from adpersist.model.plan.step import Modify
from adpersist.state.state import State

_FIRST_FREE_RID: Final = 1000
"""Below lie the well-known accounts ([MS-DTYP] 2.4.2.4)."""


def known_rids(*states: State, domain: Guid, given: Collection[bytes] = ()) -> set[int]:
    """RIDs of the domain seen anywhere, tombstones included.

    Args:
        given: Other SIDs that were seen once.
    """
    found = [state for state in states if domain in state]
    # most are in all of them
    sids = {*given, *(sid for state in found for item in state.values() for sid in item.values.get("objectSid", ()))}
    domains = {state[domain].values["objectSid"][0] for state in found}
    rids = {rid_of(sid, domain_sid) for domain_sid in domains for sid in sids}
    return {rid for rid in rids if rid is not None and rid >= _FIRST_FREE_RID}


def handed_out(have: RidSet, want: State) -> set[int]:
    """The last RIDs of the pools that the DC had by the journal: as if all of these had been given out, but for one.

    For a DC with partners that was put back: one of them may have accounts that nobody captured, and brings them back
    when it likes. No account of the DC's past has a RID of a pool that is drawn now. One is left, with which Samba
    draws the next pool: a set that has none is broken in the eyes of dbcheck.

    Args:
        have, want: As for :func:`raised`.
    """
    known = _wanted_pool(want, have.guid, "rIDAllocationPool") or have.following
    lasts = {pool.last for pool in (have.current, have.following, known)}
    return {last if last < known.last else last - 1 for last in lasts if _FIRST_FREE_RID < last <= known.last}


def raised(have: RidSet, want: State, rids: set[int]) -> Iterator[Modify]:
    """Steps that lift the RID set and the domain's available pool; none when they are high enough.

    Args:
        have: The DC's RID set as it is.
        want: The journal's state, for the pools this DC and the domain had.
        rids: Every RID known to have been given out, by whichever DC.
    """
    following = _wanted_pool(want, have.guid, "rIDAllocationPool") or have.following
    if following.first < have.following.first:
        following = have.following
    current, last = have.current, max(have.last_given, _highest(rids, have.current))
    for pool in dict.fromkeys((have.following, following)):
        if pool.first > current.last and (used := _highest(rids, pool)):
            # RIDs were given out from the next pool, so it had become the current one
            current, last = pool, used
    values: dict[str, Values] = {}
    if (current, following) != (have.current, have.following):
        values |= {"rIDPreviousAllocationPool": (current.value(),), "rIDAllocationPool": (following.value(),)}
    if last > have.last_given:
        values["rIDNextRID"] = (str(last).encode(),)
    if values:
        yield Modify(guid=have.guid, dn=have.dn, values=values, reason="no RID is handed out twice")
    available = _wanted_pool(want, have.manager, "rIDAvailablePool") or have.available
    first = max(available.first, have.available.first, following.last + 1, max(rids, default=0) + 1)
    if first > have.available.first:
        yield Modify(
            guid=have.manager,
            dn=have.manager_dn,
            values={"rIDAvailablePool": (Pool(first=first, last=have.available.last).value(),)},
            reason="no pool of RIDs is handed out twice",
        )


def _wanted_pool(want: State, guid: Guid, attribute: str) -> Pool | None:
    values = want[guid].values.get(attribute, ()) if guid in want else ()
    return Pool.parse(values[0]) if values else None


def _highest(rids: set[int], pool: Pool) -> int:
    return max((rid for rid in rids if rid in pool), default=0)
