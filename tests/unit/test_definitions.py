"""A schema allows what either state needs until the last object is what it is to be, and only then less."""

import pytest

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Delete, Exempt, Modify, Step
from adpersist.restore.plan.plan import last_steps, steps
from adpersist.state.differences import gaps
from adpersist.state.state import State

NC = "DC=model"
SCHEMA = f"CN=Schema,{NC}"
CLASS, ATTRIBUTE, SOMEBODY, STRANGER = (Guid(bytes([number]) * 16) for number in range(4))


def item(guid: Guid, nc: str, rdn: str, **values: Values) -> ObjectState:
    return ObjectState(guid=guid, nc=nc, parent=None, rdn=rdn, values=values)


def defined(kind: bytes, **values: Values) -> ObjectState:
    guid = CLASS if kind == b"classSchema" else ATTRIBUTE
    return item(guid, SCHEMA, "CN=defined", objectClass=(b"top", kind), lDAPDisplayName=(b"it",), **values)


def planned(here: ObjectState, wanted: ObjectState) -> list[Step]:
    have = State([here, item(SOMEBODY, NC, "CN=s", old=(b"1",)), item(STRANGER, NC, "CN=x")])
    want = State([wanted, item(SOMEBODY, NC, "CN=s", new=(b"2",))])
    found, contexts = list(gaps(want, have, Exempt())), (SCHEMA, NC)
    return [*steps(found, want, have, Exempt(), contexts), *last_steps(found, want, contexts)]


def told(steps: list[Step]) -> list[object]:
    """What happens to whom: the values of a definition, or somebody."""
    return [
        dict(step.values) if isinstance(step, Modify) and step.guid not in {SOMEBODY, STRANGER} else step.guid
        for step in steps
        if isinstance(step, Modify | Delete)
    ]


@pytest.mark.parametrize(
    ("kind", "name", "here", "wanted", "meanwhile"),
    [
        (b"classSchema", "mayContain", (b"old", b"both"), (b"both", b"new"), (b"both", b"new", b"old")),
        (b"classSchema", "mayContain", (b"old", b"both"), (b"both",), None),
        (b"classSchema", "auxiliaryClass", (b"old",), (), None),
        (b"classSchema", "possSuperiors", (b"container",), (b"organizationalUnit", b"container"), "wanted"),
        (b"classSchema", "mustContain", (b"old", b"both"), (b"both", b"new"), (b"both",)),
        (b"attributeSchema", "rangeUpper", (b"100",), (b"20",), None),
        (b"attributeSchema", "rangeUpper", (), (b"20",), None),
        (b"attributeSchema", "rangeUpper", (b"9",), (b"20",), "wanted"),
        (b"attributeSchema", "rangeUpper", (b"9",), (), "wanted"),
        (b"attributeSchema", "rangeLower", (b"1",), (b"2",), None),
        (b"attributeSchema", "rangeLower", (b"3",), (b"2",), "wanted"),
        (b"attributeSchema", "isSingleValued", (b"FALSE",), (b"TRUE",), None),
        (b"attributeSchema", "isDefunct", (), (b"TRUE",), None),
        (b"attributeSchema", "isDefunct", (b"TRUE",), (), "wanted"),
        (b"attributeSchema", "description", (b"one",), (b"other",), "wanted"),
    ],
)
def test_less_is_allowed_after_all_else(
    kind: bytes, name: str, here: Values, wanted: Values, meanwhile: Values | str | None
) -> None:
    found = told(planned(defined(kind, **({name: here} if here else {})), defined(kind, **{name: wanted})))
    first = wanted if isinstance(meanwhile, str) else meanwhile
    before = [{name: first}] if first is not None else []
    after = [{name: wanted}] if first != wanted else []
    assert found == [*before, SOMEBODY, STRANGER, *after]


def test_the_server_hears_of_it_both_times() -> None:
    ops = [
        step.op
        for step in planned(
            defined(b"classSchema", mayContain=(b"old",)), defined(b"classSchema", mayContain=(b"new",))
        )
    ]
    assert ops == ["modify", "reload-schema", "modify", "delete", "modify", "reload-schema"]
