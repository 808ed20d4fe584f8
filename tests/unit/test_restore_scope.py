"""A part of the directory comes back to where its surroundings are now, and takes nothing else with it."""

from collections.abc import Mapping
from dataclasses import replace

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Exempt
from adpersist.restore.plan.collisions import needed
from adpersist.restore.plan.limitations import Limitation
from adpersist.restore.plan.scope import RestoreScope
from adpersist.state.differences import Gap, gaps
from adpersist.state.state import State

NC = "DC=model"
ROOT, OFFICE, ANNEX, ADA, CREW, HALL, BERT = (Guid(bytes([number]) * 16) for number in range(7))
_DELETED = {"isDeleted": (b"TRUE",)}


def _object(guid: Guid, parent: Guid | None, rdn: str, *members: Guid) -> ObjectState:
    links = {"member": frozenset(map(ref, members))} if members else {}
    return ObjectState(guid=guid, nc=NC, parent=parent, rdn=rdn, links=links)


def _tombstone(item: ObjectState) -> ObjectState:
    return replace(item, rdn=f"{item.rdn}\\0ADEL:{item.guid.hex()}", values=_DELETED)


DOMAIN = _object(ROOT, None, NC)
OF_OFFICE, OF_ANNEX = _object(OFFICE, ROOT, "OU=Office"), _object(ANNEX, OFFICE, "OU=Annex")
OF_ADA, OF_CREW = _object(ADA, ANNEX, "CN=ada"), _object(CREW, ROOT, "CN=crew", ADA, BERT)
OF_HALL, OF_BERT = _object(HALL, ROOT, "OU=Hall"), _object(BERT, ROOT, "CN=bert")
THEN = State([DOMAIN, OF_OFFICE, OF_ANNEX, OF_ADA, OF_CREW, OF_BERT])
ONLY_ADA = RestoreScope(roots=frozenset({ADA}))


def _part(scope: RestoreScope, have: State) -> tuple[list[Gap], list[Limitation], State]:
    want = scope.in_place(THEN, have)
    found, notes = scope.narrow(gaps(want, have, Exempt()), want, have)
    return found, notes, want


def test_what_comes_back_goes_below_its_container_wherever_that_is_by_now() -> None:
    moved = replace(OF_ANNEX, parent=HALL, rdn="OU=Former Annex")
    have = State([DOMAIN, _tombstone(OF_OFFICE), moved, OF_HALL, _tombstone(OF_ADA), OF_CREW, OF_BERT])
    found, _, want = _part(ONLY_ADA, have)
    assert {gap.guid for gap in found} == {ADA, CREW}, "and no office with it"
    assert want.dn(ADA) == "CN=ada,OU=Former Annex,OU=Hall,DC=model"


def test_containers_that_are_gone_come_with_it_up_to_one_that_lives() -> None:
    have = State([DOMAIN, replace(OF_OFFICE, rdn="OU=HQ"), _tombstone(OF_ANNEX), _tombstone(OF_ADA), OF_CREW, OF_BERT])
    found, _, want = _part(ONLY_ADA, have)
    assert {gap.guid for gap in found} == {ANNEX, ADA, CREW}
    assert want.dn(ADA) == "CN=ada,OU=Annex,OU=HQ,DC=model"


def test_a_container_that_came_back_first_is_still_to_be_what_it_was() -> None:
    began = ONLY_ADA.begun(THEN, State([DOMAIN, OF_OFFICE, _tombstone(OF_ANNEX), _tombstone(OF_ADA), OF_CREW, OF_BERT]))
    bare = replace(OF_ANNEX, values={"description": (b"left over",)})
    found, _, _ = _part(began, State([DOMAIN, OF_OFFICE, bare, OF_ADA, OF_CREW, OF_BERT]))
    assert [(gap.guid, dict(gap.values)) for gap in found] == [(ANNEX, {"description": ()})]


def test_where_one_attribute_goes_back_nothing_is_moved_but_by_its_name() -> None:
    have = State([DOMAIN, OF_OFFICE, OF_ANNEX, replace(OF_ADA, parent=OFFICE), OF_CREW, OF_BERT])
    assert _part(replace(ONLY_ADA, attribute="mail"), have)[2].dn(ADA) == "CN=ada,OU=Office,DC=model"
    assert _part(replace(ONLY_ADA, attribute="name"), have)[2].dn(ADA) == "CN=ada,OU=Annex,OU=Office,DC=model"


def test_nobody_is_a_member_of_a_group_that_there_was_not_yet() -> None:
    later = _object(HALL, ROOT, "CN=later", ADA, BERT)
    have = State([DOMAIN, OF_OFFICE, OF_ANNEX, OF_ADA, OF_CREW, OF_BERT, later])
    (gap,), _, want = _part(ONLY_ADA, have)
    assert (gap.guid, gap.removed, gap.is_live, gap.wanted_live) == (
        HALL,
        {"member": frozenset({ref(ADA)})},
        True,
        True,
    )
    assert want.dn(HALL) == "CN=later,DC=model"
    assert _part(replace(ONLY_ADA, attribute="mail"), have)[0] == []


def test_members_who_are_gone_and_no_part_of_it_are_told() -> None:
    have = State([DOMAIN, OF_OFFICE, OF_ANNEX, _tombstone(OF_ADA), _object(CREW, ROOT, "CN=crew"), OF_BERT])
    (gap,), (note,), _ = _part(RestoreScope(roots=frozenset({CREW})), have)
    assert gap.added == {"member": frozenset({ref(BERT)})}
    assert (note.guid, note.what) == (CREW, "member lacks 1 link to what is deleted and no part of this")
    assert _part(RestoreScope(roots=frozenset({CREW, ADA})), have)[1] == []


def test_of_references_to_some_who_are_gone_the_others_come_back() -> None:
    def crew(values: Mapping[str, Values]) -> ObjectState:
        return replace(_object(CREW, ROOT, "CN=crew"), values=values)

    both, labelled = (ref(ADA), ref(BERT)), (ref(ADA, b"B:2:00:"), ref(BERT, b"B:2:01:"))
    want = State([*THEN.values(), crew({"seeAlso": both, "places": labelled})])
    scope = RestoreScope(roots=frozenset({CREW}))

    def left(values: Mapping[str, Values]) -> tuple[dict[str, Values], int]:
        have = State([DOMAIN, OF_OFFICE, OF_ANNEX, _tombstone(OF_ADA), OF_BERT, crew(values)])
        found, notes = scope.narrow(gaps(want, have, Exempt()), want, have)
        return {name: value for gap in found for name, value in gap.values.items()}, len(notes)

    assert left({}) == ({"seeAlso": (ref(BERT),)}, 2), "a label may be somebody else's by now"
    assert left({"seeAlso": (ref(BERT),)}) == ({}, 2)


def test_a_text_that_looks_like_a_reference_is_none() -> None:
    text = {"description": (ref(ADA),)}
    want = State([*THEN.values(), replace(_object(CREW, ROOT, "CN=crew"), values=text)])
    have = State([DOMAIN, OF_OFFICE, OF_ANNEX, _tombstone(OF_ADA), OF_BERT, _object(CREW, ROOT, "CN=crew")])
    scope, texts = RestoreScope(roots=frozenset({CREW})), frozenset({"description"})
    for wanted, had in ((want, have), (have, want)):
        open_gaps = gaps(wanted, had, Exempt(without_references=texts))
        (gap,), notes = scope.narrow(open_gaps, wanted, had, without_references=texts)
        assert gap.values == (text if wanted is want else {"description": ()})
        assert notes == []


def test_what_somebody_lives_in_who_is_no_part_of_it_cannot_go() -> None:
    child, grandchild = _object(Guid(b"\x11" * 16), HALL, "CN=desk"), _object(Guid(b"\x12" * 16), HALL, "CN=chair")
    have = State([*THEN.values(), OF_HALL, child, replace(grandchild, parent=child.guid)])
    alone, _, _ = _part(RestoreScope(roots=frozenset({HALL, child.guid})), have)
    assert needed(alone, have).keys() == {HALL, child.guid}
    whole, _, _ = _part(RestoreScope(roots=frozenset({HALL}), below=True), have)
    assert len(whole) == 3
    assert needed(whole, have) == {}


def test_a_primary_group_of_somebody_who_is_no_part_of_it_cannot_go_nor_what_it_lies_in() -> None:
    sid = b"domain" + (1104).to_bytes(4, "little")
    group = replace(_object(Guid(b"\x11" * 16), HALL, "CN=staff"), values={"objectSid": (sid,), "groupType": (b"2",)})
    bert = replace(OF_BERT, values={"objectSid": (b"domain1105",), "primaryGroupID": (b"1104",)})
    have = State([*THEN.values(), OF_HALL, group, bert])
    found, _, _ = _part(RestoreScope(roots=frozenset({HALL}), below=True), have)
    assert needed(found, have).keys() == {HALL, group.guid}
    assert "the primary group of 1 who" in needed(found, have)[group.guid]
    with_bert, _, _ = _part(RestoreScope(roots=frozenset({HALL, BERT}), below=True), have)
    assert needed(with_bert, have) == {}
