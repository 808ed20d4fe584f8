"""Carries out the steps of a plan on a DC."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol, assert_never

from adpersist.directory.ldap.operations import REFUSALS, AddRequest, DirectoryWrites, WriteRequest, WriteResult
from adpersist.directory.wire.controls import DBCHECK, RELAX, SHOW_RECYCLED
from adpersist.directory.wire.requests import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE, Modifications
from adpersist.directory.write.step_writes import (
    AS_GIVEN,
    CLEARED_BY_DELETE,
    address,
    create,
    link,
    pieces,
    replace_values,
)
from adpersist.errors import NoSuchEntryError, WriteRefusedError
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.plan.step import (
    Create,
    Delete,
    EnableFeature,
    Link,
    Modify,
    Move,
    Reanimate,
    ReloadSchema,
    Scramble,
    Step,
)

_OPERATIONS_ERROR: Final = 1
_NO_SUCH_ATTRIBUTE: Final = 16
"""operationsError and noSuchAttribute, [RFC4511] 4.1.9."""

_MAY_BE_RENAMED: Final = b"1073741824"
"""systemFlags: FLAG_CONFIG_ALLOW_RENAME alone, [MS-ADTS] 2.2.10; outside of the configuration it means nothing."""

_NOT_RECYCLED: Final[Modifications] = {"isRecycled": [(MODIFY_REPLACE, (b"FALSE",))]}
"""A recycled object that Samba finds when it is about to work on it."""


class Target(Protocol):
    """What steps are carried out on.

    Adapters: :class:`SerialTarget`, and those in :mod:`~adpersist.directory.write.pipelined_target` and
    :mod:`~adpersist.directory.write.transactional_target`.
    """

    def apply(self, steps: Sequence[Step]) -> Iterator[WriteResult]:
        """Carry out steps in order; a verdict for each, in order.

        Nothing that needs a refused step is begun before its verdict was taken: the caller may put another in its
        place.

        Raises:
            DirectoryUnreachableError: The DC went away; steps without a verdict were done or not done, and may be
                repeated.
        """


class SerialTarget:
    """Every step by itself. Implements :class:`Target`."""

    def __init__(self, writes: DirectoryWrites) -> None:
        self._carrier = StepExecutor(writes)

    def apply(self, steps: Sequence[Step]) -> Iterator[WriteResult]:
        for step in steps:
            yield self._carrier.attempt(step)


class StepExecutor:
    """Steps as writes; objects are addressed by objectGUID, so that a rename between two steps does no harm."""

    def __init__(self, writes: DirectoryWrites) -> None:
        self._writes = writes

    def attempt(self, step: Step) -> WriteResult:
        """Carry out one step, or tell why not."""
        try:
            self.carry_out(step)
        except REFUSALS as error:
            return error
        return None

    def carry_out(self, step: Step) -> None:
        """Carry out one step.

        Raises:
            WriteRefusedError: The DC refused it; nothing of it was done, or, where it is too large for one write, its
                first pieces.
            NoSuchEntryError: The object, or a container it needs, is not there.
            DirectoryUnreachableError: The DC went away; the step was done or not done, and may be repeated.
        """
        match step:
            case Create():
                self._do(create(step))
            case Link():
                self._do(link(step))
            case Reanimate():
                self._reanimate(step)
            case Move():
                self._writes.rename(address(step.guid), step.rdn, step.parent_dn, AS_GIVEN)
            case Modify():
                self._modify(step)
            case Delete():
                self._delete(step)
            case Scramble():
                # a mixture of character classes, longer than any policy asks for
                password = f'"{secrets.token_urlsafe(96)}aA1."'.encode("utf-16-le")
                self._writes.modify(address(step.guid), {"unicodePwd": [(MODIFY_REPLACE, (password,))]}, (RELAX,))
            case EnableFeature():
                feature = f"{step.dn}:{guid_text(step.feature)}".encode()
                self._writes.modify("", {"enableOptionalFeature": [(MODIFY_ADD, (feature,))]})
            case ReloadSchema():
                # an operation on the rootDSE, [MS-ADTS] 3.1.1.3.3.13
                self._writes.modify("", {"schemaUpdateNow": [(MODIFY_ADD, (b"1",))]})
            case _:
                assert_never(step)

    def _do(self, whole: WriteRequest) -> None:
        for write in pieces(whole):
            if isinstance(write, AddRequest):
                self._writes.add(write.dn, write.attributes, write.controls)
            else:
                self._writes.modify(write.dn, write.changes, write.controls)

    def _modify(self, step: Modify) -> None:
        cleared = [name for name in CLEARED_BY_DELETE if step.values.get(name) == ()]
        for name in cleared:
            self._clear(step.guid, name)
        if rest := {name: new for name, new in step.values.items() if name not in cleared}:
            self._do(replace_values(replace(step, values=rest)))

    def _clear(self, guid: Guid, name: str) -> None:
        try:
            self._writes.modify(address(guid), {name: [(MODIFY_DELETE, ())]}, AS_GIVEN)
        except WriteRefusedError as error:
            if error.result != _NO_SUCH_ATTRIBUTE:
                raise

    def _reanimate(self, step: Reanimate) -> None:
        living: Modifications = {
            "isDeleted": [(MODIFY_DELETE, ())],
            "distinguishedName": [(MODIFY_REPLACE, (step.dn.encode(),))],
            **{name: [(MODIFY_REPLACE, values)] for name, values in {**step.values, **step.more}.items()},
        }
        try:
            self._writes.modify(address(step.guid), living, (RELAX, SHOW_RECYCLED))
        except WriteRefusedError as error:
            if error.result not in (_NO_SUCH_ATTRIBUTE, _OPERATIONS_ERROR):
                raise
            if error.result == _NO_SUCH_ATTRIBUTE:
                # where the Recycle Bin is on, Samba 4.17 stumbles over what a deleted object kept
                self._writes.delete(address(step.guid), (RELAX, SHOW_RECYCLED))
            # and does not find recycled ones, nor takes "isRecycled" away where there is none
            flags: Modifications = {"systemFlags": [(MODIFY_REPLACE, (_MAY_BE_RENAMED,))]} if step.fixed else {}
            self._writes.modify(address(step.guid), {**_NOT_RECYCLED, **flags}, (RELAX, SHOW_RECYCLED))
            self._writes.modify(address(step.guid), living, (RELAX, SHOW_RECYCLED))

    def _delete(self, step: Delete) -> None:
        with suppress(NoSuchEntryError):  # gone already: what was wanted
            self._writes.delete(address(step.guid), (RELAX, SHOW_RECYCLED) if step.purge else (RELAX,))
            if step.purge:
                # to SYSTEM, deleting a tombstone removes it for good
                self._writes.delete(address(step.guid), (RELAX, SHOW_RECYCLED))
        if step.purge:
            self._remove_recycled(step.guid)

    def _remove_recycled(self, guid: Guid) -> None:
        """Where the Recycle Bin is on, Samba deletes no recycled object, which goes on holding its SID and its GUID."""
        with suppress(NoSuchEntryError):  # as where it is off
            self._writes.modify(address(guid), _NOT_RECYCLED, (RELAX, SHOW_RECYCLED))
            self._writes.delete(address(guid), (RELAX, SHOW_RECYCLED, DBCHECK))
