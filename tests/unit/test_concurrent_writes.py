"""Whose a difference is that arises while a restore is under way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Link, Modify, Move
from adpersist.restore.conflicts.concurrent_writes import ConcurrentWrites
from adpersist.state.differences import Gap

CREW, ADA, BERT = (Guid(bytes([number]) * 16) for number in (1, 2, 3))


def item(guid: Guid, **values: bytes) -> ObjectState:
    named = {name: (value,) for name, value in values.items()}
    return ObjectState(guid=guid, nc="DC=corp", parent=None, rdn="CN=x", values=named)


def member_gap(*, lacks: Guid | None = None, has: Guid | None = None) -> Gap:
    added = {} if lacks is None else {"member": frozenset({ref(lacks)})}
    removed = {} if has is None else {"member": frozenset({ref(has)})}
    return Gap(guid=CREW, want=item(CREW), have=item(CREW), added=added, removed=removed)


def begun(*found: Gap) -> ConcurrentWrites:
    writes = ConcurrentWrites(touched=False)
    assert writes.arisen(found) == (list(found), [])
    return writes


def test_what_was_there_at_the_look_before_is_nobodys() -> None:
    writes = begun(member_gap(lacks=ADA))
    assert writes.arisen([member_gap(lacks=ADA)]) == ([], [])


@pytest.mark.parametrize("changed", [member_gap(lacks=ADA), member_gap(has=ADA)])
def test_a_link_of_a_group_that_was_written_to_before_is_somebodys(changed: Gap) -> None:
    writes = begun()
    writes.wrote([CREW])
    assert writes.arisen([]) == ([], [])
    assert writes.arisen([changed]) == ([changed], [])


def test_what_is_tried_just_now_is_ours_and_so_are_links_to_it() -> None:
    writes = begun()
    writes.wrote([ADA])
    found = [Gap(guid=ADA, want=item(ADA, mail=b"a"), have=item(ADA), values={"mail": (b"a",)}), member_gap(lacks=ADA)]
    (crew,) = writes.arisen(found).elsewhere
    assert (crew.guid, crew.added) == (CREW, {})


@pytest.mark.parametrize(
    ("rdn", "is_judged"), [("CN=y", True), ("CN=x\\0ACNF:01010101-0101-0101-0101-010101010101", False)]
)
def test_what_was_received_is_judged_by_its_stamps_but_a_name_of_a_conflict_is_the_servers(
    rdn: str, is_judged: bool
) -> None:
    writes = begun()
    writes.wrote([BERT])
    writes.gave([ADA, BERT])
    found = [
        Gap(
            guid=guid,
            want=item(guid, mail=b"a"),
            have=replace(item(guid), rdn=rdn),
            values={"mail": (b"a",)},
            moved=True,
        )
        for guid in (ADA, BERT)
    ]
    elsewhere, (given,) = writes.arisen(found)
    assert elsewhere == []
    assert (given.guid, given.values, given.moved) == (ADA, {"mail": (b"a",)}, is_judged)


@pytest.mark.parametrize("is_begun", [False, True])
def test_what_was_received_and_differs_as_before_is_judged_unless_a_killed_run_may_have_left_it(is_begun: bool) -> None:
    writes = ConcurrentWrites(touched=is_begun)
    writes.arisen([member_gap(lacks=ADA)])
    writes.gave([CREW])
    given = writes.arisen([member_gap(lacks=ADA)]).given
    assert [gap.added for gap in given] == ([] if is_begun else [{"member": frozenset({ref(ADA)})}])


def test_beside_a_link_of_ours_another_of_the_same_group_is_somebodys() -> None:
    writes = begun(member_gap(lacks=ADA))
    writes.tried([Link(guid=CREW, dn="CN=crew", added={"member": frozenset({ref(ADA)})}, reason="lacks")])
    ours, theirs = frozenset({ref(ADA)}), frozenset({ref(BERT)})
    found = Gap(
        guid=CREW,
        want=item(CREW, mail=b"a"),
        have=item(CREW, mail=b"b"),
        values={"mail": (b"a",)},
        added={"member": ours},
        removed={"member": theirs},
    )
    (rest,) = writes.arisen([found]).elsewhere
    assert (rest.added, rest.removed, rest.values) == ({}, {"member": theirs}, {"mail": (b"a",)})


def test_beside_a_move_of_ours_where_it_lies_is_nobodys_and_a_value_is_somebodys() -> None:
    writes = begun()
    writes.tried([Move(guid=ADA, dn="CN=a", parent_dn="DC=corp", rdn="CN=x", reason="moved")])
    (rest,) = writes.arisen([Gap(guid=ADA, want=item(ADA), have=item(ADA), values={"mail": ()}, moved=True)]).elsewhere
    assert (rest.values, rest.moved) == ({"mail": ()}, False)
    writes.tried([Move(guid=ADA, dn="CN=a", parent_dn="DC=corp", rdn="CN=x", reason="moved")])
    writes.tried([Modify(guid=ADA, dn="CN=a", values={"mail": ()}, reason="changed")])
    other = Gap(guid=ADA, want=item(ADA), have=item(ADA), values={"mail": (), "cn": ()}, moved=True)
    assert writes.arisen([other]) == ([], [])


@pytest.mark.parametrize("was_dead", [False, True])
def test_who_is_deleted_while_we_write_to_it_was_deleted_by_somebody(was_dead: bool) -> None:
    dead = item(ADA, isDeleted=b"TRUE")
    found = Gap(guid=ADA, want=item(ADA), have=dead)
    writes = begun(found) if was_dead else begun()
    writes.tried([Modify(guid=ADA, dn="CN=a", values={"mail": ()}, reason="changed")])
    assert writes.arisen([found]) == ([] if was_dead else [found], [])


def test_what_is_to_go_and_was_received_so_is_nobodys() -> None:
    writes = begun()
    writes.gave([ADA])
    assert writes.arisen([Gap(guid=ADA, want=item(ADA, isDeleted=b"TRUE"), have=item(ADA))]) == ([], [])
