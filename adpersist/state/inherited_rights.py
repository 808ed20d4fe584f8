"""Whose access rights may have changed because a container's did: no feed says so. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.changes import difference
from adpersist.state.state import State

DESCRIPTOR: Final = "nTSecurityDescriptor"


def hands_down(change: Change, was_in: Guid | None) -> bool:
    """What lies below the object may have other access rights now.

    Args:
        change: What happened to it.
        was_in: The container it lay in before.
    """
    if change.kind in (Kind.CREATED, Kind.DELETED, Kind.EXPUNGED):
        return False
    return DESCRIPTOR in change.values or (change.rdn is not None and change.parent != was_in)


def containers_with_new_rights(before: State, fresh: Mapping[Guid, ObjectState]) -> Iterator[Guid]:
    """Containers whose own access rights changed, and below which something lies."""
    changed = [guid for guid, new in fresh.items() if _has_new_rights(before.get(guid), new)]
    if changed:
        occupied = {item.parent for item in before.values()}
        yield from (guid for guid in changed if guid in occupied)


def _has_new_rights(old: ObjectState | None, new: ObjectState) -> bool:
    change = difference(old, new) if old is not None else None
    return old is not None and change is not None and hands_down(change, old.parent)
