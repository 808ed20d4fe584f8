"""A link with room for one value: what it is to have takes the place of whatever it has, seen or not."""

import pytest

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.link_values import Links
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Exempt, Link
from adpersist.restore.plan.plan import steps
from adpersist.state.differences import gaps
from adpersist.state.state import State

NC = "DC=model"
HOLDER, WANTED, OTHER = (Guid(bytes([number]) * 16) for number in range(3))
EXEMPT = Exempt(single_links=frozenset({"manager"}))


def somebody(guid: Guid, links: Links | None = None, *, deleted: bool = False) -> ObjectState:
    values = {"isDeleted": (b"TRUE",)} if deleted else {}
    return ObjectState(guid=guid, nc=NC, parent=None, rdn=f"CN={guid[0]}", values=values, links=links or {})


@pytest.mark.parametrize("deleted", [True, False], ids=["somebody deleted", "somebody who is to be deleted"])
@pytest.mark.parametrize("name", ["manager", "member"])
def test_it_is_set_and_not_added_to(name: str, deleted: bool) -> None:
    there: Links = {name: frozenset({ref(OTHER)})}
    due: Links = {name: frozenset({ref(WANTED)})}
    have = State([somebody(HOLDER, there), somebody(WANTED), somebody(OTHER, deleted=deleted)])
    want = State([somebody(HOLDER, due), somebody(WANTED)])
    found = steps(gaps(want, have, EXEMPT), want, have, EXEMPT, (f"CN=Schema,{NC}", NC))
    (step,) = (each for each in found if isinstance(each, Link))
    assert step.added == due
    assert step.only == EXEMPT.single_links & {name}
