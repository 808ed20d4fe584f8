"""Carries out the steps of a plan on a DC, over the privileged socket."""

import secrets
from typing import assert_never

from adpersist.directory.session import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE, Session
from adpersist.directory.wire.controls import BYPASS_PASSWORD_HASH, RELAX, SHOW_RECYCLED
from adpersist.errors import NoSuchEntryError
from adpersist.model.ids import Guid, guid_text
from adpersist.model.step import Create, Delete, Link, Modify, Move, Reanimate, ReloadSchema, Scramble, Step

_CONTROLS = (RELAX, BYPASS_PASSWORD_HASH)


class Target:
    """Writes to one DC; objects are addressed by objectGUID, so that a rename between two steps does no harm."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def apply(self, step: Step) -> None:
        """Carry out one step.

        Raises:
            WriteRefusedError: The DC refused it; nothing of it was done.
            NoSuchEntryError: The object, or a container it needs, is not there.
            DirectoryUnreachableError: The DC went away; the step was done or not done, and may be repeated.
        """
        match step:
            case Create():
                values = {"objectGUID": (bytes(step.guid),), **step.values}
                self._session.add(step.dn, values, _CONTROLS)
            case Reanimate():
                self._session.modify(
                    _address(step.guid),
                    {
                        "isDeleted": [(MODIFY_DELETE, ())],
                        "distinguishedName": [(MODIFY_REPLACE, (step.dn.encode(),))],
                    },
                    (*_CONTROLS, SHOW_RECYCLED),
                )
            case Move():
                self._session.rename(_address(step.guid), step.rdn, step.parent_dn, _CONTROLS)
            case Modify():
                changes = {name: [(MODIFY_REPLACE, values)] for name, values in step.values.items()}
                self._session.modify(_address(step.guid), changes, (RELAX,) if step.plain else _CONTROLS)
            case Link():
                self._link(step)
            case Delete():
                self._delete(step)
            case Scramble():
                # a mixture of character classes, longer than any policy asks for
                password = f'"{secrets.token_urlsafe(96)}aA1."'.encode("utf-16-le")
                self._session.modify(_address(step.guid), {"unicodePwd": [(MODIFY_REPLACE, (password,))]}, (RELAX,))
            case ReloadSchema():
                # an operation on the rootDSE, [MS-ADTS] 3.1.1.3.3.13
                self._session.modify("", {"schemaUpdateNow": [(MODIFY_ADD, (b"1",))]})
            case _:
                assert_never(step)

    def _link(self, step: Link) -> None:
        changes: dict[str, list[tuple[str, tuple[bytes, ...]]]] = {}
        # removals first: a single-valued link has room for one
        for name, refs in step.removed.items():
            changes.setdefault(name, []).append((MODIFY_DELETE, tuple(sorted(refs))))
        for name, refs in step.added.items():
            changes.setdefault(name, []).append((MODIFY_ADD, tuple(sorted(refs))))
        self._session.modify(_address(step.guid), changes, _CONTROLS)

    def _delete(self, step: Delete) -> None:
        # to SYSTEM, deleting a tombstone removes it for good
        for controls in ((RELAX,), (RELAX, SHOW_RECYCLED))[: 2 if step.purge else 1]:
            try:
                self._session.delete(_address(step.guid), controls)
            except NoSuchEntryError:
                continue  # gone already: what was wanted


def _address(guid: Guid) -> str:
    return f"<GUID={guid_text(guid)}>"
