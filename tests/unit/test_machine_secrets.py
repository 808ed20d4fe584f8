"""Going back in time, a machine keeps the password it knows; one that has none by now gets the one it had."""

import pytest

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Exempt
from adpersist.restore.plan.machines.machine_secrets import without_machine_secrets
from adpersist.state.differences import gaps
from adpersist.state.state import State

WANTED: dict[str, Values] = {"unicodePwd": (b"old",), "pwdLastSet": (b"1",), "description": (b"old",)}


def computer(values: dict[str, Values]) -> State:
    one = Guid(bytes(16))
    known = {"objectClass": (b"top", b"computer"), **values}
    return State([ObjectState(guid=one, nc="DC=model", parent=None, rdn="CN=ws1", values=known)])


@pytest.mark.parametrize(
    ("here", "given"),
    [
        ({"unicodePwd": (b"new",), "pwdLastSet": (b"2",)}, {"description"}),
        # the first round brought it back to life, and the DC refused the rest
        ({"pwdLastSet": (b"0",)}, {"description", "unicodePwd", "pwdLastSet"}),
        ({"isDeleted": (b"TRUE",)}, {"description", "unicodePwd", "pwdLastSet", "isDeleted"}),
    ],
)
def test_only_a_password_that_is_there_is_kept(here: dict[str, Values], given: set[str]) -> None:
    want, have = computer(WANTED), computer(here)
    (gap,), notes = without_machine_secrets(gaps(want, have, Exempt()), want)
    assert gap.values.keys() == given
    assert bool(notes) is ("unicodePwd" not in given)
