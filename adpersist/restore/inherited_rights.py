"""Access rights that containers hand down: those of everything below change with theirs, and no feed says so."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.differences import difference
from adpersist.state.state import State

DESCRIPTOR: Final = "nTSecurityDescriptor"


def inherited(dc: DomainController, before: State, fresh: Mapping[Guid, ObjectState]) -> dict[Guid, ObjectState]:
    """Objects below a container whose access rights changed, as they are now.

    Args:
        dc: The DC, which is asked for the rights below each such container.
        before: Everything as it was.
        fresh: What a feed reported since.
    """
    below: dict[Guid, ObjectState] = {}
    for guid in _containers_with_new_rights(before, fresh):
        for child, descriptor in dc.descriptors(guid):
            known = fresh.get(child) or before.get(child)
            if known is not None and known.values.get(DESCRIPTOR) != (descriptor,):
                below[child] = replace(known, values={**known.values, DESCRIPTOR: (descriptor,)})
    return below


def hands_down(change: Change, was_in: Guid | None) -> bool:
    """What lies below the object may have other access rights now.

    Args:
        change: What happened to it.
        was_in: The container it lay in before.
    """
    if change.kind in (Kind.CREATED, Kind.DELETED, Kind.EXPUNGED):
        return False
    return DESCRIPTOR in change.values or (change.rdn is not None and change.parent != was_in)


def _containers_with_new_rights(before: State, fresh: Mapping[Guid, ObjectState]) -> Iterator[Guid]:
    changed = [guid for guid, new in fresh.items() if _has_new_rights(before.get(guid), new)]
    if changed:
        occupied = {item.parent for item in before.values()}
        yield from (guid for guid in changed if guid in occupied)


def _has_new_rights(old: ObjectState | None, new: ObjectState) -> bool:
    change = difference(old, new) if old is not None else None
    return old is not None and change is not None and hands_down(change, old.parent)
