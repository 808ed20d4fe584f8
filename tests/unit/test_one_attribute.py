"""A restore that is limited to what nobody can write, or to a word that is none, says so; it would prove nothing."""

from dataclasses import replace

import pytest

from adpersist.directory.schema import Attribute, Schema
from adpersist.errors import ConfigError
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.one_attribute import require_living, require_no_name, require_told
from adpersist.state.state import State


def attribute(name: str, link_id: int = 0, *, replicated: bool = True) -> Attribute:
    return Attribute(
        name=name, attid=None, is_reference=False, link_id=link_id, single_valued=False, replicated=replicated
    )


SCHEMA = Schema(
    [
        attribute("description"),
        attribute("member", 2),
        attribute("memberOf", 3),
        attribute("orphanBL", 5),
        attribute("logonCount", replicated=False),
    ]
)


def defined(number: int, **values: Values) -> ObjectState:
    return ObjectState(guid=Guid(bytes([number]) * 16), nc="DC=x", parent=None, rdn=f"CN={number}", values=values)


STATE = State(
    [
        defined(2, objectClass=(b"attributeSchema",), lDAPDisplayName=(b"bygone",)),
    ]
)


@pytest.mark.parametrize("name", ["description", "DESCRIPTION", "Member", "bygone", "name", "distinguishedName"])
def test_what_is_written_can_be_meant(name: str) -> None:
    require_told(name, SCHEMA, STATE)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("typo", "no attribute"),
        ("*", "no attribute"),
        ("description,title", "no attribute"),
        ("MEMBEROF", "memberOf is not written: the directory makes it of member of"),
        ("orphanBL", "makes it of links of"),
        ("logoncount", "logonCount is in no journal"),
    ],
)
def test_what_no_feed_tells_of_cannot(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        require_told(name, SCHEMA, STATE)
    assert refused.value.hint


def test_a_name_that_is_held_once_more_cannot_be_meant_and_the_same_attribute_of_others_can() -> None:
    """A person has a city, whatever a locality is named by."""
    person, city = defined(3, l=(b"Paris",)), replace(defined(4), rdn="L=Paris")
    for states in ([[person]], [[city, person]], [[city], [city, person]], [[replace(person, values={})]]):
        require_no_name("l", states)
    for states in ([[city], [city]], [[person, city]]):
        with pytest.raises(ConfigError, match="in no journal of who is named by it") as refused:
            require_no_name("cn" if person in states[0] else "l", states)
        assert refused.value.hint


@pytest.mark.parametrize(("there", "here", "why"), [(False, True, "at that point"), (True, False, "on the domain")])
def test_who_is_not_on_both_sides_has_none(there: bool, here: bool, why: str) -> None:
    require_living("ada", there=True, here=True)
    with pytest.raises(ConfigError, match=f"ada does not live {why}") as refused:
        require_living("ada", there=there, here=here)
    assert refused.value.hint
