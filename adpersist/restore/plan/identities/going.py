"""Who has to go for others to come back: under which name a copy goes on, and what becomes of what lies in it. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from adpersist.model.identity.dn import escaped, value_of
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Move, Step
from adpersist.restore.plan.ordering import UNIQUE, Resource, folded_value, parked_name, resources
from adpersist.state.state import State

_ACCOUNT_NAME_CHARACTERS: Final = 20
"""Longest sAMAccountName of a user, [MS-SAMR] 3.1.1.6."""
_NAME_CHARACTERS: Final = 64
"""Longest cn and ou, by the rangeUpper of either; Samba takes longer ones of a rename, and a partner may not."""


class Going:
    """Where copies lie, and what lies in who goes.

    Args:
        evicted: Who goes.
        staying: Those of them who go on as copies.
        have: The DC.
    """

    def __init__(self, evicted: Collection[Guid], staying: frozenset[Guid], have: State) -> None:
        self.evicted, self.staying, self.have = evicted, staying, have
        self._children: dict[Guid, list[Guid]] = {}
        for item in have.values() if evicted else ():
            if item.parent is not None and not item.deleted:
                self._children.setdefault(item.parent, []).append(item.guid)

    def copy_dn(self, guid: Guid) -> str:
        """The copy's DN."""
        item = self.have[guid]
        rdn, _ = conflict_names(item, frozenset(resources(item)))
        return f"{rdn},{self.container(guid)}"

    def container(self, guid: Guid) -> str:
        """DN of what an object lies in once all have gone."""
        parent = self.have[guid].parent
        while parent is not None and parent in self.evicted and parent not in self.staying:
            parent = self.have[parent].parent
        if parent is None:
            return ""
        return self.copy_dn(parent) if parent in self.staying else self.have.dn(parent)

    def inside(self) -> Iterator[tuple[Guid, list[Guid]]]:
        """What lies in somebody who goes and does not go itself, with all that lies in it, the top first."""
        for guid in self.evicted:
            for child in self._children.get(guid, ()):
                if child not in self.evicted:
                    yield child, list(self._family(child))

    def _family(self, guid: Guid) -> Iterator[Guid]:
        yield guid
        for child in self._children.get(guid, ()):
            yield from self._family(child)


def doomed_below(going: Going, want: State, kept: Collection[Guid]) -> Iterator[Guid]:
    """What goes with who goes: nobody who stays lies in it."""
    for _, family in going.inside():
        if not any(guid in kept or want.is_live(guid) for guid in family):
            yield from (guid for guid in family if guid not in going.evicted)


def moved_out(going: Going, doomed: Collection[Guid]) -> Iterator[Step]:
    """What stays, into the copy; where there is none, out of the way."""
    for guid, _ in going.inside():
        if guid in doomed:
            continue
        item = going.have[guid]
        rdn = item.rdn if item.parent in going.staying else parked_name(item)
        reason = "what it lies in makes way for a lost one"
        yield Move(guid=guid, dn=going.have.dn(guid), parent_dn=going.container(guid), rdn=rdn, reason=reason)


def conflict_names(item: ObjectState, contested: Collection[Resource]) -> tuple[str, Mapping[str, Values]]:
    """A name nobody else has, and the unique values; those that only one object can have are given up."""
    kinds = {kind for kind, _ in contested}
    mark = item.guid.hex()[:8]
    end = f" (local {mark})"
    rdn = f"{_shortened(item.rdn, len(end))}{end}" if "name" in kinds else item.rdn
    values: dict[str, Values] = {}
    for name in UNIQUE:
        mine = item.values.get(name, ())
        if name not in kinds or not mine:
            continue
        values[name] = tuple(value for value in mine if (name, folded_value(value)) not in contested)
        if name == "sAMAccountName":
            tail = f"-{mark}" + ("$" if mine[0].endswith(b"$") else "")
            stem = mine[0].decode("utf-8", "replace").removesuffix("$")[: _ACCOUNT_NAME_CHARACTERS - len(tail)]
            values[name] = (f"{stem}{tail}".encode(),)
    return rdn, values


def _shortened(rdn: str, room: int) -> str:
    """A component with so much room for more behind it."""
    value = value_of(rdn)
    most = _NAME_CHARACTERS - room
    return rdn if len(value) <= most else f"{rdn.partition('=')[0]}={escaped(value[:most])}"
