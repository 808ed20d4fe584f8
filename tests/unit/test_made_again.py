"""Definitions that were lost and made again: each is known again, and none comes that would make two of one name."""

from __future__ import annotations

import hashlib

import pytest

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import LinkStamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.plan.identities.made_again import made_again
from adpersist.restore.plan.identities.renumbering import with_other_guids
from adpersist.state.state import State

NC = "CN=Schema,DC=model"


def guid(name: str) -> Guid:
    return Guid(hashlib.sha256(name.encode()).digest()[:16])


def attribute(key: str, oid: str, name: str) -> ObjectState:
    values = {"objectClass": (b"top", b"attributeSchema"), "attributeID": (oid.encode(),)}
    values["lDAPDisplayName"] = (name.encode(),)
    return ObjectState(guid=guid(key), nc=NC, parent=None, rdn=f"CN={key}", values=values)


def defined_class(key: str, oid: str, name: str) -> ObjectState:
    values = {
        "objectClass": (b"top", b"classSchema"),
        "governsID": (oid.encode(),),
        "lDAPDisplayName": (name.encode(),),
    }
    return ObjectState(guid=guid(key), nc=NC, parent=None, rdn=f"CN={key}", values=values)


OLD = attribute("old", "1.0", "old")


def test_a_definition_is_known_again_by_its_oid_then_by_its_name() -> None:
    want = State(
        [OLD, attribute("lost", "1.1", "one"), attribute("other", "1.2", "two"), defined_class("c", "1.9", "cls")]
    )
    have = State(
        [OLD, attribute("there", "1.1", "uno"), attribute("then", "1.3", "Two"), defined_class("k", "1.9", "cls")]
    )
    found = made_again(want, have)
    assert found.now == {guid("lost"): guid("there"), guid("other"): guid("then"), guid("c"): guid("k")}
    assert not found.clashing


@pytest.mark.parametrize("there", [OLD, attribute("new", "1.7", "seven"), defined_class("k", "1.1", "else")])
def test_what_is_like_no_other_is_lost_and_comes_back(there: ObjectState) -> None:
    found = made_again(State([OLD, attribute("lost", "1.1", "one")]), State([OLD, there]))
    assert not found.now and not found.clashing


def test_what_would_be_the_second_of_its_name_stays_away() -> None:
    lost = [attribute("one", "1.1", "one"), attribute("two", "1.2", "two"), defined_class("three", "1.3", "two")]
    found = made_again(State([OLD, *lost]), State([OLD, attribute("there", "1.1", "two")]))
    assert found.now == {guid("one"): guid("there")}
    assert found.clashing == {guid("two"), guid("three")}


def test_links_to_what_was_made_again_keep_their_stamps() -> None:
    stamp = LinkStamp(version=1, time=2, origin=guid("dc"), usn=Usn(3), present=True)
    links = {"source": frozenset({ref(guid("lost"))})}
    claim = ObjectState(
        guid=guid("claim"),
        nc=NC,
        parent=None,
        rdn="CN=claim",
        links=links,
        link_stamps={"source": {ref(guid("lost")): stamp}},
    )
    now = with_other_guids(State([claim]), {guid("lost"): guid("there")})[claim.guid]
    assert now.links["source"] == {ref(guid("there"))}
    assert dict(now.link_stamps["source"]) == {ref(guid("there")): stamp}
