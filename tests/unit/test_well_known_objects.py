"""The container of deleted objects says of itself that it is deleted, and is meant all the same by wellKnownObjects."""

import pytest

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Exempt
from adpersist.restore.plan.scope import RestoreScope
from adpersist.state.differences import gaps
from adpersist.state.state import State

NC = "DC=model"
ROOT, BIN, COMPUTERS, OFFICE, GONE = (Guid(bytes([number]) * 16) for number in range(5))
_GONE = "CN=gone\\0ADEL:04040404-0404-0404-0404-040404040404"


def directory(*known: Guid) -> State:
    """A domain whose well-known objects these are."""
    names = tuple(b"B:4:%04X:%s" % (number, ref(guid)) for number, guid in enumerate(known))
    root = ObjectState(guid=ROOT, nc=NC, parent=None, rdn=NC, values={"wellKnownObjects": names})
    deleted = {"isDeleted": (b"TRUE",)}
    others = [
        ObjectState(guid=BIN, nc=NC, parent=ROOT, rdn="CN=Deleted Objects", values=deleted),
        ObjectState(guid=COMPUTERS, nc=NC, parent=ROOT, rdn="CN=Computers"),
        ObjectState(guid=OFFICE, nc=NC, parent=ROOT, rdn="OU=Office"),
        ObjectState(guid=GONE, nc=NC, parent=BIN, rdn=_GONE, values=deleted),
    ]
    return State([root, *others])


@pytest.mark.parametrize("scope", [RestoreScope(), RestoreScope(roots=frozenset({ROOT}))])
def test_computers_that_go_elsewhere_take_the_bin_from_nobody(scope: RestoreScope) -> None:
    want, have = directory(BIN, COMPUTERS), directory(BIN, OFFICE)
    (gap,), _ = scope.narrow(gaps(want, have, Exempt()), want, have)
    assert gap.values == {"wellKnownObjects": want[ROOT].values["wellKnownObjects"]}


def test_a_bin_that_is_named_no_more_is_missed() -> None:
    assert list(gaps(directory(BIN, COMPUTERS), directory(COMPUTERS), Exempt()))


def test_what_is_deleted_can_be_meant_by_nobody() -> None:
    assert not list(gaps(directory(COMPUTERS, GONE), directory(COMPUTERS), Exempt()))
