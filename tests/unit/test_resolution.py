"""Who wins where others wrote: told for the DC's word and for the journal's."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.step import Exempt
from adpersist.model.plan.terms import OnConflict
from adpersist.restore.conflicts.circles import circular
from adpersist.restore.conflicts.resolution import Resolution, beyond
from adpersist.restore.plan.identities.evictions import evicted_copy
from adpersist.state.differences import gaps
from adpersist.state.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adpersist.model.objects.change import Values

NC = "DC=model"


def guid(name: str) -> Guid:
    return Guid(hashlib.sha256(name.encode()).digest()[:16])


def item(name: str, *, above: str = "root", deleted: bool = False, **values: bytes) -> ObjectState:
    held: dict[str, Values] = {attribute: (value,) for attribute, value in values.items()}
    if deleted:
        held["isDeleted"] = (b"TRUE",)
    return ObjectState(guid=guid(name), nc=NC, parent=guid(above), rdn=f"CN={name}", values=held)


ROOT = ObjectState(guid=guid("root"), nc=NC, parent=None, rdn=NC)
WANT = State(
    [
        ROOT,
        item("user", description=b"journal", title=b"journal"),
        item("partnered", description=b"journal", title=b"journal"),
        item("goner", deleted=True),
        item("emptied", deleted=True),
    ]
)
HAVE = State(
    [
        ROOT,
        item("user", description=b"here", title=b"here"),
        item("partnered", description=b"partner", title=b"here"),
        item("goner"),
        item("emptied"),
        item("stranger", above="emptied", objectSid=b"given once"),
        item("partners", objectSid=b"given once"),
    ]
)
CONFLICTS = (
    Conflict(guid=guid("user"), dn="", attributes=("description",)),
    Conflict(guid=guid("partnered"), dn="", attributes=("description",), replicated=True),
    Conflict(guid=guid("goner"), dn="", attributes=("title",)),
    Conflict(guid=guid("stranger"), dn=""),
    Conflict(guid=guid("partners"), dn="", replicated=True),
)


def resolved(policy: OnConflict) -> Resolution:
    return Resolution(conflicts=CONFLICTS, policy=policy)


def closing(policy: OnConflict) -> dict[Guid, set[str]]:
    found = list(gaps(WANT, HAVE, Exempt()))
    return {gap.guid: set(gap.values) for gap in resolved(policy).closing(found)}


def named(conflicts: Iterable[Conflict]) -> dict[Guid, tuple[str, ...]]:
    return {each.guid: each.attributes for each in conflicts}


def test_by_the_journals_word_only_what_is_newer_stays() -> None:
    found = closing(OnConflict.JOURNAL)
    assert found == {
        guid("user"): {"description", "title"},
        guid("partnered"): {"title"},
        guid("goner"): set(),
        guid("emptied"): set(),
        guid("stranger"): set(),
    }
    one = resolved(OnConflict.JOURNAL)
    assert one.kept == {guid("partners")}
    assert one.named == {guid("partnered"): ("description",)}
    assert one.overwritten == {guid("user"), guid("goner"), guid("stranger")}
    assert named(one.untouched(WANT, HAVE, [])) == {guid("partnered"): ("description",), guid("partners"): ()}
    assert not list(one.preferred(WANT, HAVE))


def test_by_the_dcs_word_local_writes_stay_too() -> None:
    assert closing(OnConflict.DC) == {guid("user"): {"title"}, guid("partnered"): {"title"}, guid("emptied"): set()}
    one = resolved(OnConflict.DC)
    assert one.kept == {guid("stranger"), guid("partners")}
    assert one.named == {
        guid("user"): ("description",),
        guid("partnered"): ("description",),
        guid("goner"): ("title",),
    }
    assert one.overwritten == frozenset()
    # whoever was brought back to life stays whole
    assert named(one.untouched(WANT, HAVE, [guid("emptied")])) == {
        guid("partnered"): ("description",),
        guid("goner"): (),
        guid("partners"): (),
        guid("emptied"): (),
    }
    assert named(one.preferred(WANT, HAVE)) == {
        guid("user"): ("description",),
        guid("goner"): (),
        guid("stranger"): (),
    }


def test_a_container_stays_with_who_lives_in_it_and_stays() -> None:
    found = list(gaps(WANT, HAVE, Exempt()))
    assert [gap.guid for gap in resolved(OnConflict.DC).occupied(found, WANT, HAVE)] == [guid("emptied")]
    assert not resolved(OnConflict.JOURNAL).occupied(found, WANT, HAVE)


def test_who_goes_on_under_another_guid_stays_as_well() -> None:
    copy = ObjectState(guid=evicted_copy(guid("stranger")), nc=NC, parent=guid("emptied"), rdn="CN=copy")
    have = State([*(each for each in HAVE.values() if each.guid != guid("stranger")), copy])
    one, found = resolved(OnConflict.DC), list(gaps(WANT, have, Exempt()))
    assert copy.guid in {gap.guid for gap in found}
    assert copy.guid not in {gap.guid for gap in one.closing(found)}
    assert [gap.guid for gap in one.occupied(found, WANT, have)] == [guid("emptied")]


def test_whoever_stays_keeps_memberships_and_whoever_stays_deleted_gets_none_back() -> None:
    def group(name: str, *members: str) -> ObjectState:
        return replace(item(name), links={"member": frozenset(ref(guid(each)) for each in members)} if members else {})

    want = State([ROOT, item("deleted here"), item("lost"), group("one", "deleted here"), group("more", "lost")])
    have = State(
        [ROOT, item("deleted here", deleted=True), item("made here"), group("one"), group("more", "made here")]
    )
    staying = [
        Conflict(guid=guid("deleted here"), dn="", attributes=("isDeleted",)),
        Conflict(guid=guid("made here"), dn=""),
    ]
    closing = {gap.guid: gap for gap in beyond(list(gaps(want, have, Exempt())), staying)}
    assert closing.keys() == {guid("lost"), guid("more")}
    assert closing[guid("more")].added == {"member": {ref(guid("lost"))}}
    assert not closing[guid("more")].removed


def test_only_what_was_written_stays_of_an_object_that_both_have() -> None:
    want = State([ROOT, item("renamed", title=b"journal"), item("moved", title=b"journal")])
    have = State(replace(each, rdn=f"{each.rdn} here") if each is not ROOT else each for each in want.values())
    staying = [
        Conflict(guid=guid("renamed"), dn="", attributes=("name",)),
        Conflict(guid=guid("moved"), dn="", attributes=("description",)),
    ]
    closing = {gap.guid: gap.moved for gap in beyond(list(gaps(want, have, Exempt())), staying)}
    assert closing == {guid("moved"): True}


def test_a_link_that_was_made_here_stays_beside_one_that_was_lost() -> None:
    made, lost = ref(guid("partnered")), ref(guid("user"))
    want = State([*WANT.values(), replace(item("group"), links={"member": frozenset({lost})})])
    have = State([*WANT.values(), replace(item("group"), links={"member": frozenset({made})})])
    conflict = Conflict(guid=guid("group"), dn="", attributes=("member",), links={"member": frozenset({made})})
    (gap,) = beyond(list(gaps(want, have, Exempt())), [conflict])
    assert gap.added == {"member": {lost}}
    assert not gap.removed


@pytest.mark.parametrize("written", [frozenset({"member"}), frozenset({"manager"})])
def test_a_link_with_room_for_one_that_was_made_here_stays_alone(written: frozenset[str]) -> None:
    made, lost = ref(guid("partnered")), ref(guid("user"))
    want = State([*WANT.values(), replace(item("one"), links={"manager": frozenset({lost})})])
    have = State([*WANT.values(), replace(item("one"), links={"manager": frozenset({made})})])
    links = dict.fromkeys(written, frozenset({made}))
    local = Conflict(guid=guid("one"), dn="", attributes=tuple(written), links=links)
    resolution = Resolution(conflicts=(local,), policy=OnConflict.DC, single_links=frozenset({"manager"}))
    closing = resolution.closing(list(gaps(want, have, Exempt())))
    assert [gap.added for gap in closing] == ([{"manager": {lost}}] if written == {"member"} else [])


def test_only_who_was_made_here_usurps_a_sid() -> None:
    known = {guid("user"), guid("partnered"), guid("goner"), guid("emptied")}
    found = resolved(OnConflict.DC).usurping(HAVE, known=known, given={b"given once"})
    assert found == {guid("stranger")}


def moved(original: ObjectState, above: str) -> ObjectState:
    return replace(original, parent=guid(above))


@pytest.mark.parametrize("policy", OnConflict)
def test_what_would_lie_in_itself_stays_where_it_is(policy: OnConflict) -> None:
    north, south, new = item("north"), item("south"), item("new", above="south")
    want = State([ROOT, moved(north, "new"), south, new])
    have = State([ROOT, north, moved(south, "north")])
    meanwhile = policy is not OnConflict.DC
    conflict = Conflict(guid=south.guid, dn=have.dn(south.guid), attributes=("name",), meanwhile=meanwhile)
    resolution, found = Resolution(conflicts=(conflict,), policy=policy), list(gaps(want, have, Exempt()))
    assert circular(found, want, have) == frozenset()
    stuck = circular(resolution.closing(found), want, have)
    assert stuck == {north.guid}
    kept = resolution.keeping_place(stuck, have)
    assert {gap.guid for gap in kept.closing(found)} == {new.guid}
    assert {each.guid for each in kept.staying} == {north.guid, south.guid}


def test_what_is_made_goes_below_a_container_that_stays_under_another_name() -> None:
    place, lost = item("place"), item("lost", above="place")
    want, have = State([ROOT, place, lost]), State([ROOT, replace(place, rdn="CN=other")])
    conflict = Conflict(guid=place.guid, dn=have.dn(place.guid), attributes=("name",))
    assert Resolution(conflicts=(conflict,), policy=OnConflict.JOURNAL).in_place(want, have) is want
    placed = Resolution(conflicts=(conflict,), policy=OnConflict.DC).in_place(want, have)
    assert placed.dn(lost.guid) == f"CN=lost,CN=other,{NC}"
