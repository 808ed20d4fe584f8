"""A directory's rules, written down without any of the code that has to live with them.

Names are unique below a container; account names, UPNs and service principals in the domain ([MS-ADTS] 3.1.1.5.1.3),
and an account name is a UPN of the domain too (5.1.1.1.1). A container must be there and alive; only what has no
children can be deleted; nothing lies below itself; links need two living ends and go with either. A refusal is an
exception: the plans under test must never meet one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref, target_of
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Create, Delete, Link, Modify, Move, Reanimate, ReloadSchema, Step
from adpersist.state.state import State

UNIQUE = ("sAMAccountName", "userPrincipalName", "servicePrincipalName")
PRIMARY = "primaryGroupID"
NC = "DC=model"
ROOT, DELETED = Guid(b"root".ljust(16)), Guid(b"deleted".ljust(16))


class Refused(Exception):  # noqa: N818 - what a directory says, not a fault
    """The directory would not do this."""


@dataclass(slots=True)
class Node:
    """One object."""

    parent: Guid | None
    rdn: str
    values: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    links: dict[str, set[bytes]] = field(default_factory=dict)

    @property
    def deleted(self) -> bool:
        return self.values.get("isDeleted") == (b"TRUE",)


class Model:
    """A small directory of one naming context."""

    def __init__(self) -> None:
        self.nodes: dict[Guid, Node] = {ROOT: Node(None, NC), DELETED: Node(ROOT, "CN=Deleted Objects")}

    # What an administrator may do.

    def create(self, guid: Guid, parent: Guid, rdn: str, values: Mapping[str, tuple[bytes, ...]]) -> None:
        if guid in self.nodes:
            raise Refused("that objectGUID is taken, by a tombstone maybe")
        self._may_lie(guid, parent, rdn)
        self._may_have(guid, values)
        self.nodes[guid] = Node(parent, rdn, {name: found for name, found in values.items() if found})

    def move(self, guid: Guid, parent: Guid, rdn: str) -> None:
        self._alive(guid)
        self._may_lie(guid, parent, rdn)
        above: Guid | None = parent
        while above is not None:
            if above == guid:
                raise Refused("nothing lies below itself")
            above = self.nodes[above].parent
        self.nodes[guid].parent, self.nodes[guid].rdn = parent, rdn

    def modify(self, guid: Guid, values: Mapping[str, tuple[bytes, ...]]) -> None:
        self._alive(guid)
        self._may_have(guid, values)
        if PRIMARY in values:
            self._regroup(guid, values)
        merged = {**self.nodes[guid].values, **values}
        self.nodes[guid].values = {name: found for name, found in merged.items() if found}

    def _regroup(self, guid: Guid, values: Mapping[str, tuple[bytes, ...]]) -> None:
        """Whoever gets another primary group is its member no longer, and one of the group before, as Samba has it."""
        old, new = (self._group(found[PRIMARY]) for found in (self.nodes[guid].values, values))
        self.unlink(new, "member", guid)
        self.link(old, "member", guid)

    def _group(self, rid: tuple[bytes, ...]) -> Guid:
        return next(
            key
            for key, node in self.nodes.items()
            if node.values.get("objectSid", (b"",))[0][-4:] == int(rid[0]).to_bytes(4, "little")
        )

    def link(self, guid: Guid, name: str, target: Guid) -> None:
        self._alive(guid)
        self._alive(target)
        if ref(target) in self.nodes[guid].links.get(name, set()):
            raise Refused("that link is there already")
        self.nodes[guid].links.setdefault(name, set()).add(ref(target))

    def unlink(self, guid: Guid, name: str, target: Guid) -> None:
        self._alive(guid)
        if ref(target) not in self.nodes[guid].links.get(name, set()):
            raise Refused("there is no such link")
        self.nodes[guid].links[name].remove(ref(target))

    def delete(self, guid: Guid) -> None:
        self._alive(guid)
        if any(node.parent == guid for node in self.nodes.values()):
            raise Refused("it has children")
        self._nobodys_primary(guid)
        node = self.nodes[guid]
        node.parent, node.rdn = DELETED, f"{node.rdn}\\0ADEL:{guid.hex()}"
        kept = {name: found for name, found in node.values.items() if name in {"objectSid", "sAMAccountName"}}
        node.values, node.links = {**kept, "isDeleted": (b"TRUE",)}, {}
        for other in self.nodes.values():
            for refs in other.links.values():
                refs.discard(ref(guid))

    def reanimate(self, guid: Guid, parent: Guid, rdn: str) -> None:
        node = self.nodes.get(guid)
        if node is None or not node.deleted:
            raise Refused("there is no such tombstone")
        self._may_lie(guid, parent, rdn)
        values = {name: found for name, found in node.values.items() if name != "isDeleted"}
        node.parent, node.rdn, node.values = parent, rdn, values

    # The steps of a plan.

    def apply(self, step: Step) -> None:
        """Do what the step says, as an LDAP server would read it: containers by their DNs of that moment."""
        match step:
            case Create():
                values = {name: found for name, found in step.values.items() if name != "member"}
                self.create(step.guid, *self._place(step.dn), values)
                for end in step.values.get("member", ()):
                    self.link(step.guid, "member", _target(end))
            case Reanimate():
                self.reanimate(step.guid, *self._place(step.dn))
                given = {**step.values, **step.more}
                self.modify(step.guid, {name: found for name, found in given.items() if name != "member"})
                for end in given.get("member", ()):
                    self.link(step.guid, "member", _target(end))
            case Move():
                self.move(step.guid, self._find(step.parent_dn), step.rdn)
            case Modify():
                self.modify(step.guid, step.values)
            case Link():
                self._relink(step)
            case Delete(purge=True):
                self._purge(step.guid)
            case Delete():
                self.delete(step.guid)
            case ReloadSchema():
                return
            case _:
                raise AssertionError(f"this model knows no {step.op}")

    def _purge(self, guid: Guid) -> None:
        self._nobodys_primary(guid)
        self.nodes.pop(guid, None)
        for node in self.nodes.values():
            for refs in node.links.values():
                refs.discard(ref(guid))

    def _relink(self, step: Link) -> None:
        for name, refs in step.removed.items():
            for end in sorted(refs):
                self.unlink(step.guid, name, _target(end))
        for name, refs in step.added.items():
            for end in sorted(refs):
                self.link(step.guid, name, _target(end))

    # Looking.

    def state(self) -> State:
        """As a full look shows it."""
        return State(
            ObjectState(
                guid=guid,
                nc=NC,
                parent=node.parent,
                rdn=node.rdn,
                values=dict(node.values),
                links={name: frozenset(refs) for name, refs in node.links.items() if refs},
            )
            for guid, node in self.nodes.items()
        )

    def living(self) -> dict[Guid, tuple[Guid | None, str, dict[str, tuple[bytes, ...]], dict[str, set[bytes]]]]:
        """Everything of every living object, for comparison."""
        return {
            guid: (node.parent, node.rdn, node.values, {name: refs for name, refs in node.links.items() if refs})
            for guid, node in self.nodes.items()
            if not node.deleted
        }

    def account_is_free(self, guid: Guid) -> bool:
        """Nobody alive has what a tombstone still claims."""
        mine = _claims(self.nodes[guid].values)
        return not any(mine & _claims(node.values) for node in self.nodes.values() if not node.deleted)

    def copy(self) -> Model:
        other = Model()
        other.nodes = {
            guid: Node(node.parent, node.rdn, dict(node.values), {name: set(refs) for name, refs in node.links.items()})
            for guid, node in self.nodes.items()
        }
        return other

    # Rules.

    def _alive(self, guid: Guid) -> None:
        if guid not in self.nodes or self.nodes[guid].deleted:
            raise Refused("it is not there")

    def _nobodys_primary(self, guid: Guid) -> None:
        rid = self.nodes[guid].values.get("objectSid", (b"",))[0][-4:]
        numbers = (node.values[PRIMARY] for node in self.nodes.values() if PRIMARY in node.values)
        if any(int(number).to_bytes(4, "little") == rid for (number,) in numbers):
            raise Refused("it is somebody's primary group")

    def _may_lie(self, guid: Guid, parent: Guid, rdn: str) -> None:
        self._alive(parent)
        for other, node in self.nodes.items():
            if other != guid and node.parent == parent and node.rdn.casefold() == rdn.casefold():
                raise Refused(f"the name {rdn} is taken")

    def _may_have(self, guid: Guid, values: Mapping[str, tuple[bytes, ...]]) -> None:
        for name, value in _claims(values):
            if any((name, value) in _claims(node.values) for other, node in self.nodes.items()
                   if other != guid and not node.deleted):  # fmt: skip
                raise Refused(f"the {name} {value!r} is taken")

    def _place(self, dn: str) -> tuple[Guid, str]:
        rdn, _, parent = dn.partition(",")
        return self._find(parent), rdn

    def _find(self, dn: str) -> Guid:
        if dn == NC:
            return ROOT
        parent, rdn = self._place(dn)
        for guid, node in self.nodes.items():
            if node.parent == parent and node.rdn.casefold() == rdn.casefold():
                return guid
        raise Refused(f"there is no {dn}")


def _target(end: bytes) -> Guid:
    target = target_of(end)
    assert target is not None
    return target


def _claims(values: Mapping[str, tuple[bytes, ...]]) -> set[tuple[str, bytes]]:
    """Unique values an object has; an account name is also a UPN of the domain, whether written down or not."""
    claims = {(name, value.lower()) for name in UNIQUE for value in values.get(name, ())}
    return claims | {(UNIQUE[1], value.lower() + b"@model") for value in values.get(UNIQUE[0], ())}
