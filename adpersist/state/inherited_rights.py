"""Whose access rights may have changed because a container's did, or because it was moved: no feed says so. Pure."""

from collections.abc import Mapping
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.changes import difference
from adpersist.state.state import State

DESCRIPTOR: Final = "nTSecurityDescriptor"


def hands_down(change: Change, was_in: Guid | None) -> bool:
    """The object, or what lies below it, may have other access rights now.

    Args:
        change: What happened to it.
        was_in: The container it lay in before.
    """
    if change.kind in (Kind.CREATED, Kind.DELETED, Kind.EXPUNGED):
        return False
    return DESCRIPTOR in change.values or (change.rdn is not None and change.parent != was_in)


def with_new_rights(before: State, fresh: Mapping[Guid, ObjectState]) -> tuple[list[Guid], list[Guid]]:
    """Containers whose own access rights changed, and below which something lies; and what was moved, and is none."""
    changed = {
        guid: change.rdn is not None
        for guid, new in fresh.items()
        if (old := before.get(guid)) is not None
        and (change := difference(old, new)) is not None
        and hands_down(change, old.parent)
    }
    occupied = {item.parent for item in before.values()} if changed else set()
    leaves = [guid for guid, moved in changed.items() if moved and guid not in occupied]
    return [guid for guid in changed if guid in occupied], leaves
