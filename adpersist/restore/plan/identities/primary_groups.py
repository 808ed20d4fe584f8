"""Groups that are somebody's primary group and have to go: whoever is in one gets another one first. Pure.

The server deletes no group that is somebody's primary group ([MS-SAMR] 3.1.5.7.1). It lets an account have a group for
that which it is a member of, takes it off that group's list, and puts it on the list of the one before.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Link, Modify, Step
from adpersist.state.state import State

PRIMARY: Final = "primaryGroupID"
MEMBER_FIRST: Final = "a primary group is one the account is a member of"
_DOMAIN_USERS, _DOMAIN_COMPUTERS = b"513", b"515"
_WORKSTATION: Final = 0x1000
"""WORKSTATION_TRUST_ACCOUNT in userAccountControl, [MS-ADTS] 2.2.16; those of DCs keep their groups."""


def primary_sid(account: ObjectState, rid: Values) -> bytes:
    """The SID of the group of the account's domain that has this RID."""
    return account.values["objectSid"][0][:-4] + int(rid[0]).to_bytes(4, "little")


def living_by_sid(state: State) -> dict[bytes, Guid]:
    """Living objects by their SIDs."""
    return {sid: item.guid for item in state.values() if not item.deleted for sid in item.values.get("objectSid", ())}


def usual(account: ObjectState) -> Values:
    """The primary group an account is made with, [MS-SAMR] 3.1.1.8.1."""
    control = int(account.values.get("userAccountControl", (b"0",))[0])
    return (_DOMAIN_COMPUTERS if control & _WORKSTATION else _DOMAIN_USERS,)


def primary_members(groups: Iterable[ObjectState], have: State) -> dict[Guid, list[Guid]]:
    """Living accounts by the group, of these, that is their primary group."""
    theirs = {sid: group.guid for group in groups for sid in group.values.get("objectSid", ())}
    found: dict[Guid, list[Guid]] = {}
    for item in have.values() if theirs else ():
        if not item.deleted and (rid := item.values.get(PRIMARY)) and (sid := primary_sid(item, rid)) in theirs:
            found.setdefault(theirs[sid], []).append(item.guid)
    return found


def regrouped(
    members: Mapping[Guid, Iterable[Guid]], going: Collection[Guid], want: State, have: State
) -> Iterator[Step]:
    """Steps after which none of these groups is anybody's primary group.

    Args:
        members: As :func:`primary_members` tells them.
        going: What is about to be deleted.
        want: What the DC is to have: the primary group that is wanted is the one that is given, where it is there.
        have: The DC.
    """
    accounts = [guid for found in members.values() for guid in found]
    groups = {sid: guid for sid, guid in living_by_sid(have).items() if guid not in going} if accounts else {}
    for account in accounts:
        item = have[account]
        wanted = want[account].values.get(PRIMARY, ()) if want.is_live(account) else ()
        rid = wanted if wanted and primary_sid(item, wanted) in groups else usual(item)
        group, dn = groups[primary_sid(item, rid)], have.dn(account)
        if ref(account) not in have[group].links.get("member", ()):
            added = {"member": frozenset({ref(account)})}
            yield Link(guid=group, dn=have.dn(group), added=added, reason=MEMBER_FIRST)
        yield Modify(guid=account, dn=dn, values={PRIMARY: rid}, reason="its primary group makes way for a lost one")


def given(steps: Iterable[Step]) -> dict[Guid, Values]:
    """Accounts that get another primary group by these steps, and its RID."""
    return {step.guid: step.values[PRIMARY] for step in steps if isinstance(step, Modify) and PRIMARY in step.values}


def joined(accounts: Mapping[Guid, Values], have: State) -> Iterator[Guid]:
    """The groups that accounts were given so: the server wrote to them as well."""
    groups = living_by_sid(have) if accounts else {}
    yield from (groups[primary_sid(have[guid], rid)] for guid, rid in accounts.items())
