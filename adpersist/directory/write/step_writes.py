"""Steps that are one write each; objects go by their objectGUID, so that a rename between two steps does no harm."""

from typing import Final

from adpersist.directory.ldap.operations import AddRequest, ModifyRequest, WriteRequest
from adpersist.directory.wire.controls import BYPASS_PASSWORD_HASH, RELAX
from adpersist.directory.wire.requests import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.plan.step import Create, Link, Modify, Step

AS_GIVEN: Final = (RELAX, BYPASS_PASSWORD_HASH)
"""Identities and hashes are taken as they are."""

CLEARED_BY_DELETE: Final = ("userPrincipalName", "dNSHostName")
"""Samba refuses to replace these by nothing."""


def single_write(step: Step) -> WriteRequest | None:
    """The one write that carries a step out; None when it takes several, or asks something in between."""
    match step:
        case Create():
            return create(step)
        case Modify() if all(step.values.get(name) != () for name in CLEARED_BY_DELETE):
            return replace_values(step)
        case Link():
            return link(step)
        case _:
            return None


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
    # removals first: a single-valued link has room for one
    for name, refs in step.removed.items():
        changes.setdefault(name, []).append((MODIFY_DELETE, tuple(sorted(refs))))
    for name, refs in step.added.items():
        changes.setdefault(name, []).append((MODIFY_ADD, tuple(sorted(refs))))
    # relaxed, the server does not make the object of a foreign principal that is named by its SID
    foreign = any(ref.startswith(b"<SID=") for refs in step.added.values() for ref in refs)
    return ModifyRequest(dn=address(step.guid), changes=changes, controls=() if foreign else AS_GIVEN)


def address(guid: Guid) -> str:
    """A name for the object that no rename changes."""
    return f"<GUID={guid_text(guid)}>"
