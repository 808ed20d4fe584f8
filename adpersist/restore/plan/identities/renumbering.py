"""Objects that were made again where nobody can give an objectGUID: known by their place and their classes. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from adpersist.model.identity.dn import unique_name
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import redirected
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.state import State


def matched_by_place(want: State, have: State) -> State:
    """What is wanted, with the objects that are there under a new objectGUID named by that."""
    lacking = [item for item in want.values() if not item.deleted and item.guid not in have]
    if not lacking:
        return want
    strangers = {
        (item.parent, unique_name(item.rdn)): item
        for item in have.values()
        if not item.deleted and item.guid not in want
    }
    guids: dict[Guid, Guid] = {}
    for item in sorted(lacking, key=lambda each: want.depth(each.guid)):
        parent = guids.get(item.parent, item.parent) if item.parent is not None else None
        found = strangers.get((parent, unique_name(item.rdn)))
        if found is not None and _classes(found) == _classes(item):
            guids[item.guid] = found.guid
    return with_other_guids(want, guids)


def with_other_guids(state: State, guids: Mapping[Guid, Guid]) -> State:
    """The state with other objectGUIDs, wherever they stand."""
    return State(_renumbered(item, guids) for item in state.values()) if guids else state


def _renumbered(item: ObjectState, guids: Mapping[Guid, Guid]) -> ObjectState:
    return replace(
        item,
        guid=guids.get(item.guid, item.guid),
        parent=guids.get(item.parent, item.parent) if item.parent is not None else None,
        values={name: tuple(redirected(value, guids) for value in found) for name, found in item.values.items()},
        links={name: frozenset(redirected(ref, guids) for ref in refs) for name, refs in item.links.items()},
        link_stamps={
            name: {redirected(ref, guids): stamp for ref, stamp in stamps.items()}
            for name, stamps in item.link_stamps.items()
        },
    )


def _classes(item: ObjectState) -> frozenset[bytes]:
    return frozenset(item.values.get("objectClass", ()))
