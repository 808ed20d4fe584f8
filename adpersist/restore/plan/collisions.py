"""What stands in the way of a part outside of it: who has a name that it needs, who needs what of it is to go. Pure.

Found before the first write.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adpersist.model.identity.dn import escaped
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.plan.identities.primary_groups import PRIMARY, primary_members
from adpersist.restore.plan.ordering import UNIQUE, Resource, folded_value, resources, wanted_resources
from adpersist.state.differences import Gap
from adpersist.state.state import State

_SID: Final = "objectSid"
_NO_ACCOUNT_NAME: Final = re.compile(r'["/\\\[\]:;|=,+*?<>@]')
_ACCOUNT_NAME_CHARACTERS: Final = 20
"""Neither is allowed in a sAMAccountName, [MS-SAMR] 3.1.1.6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """One object cannot have back what another one has.

    Attributes:
        dn: Which is to be restored.
        attribute: What it needs: ``name`` for its place, else lDAPDisplayName.
        value: As people read it.
        holder: DN of the object that has it.
    """

    dn: str
    attribute: str
    value: str
    holder: str


def collisions(gaps: Iterable[Gap], want: State, have: State) -> Iterator[Collision]:
    """What of a part is taken by living objects that are no part of it."""
    closing = {gap.guid: gap for gap in gaps}
    wanting = {resource: gap for gap in closing.values() for resource in _needed(gap)}
    if not wanting:
        return
    for item in have.values():
        if item.deleted or item.guid in closing:
            continue
        for resource in dict.fromkeys(_held(item)):  # a UPN is most often the one that the account name implies, too
            if (gap := wanting.get(resource)) is not None and gap.want is not None:
                attribute, value = resource
                dn, holder = want.dn(gap.guid), have.dn(item.guid)
                text = {"name": dn, _SID: holder}.get(attribute) or _as_written(attribute, value, gap.want, item)
                if text:  # else both account names imply it, which are told themselves
                    yield Collision(dn=dn, attribute=attribute, value=text, holder=holder)


def _as_written(attribute: str, folded: object, *items: ObjectState) -> str:
    """A unique value in the letters of the first who has it; empty: nobody has it written."""
    written = (value for item in items for value in item.values.get(attribute, ()) if folded_value(value) == folded)
    return next(written, b"").decode("utf-8", "replace")


def needed(gaps: Sequence[Gap], have: State) -> dict[Guid, str]:
    """What of a part is to go and that no server deletes, since others need it who are no part of it; and why.

    Args:
        gaps: What of the part differs.
        have: The DC.
    """
    doomed = {gap.guid for gap in gaps if not gap.wanted_live}
    if not doomed:
        return {}
    regrouped = doomed | {gap.guid for gap in gaps if PRIMARY in gap.values}
    members = primary_members((have[guid] for guid in doomed if "groupType" in have[guid].values), have)
    found = {
        group: f"stays, though it did not live then: it is the primary group of {len(others)} who are no part of this"
        for group, accounts in members.items()
        if (others := set(accounts) - regrouped)
    }
    leaving = doomed - found.keys() | {gap.guid for gap in gaps if gap.moved}
    staying = (item for item in have.values() if item.parent in doomed and item.guid not in leaving)
    holding = {above for item in staying if not item.deleted for above in have.above(item.guid)}
    what = "stays, though it did not live then: what lies in it is no part of this (--subtree takes that away, too)"
    return dict.fromkeys(holding & doomed, what) | found


def renamed(item: ObjectState, name: str, have: State) -> ObjectState:
    """An object under another name, without what others have meanwhile.

    Args:
        item: As the journal has it.
        name: Its new name; the account's is that without what none may have, a machine's with its ``$``.
    """
    attribute, _, _ = item.rdn.partition("=")
    values: dict[str, Values] = dict(item.values)
    if attribute.lower() in {each.lower() for each in values}:
        values = {each: ((name.encode(),) if each.lower() == attribute.lower() else v) for each, v in values.items()}
    if account := values.get("sAMAccountName"):
        plain = _NO_ACCOUNT_NAME.sub("", name).strip(". ")[:_ACCOUNT_NAME_CHARACTERS]
        values["sAMAccountName"] = (plain.encode() + (b"$" if account[0].endswith(b"$") else b""),)
    if principal := values.get("userPrincipalName"):
        values["userPrincipalName"] = (name.replace(" ", ".").encode() + b"@" + principal[0].rpartition(b"@")[2],)
    moved = replace(item, rdn=f"{attribute}={escaped(name)}", values=values, stamps={})
    theirs = {each for other in have.values() if not other.deleted and other.guid != item.guid for each in _held(other)}
    for unique in UNIQUE[1:]:
        kept = tuple(value for value in values.get(unique, ()) if (unique, folded_value(value)) not in theirs)
        if unique in values:
            values[unique] = kept
    return replace(moved, values={each: found for each, found in values.items() if found})


def _needed(gap: Gap) -> Iterator[Resource]:
    """All of it where it comes to life; else what of it is to change."""
    if gap.want is None or not gap.wanted_live:
        return
    for kind, value in wanted_resources(gap):
        if not gap.is_live or (gap.moved if kind == "name" else kind in gap.values):
            yield kind, value
    if gap.have is None:
        yield from ((_SID, sid) for sid in gap.want.values.get(_SID, ()))


def _held(item: ObjectState) -> Iterator[Resource]:
    yield from resources(item)
    yield from ((_SID, sid) for sid in item.values.get(_SID, ()))
