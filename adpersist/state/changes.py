"""What changed between two states of one object, told and folded: each once. Pure.

``evolve(old, difference(old, new)) == new`` up to the order of values; ``observe`` is the same for what a look shows.
"""

from collections.abc import Mapping

from adpersist.model.objects import link_values
from adpersist.model.objects.attribute_row import AttributeRow
from adpersist.model.objects.change import Change, Kind, Stamp, Values
from adpersist.model.objects.interning import shared
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.sighting import Sighting


def evolve(old: ObjectState | None, change: Change) -> ObjectState | None:
    """The object after the change; None when it is no more, not even as a tombstone."""
    if change.kind is Kind.EXPUNGED:
        return None
    if old is None or change.kind is Kind.CREATED:
        return ObjectState(
            guid=change.guid,
            nc=change.nc,
            parent=change.parent,
            rdn=change.rdn or "",
            values=_merged({}, change.values),
            links=link_values.changed_by({}, change.added, {}),
        )
    return ObjectState(
        guid=old.guid,
        nc=change.nc,
        parent=change.parent if change.parent is not None else old.parent,
        rdn=change.rdn if change.rdn is not None else old.rdn,
        values=_merged(old.values, change.values),
        links=link_values.changed_by(old.links, change.added, change.removed),
    )


def _merged(old: Mapping[str, Values], new: Mapping[str, Values]) -> Mapping[str, Values]:
    if not new:
        return old
    if not old and isinstance(new, AttributeRow) and not new.clears:
        return new  # as it lies in the journal: all but what came later is
    merged = {**old, **shared(new.items())}  # what was there before is shared already
    if () in new.values():
        merged = {name: values for name, values in merged.items() if new.get(name, values)}
    return merged


def observe(old: ObjectState | None, sighting: Sighting) -> ObjectState:
    """The object as it is after a look that showed ``sighting``."""
    whole = sighting.whole or old is None
    seen = evolve(
        None if whole else old,
        Change(
            kind=Kind.CREATED if whole else Kind.CHANGED,
            guid=sighting.guid,
            nc=sighting.nc,
            parent=sighting.parent,
            rdn=sighting.rdn,
            values=sighting.values,
            added=sighting.added,
            removed={} if whole else sighting.removed,
        ),
    )
    assert seen is not None  # noqa: S101 - only what is expunged is no more
    return seen


def shows(sighting: Sighting, item: ObjectState) -> bool:
    """A sighting of the whole object shows just what it is: no other need be made of it."""
    return (
        sighting.whole
        and (sighting.nc, sighting.parent, sighting.rdn) == (item.nc, item.parent, item.rdn)
        and sighting.added == item.links
        and sighting.values == item.values
    )


def difference(old: ObjectState | None, new: ObjectState, stamps: Mapping[str, Stamp] | None = None) -> Change | None:
    """The change that turns ``old`` into ``new``; None when there is none.

    ``evolve(old, difference(old, new)) == new`` up to the order of values.
    """
    values = changed_values(old.values if old else {}, new.values)
    added, removed = link_values.changed(old.links if old else {}, new.links)
    moved = old is None or (old.parent, old.rdn) != (new.parent, new.rdn)
    if not (values or added or removed or moved):
        return None
    return Change(
        kind=change_kind(None if old is None else old.deleted, new.deleted, moved=moved),
        guid=new.guid,
        nc=new.nc,
        parent=new.parent if moved else None,
        rdn=new.rdn if moved else None,
        values=values,
        added=added,
        removed=removed,
        stamps={name: stamp for name, stamp in stamps.items() if name in values} if stamps else {},
    )


def change_kind(was_deleted: bool | None, is_deleted: bool, *, moved: bool) -> Kind:
    """The most telling name for what happened to an object.

    Args:
        was_deleted: It was a tombstone; None: it was not there at all.
        is_deleted: It is one now.
        moved: It lies elsewhere or is named otherwise.
    """
    if was_deleted is None:
        return Kind.CREATED
    if was_deleted != is_deleted:
        return Kind.DELETED if is_deleted else Kind.UNDELETED
    return Kind.MOVED if moved else Kind.CHANGED


def changed_values(old: Mapping[str, Values], new: Mapping[str, Values]) -> dict[str, Values]:
    """Attributes to set, and with an empty tuple those to clear; values are compared as sets."""
    was, is_now = dict(old.items()), dict(new.items())
    if not was:
        return {name: after for name, after in is_now.items() if after}
    return {
        name: is_now.get(name, ())
        for name in {**was, **is_now}
        if (before := was.get(name, ())) != (after := is_now.get(name, ()))
        and (len(before) != len(after) or sorted(before) != sorted(after))
    }
