"""Schema definitions that were lost and that somebody made again on the DC, under another objectGUID. Pure.

A schema forgets no definition ([MS-ADTS] 3.1.1.2), and Samba does not start with two of one name. So the one that is
there is the lost one: it gets what the journal has of it, and keeps what objects may hold already under it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.plan.definitions import defines_class
from adpersist.restore.plan.ordering import folded_value
from adpersist.state.state import State

KEPT: Final = frozenset(
    {"attributeID", "governsID", "lDAPDisplayName", "attributeSyntax", "oMSyntax", "linkID", "msDS-IntId"}
)
"""Of a definition that was made again: values of the new attribute are stored by these, and known to replication."""
_OF_ONE_ALONE: Final = ("attributeID", "governsID", "lDAPDisplayName")
"""No two definitions have these alike ([MS-ADTS] 3.1.1.2.5); the OID says more of what it is than the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeAgain:
    """What became of lost definitions.

    Attributes:
        now: Those that were made again, by the objectGUID of the lost one.
        clashing: Lost ones that are none of these, and of which a definition that was made has the OID or the name.
    """

    now: Mapping[Guid, Guid] = field(default_factory=dict)
    clashing: frozenset[Guid] = frozenset()


def made_again(want: State, have: State) -> MadeAgain:
    """Compare the lost definitions with those the journal never heard of."""
    lost = [want[guid] for guid in want.unlike(have) if guid in want and guid not in have and _defines(want[guid])]
    if not lost:
        return MadeAgain()
    new = [item for item in have.values() if item.guid not in want and _defines(item)]
    holders = {each: item for item in new for each in _alone(item, _OF_ONE_ALONE)}
    now: dict[Guid, Guid] = {}
    for kind in _OF_ONE_ALONE:
        for item in lost:
            there = next((holders[each] for each in _alone(item, (kind,)) if each in holders), None)
            taken = item.guid in now or (there is not None and there.guid in now.values())
            if there is not None and not taken and defines_class(there) == defines_class(item):
                now[item.guid] = there.guid
    clashing = (item.guid for item in lost if not holders.keys().isdisjoint(_alone(item, _OF_ONE_ALONE)))
    return MadeAgain(now=now, clashing=frozenset(clashing) - now.keys())


def _defines(item: ObjectState) -> bool:
    return not item.deleted and (defines_class(item) or b"attributeSchema" in item.values.get("objectClass", ()))


def _alone(item: ObjectState, kinds: Iterable[str]) -> Iterator[tuple[str, str]]:
    yield from ((kind, folded_value(value)) for kind in kinds for value in item.values.get(kind, ()))
