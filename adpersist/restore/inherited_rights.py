"""Access rights that containers hand down: those of everything below change with theirs, and no feed says so."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.changes import replaced
from adpersist.state.inherited_rights import DESCRIPTOR, with_new_rights
from adpersist.state.state import State


def inherited(dc: DomainController, before: State, fresh: Mapping[Guid, ObjectState]) -> Iterator[ObjectState]:
    """Objects whose access rights changed because a container's did, or because they were moved, as they are now.

    Args:
        dc: The DC, which is asked for them.
        before: Everything as it was.
        fresh: What a feed reported since.
    """
    for guid, descriptor, _ in dc.descriptors(with_new_rights(before, fresh)):
        known = fresh.get(guid) or before.get(guid)
        if known is not None and known.values.get(DESCRIPTOR) != (descriptor,):
            yield replace(known, values=replaced(known.values, {DESCRIPTOR: (descriptor,)}))
