"""Which steps are sent to a DC together: those of which none needs another."""

import uuid

from adpersist.directory.write.pipelined_target import independent_writes
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.plan.step import Create, Delete, Link, Modify, Move, Step

A, B, C, GROUP = (Guid(uuid.UUID(int=number).bytes_le) for number in range(1, 5))


def create(guid: Guid, dn: str, **values: bytes) -> Create:
    return Create(guid=guid, dn=dn, values={name: (value,) for name, value in values.items()}, reason="")


def modify(guid: Guid, **values: bytes) -> Modify:
    return Modify(guid=guid, dn="", values={name: (value,) for name, value in values.items()}, reason="")


def sent(*steps: Step) -> int:
    return len(list(independent_writes(steps)))


def test_objects_beside_each_other_are_made_together() -> None:
    assert sent(create(A, "CN=a,DC=x"), create(B, "CN=b,DC=x"), modify(C, description=b"c")) == 3


def test_a_container_is_made_before_what_lies_in_it() -> None:
    assert sent(create(A, "OU=a,DC=x"), create(B, "CN=b,DC=x"), create(C, "CN=c,OU=a,DC=x")) == 2


def test_an_object_is_there_before_it_is_referred_to() -> None:
    assert sent(create(A, "CN=a,DC=x"), create(B, "CN=b,DC=x", manager=ref(A))) == 1
    assert sent(create(A, "CN=a,DC=x"), modify(B, managedBy=b"B:8:00000000:" + ref(A))) == 1
    link = Link(guid=GROUP, dn="", added={"member": frozenset({ref(A)})}, reason="")
    assert sent(create(A, "CN=a,DC=x"), link) == 1
    assert sent(create(B, "CN=b,DC=x"), link) == 2


def test_steps_on_one_object_wait_for_each_other() -> None:
    assert sent(modify(A, description=b"1"), modify(A, description=b"2")) == 1


def test_a_step_of_several_writes_goes_alone() -> None:
    move = Move(guid=B, dn="", parent_dn="DC=x", rdn="CN=b", reason="")
    cleared = Modify(guid=B, dn="", values={"userPrincipalName": ()}, reason="")
    for step in (move, cleared, Delete(guid=B, dn="", reason="")):
        assert sent(modify(A, description=b"1"), step, modify(C, description=b"2")) == 1
        assert sent(step) == 0
