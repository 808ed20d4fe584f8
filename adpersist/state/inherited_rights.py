"""Whose access rights may have changed because a container's did, or because it was moved: no feed says so. Pure."""

from collections.abc import Iterable, Mapping
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


def with_new_rights(before: State, fresh: Mapping[Guid, ObjectState]) -> list[Guid]:
    """Everything below containers whose own access rights changed, or that were moved, and what was moved itself."""
    changed = {
        guid: change.rdn is not None
        for guid, new in fresh.items()
        if (old := before.get(guid)) is not None
        and (change := difference(old, new)) is not None
        and hands_down(change, old.parent)
    }
    return heirs(changed, ((item.guid, item.parent) for item in before.values()))


def heirs(changed: Mapping[Guid, bool], lying: Iterable[tuple[Guid, Guid | None]]) -> list[Guid]:
    """Whose access rights may be others because those of some containers are: at any depth.

    Args:
        changed: Objects with other access rights to hand down; True: got others itself, where it lies now.
        lying: Every object and the container it lies in.
    """
    if not changed:
        return []
    containers = dict(lying)
    below: dict[Guid | None, bool] = {None: False}

    def is_below(container: Guid | None) -> bool:
        way: list[Guid] = []
        while container is not None and container not in below:
            if container in changed:
                below[container] = True
                break
            below[container] = False  # also what would lie in itself comes to an end
            way.append(container)
            container = containers.get(container)
        found = below[container]
        below.update(dict.fromkeys(way, found))
        return found

    return [guid for guid, parent in containers.items() if is_below(parent) or changed.get(guid)]
