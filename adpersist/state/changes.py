"""What changed between two states of one object, told and folded: each once. Pure.

``evolve(old, difference(old, new)) == new`` up to the order of values; ``observe`` is the same for what a look shows.

A value, a place or a link that is told without a stamp has none that is known any longer. So what was written is told
again even where it is what it was before; a stamp alone is told of a link that is still what it was, of an attribute
without a value (``name`` is one of them), and of a value whose stamp nobody knew.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from adpersist.model.objects import link_values
from adpersist.model.objects.change import AttributeStamps, Change, Kind, LinkStamps, Values
from adpersist.model.objects.object_state import ObjectState, created
from adpersist.model.objects.rows import link_stamp_row, stamp_row
from adpersist.model.objects.rows.attribute_row import AttributeRow
from adpersist.model.objects.rows.interning import shared
from adpersist.model.objects.rows.link_stamp_row import link_writes_of
from adpersist.model.objects.rows.stamp_row import writes_of
from adpersist.model.objects.sighting import Sighting

NAME: Final = "name"
"""Has a stamp and no value: what it says is the place of the object."""


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
            values=replaced({}, change.values),
            links=link_values.changed_by({}, change.added, {}),
            stamps=stamp_row.merged({}, (), change.stamps),
            link_stamps=link_stamp_row.changed_by({}, {}, change.link_stamps),
        )
    return ObjectState(
        guid=old.guid,
        nc=change.nc,
        parent=change.parent if change.parent is not None else old.parent,
        rdn=change.rdn if change.rdn is not None else old.rdn,
        values=replaced(old.values, change.values),
        links=link_values.changed_by(old.links, change.added, change.removed),
        stamps=_restamped(old.stamps, change),
        link_stamps=link_stamp_row.changed_by(
            old.link_stamps, link_values.union(change.added, change.removed), change.link_stamps
        ),
    )


def _restamped(old: AttributeStamps, change: Change) -> AttributeStamps:
    told = change.values if change.rdn is None else {*change.values, NAME}
    return stamp_row.merged(old, told, change.stamps) if told or change.stamps else old


def replaced(old: Mapping[str, Values], new: Mapping[str, Values]) -> Mapping[str, Values]:
    """The values after some of them changed; an empty tuple takes an attribute away."""
    if not new:
        return old
    if not old and isinstance(new, AttributeRow) and not new.clears:
        return new  # as it lies in the journal: all but what came later is
    if isinstance(old, AttributeRow) and (row := old.replacing(new)) is not None:
        return row
    merged = {**old, **shared(new.items())}  # what was there before is shared already
    if () in new.values():
        merged = {name: values for name, values in merged.items() if new.get(name, values)}
    return merged


def observe(old: ObjectState | None, sighting: Sighting) -> ObjectState:
    """The object as it is after a look that showed ``sighting``.

    Where a look at everything was taken where no stamp of a link can be seen, what is known of links that are what they
    were stays. Attributes have stamps wherever there is one to be seen.
    """
    whole = sighting.whole or old is None
    moved = whole or old is None or (sighting.parent or old.parent, sighting.rdn) != (old.parent, old.rdn)
    seen = evolve(
        None if whole else old,
        Change(
            kind=Kind.CREATED if whole else Kind.CHANGED,
            guid=sighting.guid,
            nc=sighting.nc,
            parent=sighting.parent,
            rdn=sighting.rdn if moved else None,
            values=sighting.values,
            added=sighting.added,
            removed={} if whole else sighting.removed,
            stamps=sighting.stamps,
            link_stamps=sighting.link_stamps,
        ),
    )
    assert seen is not None  # noqa: S101 - only what is expunged is no more
    if whole and old is not None and not sighting.tells_link_stamps:
        changed = link_values.union(*link_values.changed(old.links, seen.links))
        return replace(seen, link_stamps=link_stamp_row.changed_by(old.link_stamps, changed, {}))
    return seen


def shows(sighting: Sighting, item: ObjectState) -> bool:
    """A sighting of the whole object shows just what it is: no other need be made of it."""
    return (
        sighting.whole
        and (sighting.nc, sighting.parent, sighting.rdn) == (item.nc, item.parent, item.rdn)
        and sighting.added == item.links
        and sighting.values == item.values
        and sighting.stamps == item.stamps
        and (not sighting.tells_link_stamps or sighting.link_stamps == item.link_stamps)
    )


def difference(old: ObjectState | None, new: ObjectState) -> Change | None:
    """The change that turns ``old`` into ``new``; None when there is none.

    ``evolve(old, difference(old, new)) == new`` up to the order of values.
    """
    if old is None:
        return created(new)
    were, stamps = writes_of(old.stamps), writes_of(new.stamps)
    values = changed_values(old.values, new.values)
    written = {
        name for name, write in were.items() if name not in stamps or (name in new.values and stamps[name] != write)
    }
    values |= {name: new.values.get(name, ()) for name in written - values.keys() - {NAME}}
    added, removed, link_stamps = _changed_links(old, new)
    moved = (old.parent, old.rdn) != (new.parent, new.rdn)
    told = moved or (NAME in were and NAME not in stamps)
    retold = {*values, NAME} if told else values
    fresh = {name for name, write in stamps.items() if were.get(name) != write or name in retold}
    if not (values or added or removed or told or fresh or link_stamps):
        return None
    return Change(
        kind=change_kind(old.deleted, new.deleted, moved=moved),
        guid=new.guid,
        nc=new.nc,
        parent=new.parent if told else None,
        rdn=new.rdn if told else None,
        values=values,
        added=added,
        removed=removed,
        stamps={name: new.stamps[name] for name in stamps if name in fresh},
        link_stamps=link_stamps,
    )


def _changed_links(
    old: ObjectState, new: ObjectState
) -> tuple[dict[str, frozenset[bytes]], dict[str, frozenset[bytes]], LinkStamps]:
    """Those to add, those to remove, and their stamps."""
    added, removed = link_values.changed(old.links, new.links)
    stamps = {}
    for name in {**old.link_stamps, **new.link_stamps}:
        known = new.link_stamps.get(name, {})
        were, writes = link_writes_of(old.link_stamps.get(name, {})), link_writes_of(known)
        lost, there = were.keys() - writes.keys(), new.links.get(name, frozenset())
        added, removed = (
            link_values.union(links, {name: frozenset(forgotten)})
            for links, forgotten in ((added, lost & there), (removed, lost - there))
        )
        told = added.get(name, frozenset()) | removed.get(name, frozenset())
        fresh = {link: known[link] for link, write in writes.items() if were.get(link) != write or link in told}
        if fresh:
            stamps[name] = fresh
    return added, removed, stamps


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
    if old is new:
        return {}
    was, is_now = dict(old.items()), dict(new.items())
    if not was:
        return {name: after for name, after in is_now.items() if after}
    return {
        name: is_now.get(name, ())
        for name in {**was, **is_now}
        if (before := was.get(name, ())) != (after := is_now.get(name, ()))
        and (len(before) != len(after) or sorted(before) != sorted(after))
    }
