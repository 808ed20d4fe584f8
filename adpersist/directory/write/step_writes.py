"""Steps as writes; objects go by their objectGUID, so that a rename between two steps does no harm."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from adpersist.directory.ldap.conversation import MOST_BYTES_ASKED
from adpersist.directory.ldap.operations import AddRequest, ModifyRequest, WriteRequest
from adpersist.directory.wire.controls import BYPASS_PASSWORD_HASH, RELAX
from adpersist.directory.wire.requests import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE, Modifications
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.objects.change import Values
from adpersist.model.plan.step import Create, Link, Modify, Step

AS_GIVEN: Final = (RELAX, BYPASS_PASSWORD_HASH)
"""Identities and hashes are taken as they are."""

CLEARED_BY_DELETE: Final = ("userPrincipalName", "dNSHostName")
"""Samba refuses to replace these by nothing."""

LARGEST_BYTES: Final = MOST_BYTES_ASKED - 1024 * 1024
"""Of all values in one write: what stands around them has room beside them."""


def single_write(step: Step) -> WriteRequest | None:
    """The one write that carries a step out; None when it takes several, or asks something in between."""
    write: WriteRequest
    match step:
        case Create():
            write = create(step)
        case Modify() if all(step.values.get(name) != () for name in CLEARED_BY_DELETE):
            write = replace_values(step)
        case Link():
            write = link(step)
        case _:
            return None
    return write if _bytes_of(write) <= LARGEST_BYTES else None


def pieces(write: WriteRequest) -> Iterator[WriteRequest]:
    """The write, or several that come to the same where it is too large for one; a value is in one piece."""
    if _bytes_of(write) <= LARGEST_BYTES:
        yield write
    elif isinstance(write, AddRequest):
        room, later = LARGEST_BYTES, set[str]()
        # what a class insists on is small
        for name, values in sorted(write.attributes.items(), key=lambda each: _bytes_in(each[1])):
            room -= _bytes_in(values)
            if room < 0:
                later.add(name)
        yield replace(write, attributes={name: new for name, new in write.attributes.items() if name not in later})
        changes = {name: [(MODIFY_ADD, write.attributes[name])] for name in write.attributes if name in later}
        yield from _modifies(ModifyRequest(dn=write.dn, changes=changes, controls=write.controls))
    else:
        yield from _modifies(write)


def _modifies(write: ModifyRequest) -> Iterator[ModifyRequest]:
    changes: dict[str, list[tuple[str, Values]]] = {}
    size = 0
    for name, how, values in _cut(write.changes):
        size += _bytes_in(values)
        if changes and size > LARGEST_BYTES:
            yield replace(write, changes=changes)
            changes, size = {}, _bytes_in(values)
        changes.setdefault(name, []).append((how, values))
    yield replace(write, changes=changes)


def _cut(changes: Modifications) -> Iterator[tuple[str, str, Values]]:
    for name, orders in changes.items():
        for order, values in orders:
            how, some, size = order, list[bytes](), 0
            for value in values:
                size += len(value)
                if some and size > LARGEST_BYTES:
                    yield name, how, tuple(some)
                    how, some, size = MODIFY_ADD if how == MODIFY_REPLACE else how, [], len(value)
                some.append(value)
            yield name, how, tuple(some)


def _bytes_of(write: WriteRequest) -> int:
    if isinstance(write, AddRequest):
        return sum(map(_bytes_in, write.attributes.values()))
    return sum(_bytes_in(values) for orders in write.changes.values() for _, values in orders)


def _bytes_in(values: Sequence[bytes]) -> int:
    return sum(map(len, values))


def create(step: Create) -> AddRequest:
    """Make the object, under its old objectGUID."""
    return AddRequest(dn=step.dn, attributes={"objectGUID": (bytes(step.guid),), **step.values}, controls=AS_GIVEN)


def replace_values(step: Modify) -> ModifyRequest:
    """Set and clear attributes."""
    changes = {name: [(MODIFY_REPLACE, new)] for name, new in step.values.items()}
    return ModifyRequest(dn=address(step.guid), changes=changes, controls=(RELAX,) if step.plain else AS_GIVEN)


def link(step: Link) -> ModifyRequest:
    """Add and remove link values."""
    changes: dict[str, list[tuple[str, tuple[bytes, ...]]]] = {}
    # removals first, as replication sends them
    for name, refs in step.removed.items():
        if name not in step.only:
            changes.setdefault(name, []).append((MODIFY_DELETE, tuple(sorted(refs))))
    for name, refs in step.added.items():
        order = MODIFY_REPLACE if name in step.only else MODIFY_ADD
        changes.setdefault(name, []).append((order, tuple(sorted(refs))))
    # relaxed, the server does not make the object of a foreign principal that is named by its SID
    foreign = any(ref.startswith(b"<SID=") for refs in step.added.values() for ref in refs)
    return ModifyRequest(dn=address(step.guid), changes=changes, controls=() if foreign else AS_GIVEN)


def address(guid: Guid) -> str:
    """A name for the object that no rename changes."""
    return f"<GUID={guid_text(guid)}>"
