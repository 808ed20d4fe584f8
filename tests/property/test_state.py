"""Telling two states apart and folding the difference in again are each other's reverse."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Change, Kind, LinkStamp, Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.sighting import Sighting, sighted
from adpersist.model.plan.step import Exempt
from adpersist.state.changes import difference, evolve, observe
from adpersist.state.differences import Compared, differences, gaps
from adpersist.state.state import State

GUIDS = [Guid(bytes([number]) * 16) for number in range(1, 7)]
NAMES = ["description", "mail", "sn", "isDeleted"]
LINKS = ["member", "managedObjects"]

values = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.binary(max_size=3), min_size=1, max_size=3, unique=True).map(tuple), max_size=4
)
REFS: list[bytes] = [ref(guid) for guid in GUIDS]
refs = st.frozensets(st.sampled_from(REFS), min_size=1, max_size=4)
links = st.dictionaries(st.sampled_from(LINKS), refs, max_size=2)
parents = st.sampled_from([None, *GUIDS])
STAMPED = [*NAMES, "name", "cn"]
writes = st.tuples(st.integers(1, 2), st.sampled_from([0, 13_400_000_000]), st.sampled_from(GUIDS[:2]))


def stamp(write: tuple[int, int, Guid]) -> Stamp:
    version, time, origin = write
    return Stamp(version=version, time=time, origin=origin, usn=Usn(7))


def link_stamp(write: tuple[int, int, Guid], *, present: bool) -> LinkStamp:
    version, time, origin = write
    return LinkStamp(version=version, time=time, origin=origin, usn=Usn(8), present=present)


stamps = st.dictionaries(st.sampled_from(STAMPED), writes.map(stamp), max_size=6)


@st.composite
def link_stamps(draw: st.DrawFn, found: dict[str, frozenset[bytes]]) -> dict[str, dict[bytes, LinkStamp]]:
    """Stamps of some links, and of some that were taken away."""
    drawn: dict[str, dict[bytes, LinkStamp]] = {}
    for name in draw(st.sets(st.sampled_from(LINKS))):
        for link in draw(refs):
            present = link in found.get(name, frozenset())
            drawn.setdefault(name, {})[link] = link_stamp(draw(writes), present=present)
    return drawn


@st.composite
def objects(draw: st.DrawFn, guid: Guid | None = None) -> ObjectState:
    found = draw(links)
    return ObjectState(
        guid=guid or draw(st.sampled_from(GUIDS)),
        nc="DC=x",
        parent=draw(st.sampled_from(GUIDS)),
        rdn=draw(st.sampled_from(["CN=a", "CN=b", "OU=c"])),
        values=draw(values),
        links=found,
        stamps=draw(stamps),
        link_stamps=draw(link_stamps(found)),
    )


def same(one: ObjectState | None, other: ObjectState | None) -> bool:
    """Equal, the order of values aside: directories keep none."""
    if one is None or other is None:
        return one is other
    return (one.guid, one.nc, one.parent, one.rdn, one.links, one.stamps, one.link_stamps) == (
        other.guid,
        other.nc,
        other.parent,
        other.rdn,
        other.links,
        other.stamps,
        other.link_stamps,
    ) and {name: sorted(found) for name, found in one.values.items()} == {
        name: sorted(found) for name, found in other.values.items()
    }


@given(old=objects(GUIDS[0]), new=objects(GUIDS[0]))
def test_the_difference_leads_from_the_old_to_the_new(old: ObjectState, new: ObjectState) -> None:
    change = difference(old, new)
    assert same(evolve(old, change) if change is not None else old, new)


@given(new=objects(GUIDS[0]))
def test_a_created_object_is_its_own_difference(new: ObjectState) -> None:
    change = difference(None, new)
    assert change is not None
    assert change.kind is Kind.CREATED
    assert same(evolve(None, change), new)


@given(item=objects(GUIDS[0]))
def test_nothing_differs_from_itself(item: ObjectState) -> None:
    shuffled = ObjectState(
        guid=item.guid,
        nc=item.nc,
        parent=item.parent,
        rdn=item.rdn,
        values={name: tuple(reversed(found)) for name, found in reversed(list(item.values.items()))},
        links=item.links,
        stamps=dict(reversed(list(item.stamps.items()))),
        link_stamps={name: dict(reversed(list(each.items()))) for name, each in item.link_stamps.items()},
    )
    assert difference(item, shuffled) is None


@given(old=objects(GUIDS[0]), new=objects(GUIDS[0]))
def test_a_difference_names_nothing_that_stayed(old: ObjectState, new: ObjectState) -> None:
    change = difference(old, new)
    if change is None:
        return
    for name, found in change.values.items():
        was_written = name in old.stamps and old.stamps[name] != new.stamps.get(name)
        assert was_written or sorted(old.values.get(name, ())) != sorted(found)
    for name, come in change.added.items():
        assert not come & old.links.get(name, frozenset()) & kept(old, new, name)
    for name, gone in change.removed.items():
        assert gone & kept(old, new, name) <= old.links.get(name, frozenset())
    for name, told in change.stamps.items():
        assert told != old.stamps.get(name) or name in change.values or (name == "name" and change.rdn is not None)
    for name, stamped in change.link_stamps.items():
        moved = change.added.get(name, frozenset()) | change.removed.get(name, frozenset())
        assert all(old.link_stamps.get(name, {}).get(link) != told or link in moved for link, told in stamped.items())


def kept(old: ObjectState, new: ObjectState, name: str) -> frozenset[bytes]:
    """Links whose stamp did not become unknown."""
    lost = old.link_stamps.get(name, {}).keys() - new.link_stamps.get(name, {}).keys()
    return frozenset(REFS) - lost


@given(old=objects(GUIDS[0]), new=objects(GUIDS[0]))
def test_what_was_written_without_a_stamp_has_none_that_is_known(old: ObjectState, new: ObjectState) -> None:
    change = difference(replace(old, stamps={}, link_stamps={}), replace(new, stamps={}, link_stamps={}))
    folded = evolve(old, change) if change is not None else old
    assert folded is not None
    told = {*change.values, *(["name"] if change.rdn else [])} if change else set()
    assert folded.stamps == {name: found for name, found in old.stamps.items() if name not in told}
    for name in LINKS:
        touched = old.links.get(name, frozenset()) ^ new.links.get(name, frozenset())
        before = old.link_stamps.get(name, {})
        assert folded.link_stamps.get(name, {}) == {link: before[link] for link in before if link not in touched}


@given(item=objects(GUIDS[0]), write=writes)
def test_a_value_written_again_is_news_and_so_is_a_link_made_again(
    item: ObjectState, write: tuple[int, int, Guid]
) -> None:
    again = stamp((3, *write[1:]))
    written = replace(item, stamps={**item.stamps, "mail": again})
    change = difference(item, written)
    assert change is not None
    assert (change.stamps, change.rdn, change.added, change.removed) == ({"mail": again}, None, {}, {})
    assert change.values == ({"mail": item.values["mail"]} if "mail" in item.stamps and "mail" in item.values else {})
    member = REFS[1]
    made = link_stamp((3, *write[1:]), present=member in item.links.get("member", frozenset()))
    before = item.link_stamps.get("member", {})
    change = difference(item, replace(item, link_stamps={**item.link_stamps, "member": {**before, member: made}}))
    assert change is not None
    assert (change.values, change.added, change.removed) == ({}, {}, {})
    assert change.link_stamps == {"member": {member: made}}


def test_a_link_that_was_taken_away_is_remembered() -> None:
    members = {"member": frozenset({REFS[1]})}
    group = ObjectState(guid=GUIDS[0], nc="DC=x", parent=None, rdn="CN=g", links=members)
    gone = {"member": {REFS[1]: link_stamp((2, 0, GUIDS[0]), present=False)}}
    change = Change(kind=Kind.CHANGED, guid=GUIDS[0], nc="DC=x", removed=members, link_stamps=gone)
    folded = evolve(group, change)
    assert folded is not None
    assert (folded.links, folded.link_stamps) == ({}, gone)


@given(old=objects(GUIDS[0]), new=objects(GUIDS[0]))
def test_where_no_stamp_of_a_link_can_be_seen_a_look_at_everything_keeps_them(
    old: ObjectState, new: ObjectState
) -> None:
    seen = observe(old, replace(sighted(new), link_stamps={}))
    for name in LINKS:
        touched = old.links.get(name, frozenset()) ^ new.links.get(name, frozenset())
        before = old.link_stamps.get(name, {})
        assert seen.link_stamps.get(name, {}) == {link: before[link] for link in before if link not in touched}
    assert replace(seen, link_stamps={}) == replace(new, link_stamps={})


@given(old=objects(GUIDS[0]), shown=values, come=links, gone=links, cleared=st.sets(st.sampled_from(NAMES)))
def test_a_partial_sighting_changes_what_it_shows_alone(
    old: ObjectState,
    shown: dict[str, tuple[bytes, ...]],
    come: dict[str, frozenset[bytes]],
    gone: dict[str, frozenset[bytes]],
    cleared: set[str],
) -> None:
    sighting = Sighting(
        guid=old.guid,
        nc=old.nc,
        parent=None,
        rdn="CN=new",
        whole=False,
        values={**shown, **dict.fromkeys(cleared, ())},
        added=come,
        removed=gone,
    )
    new = observe(old, sighting)
    assert (new.parent, new.rdn) == (old.parent, "CN=new")
    assert new.stamps == {name: found for name, found in old.stamps.items() if name not in {*shown, *cleared, "name"}}
    for name in NAMES:
        expected = () if name in cleared else shown.get(name, old.values.get(name, ()))
        assert new.values.get(name, ()) == expected
    assert all(new.values.values())
    for name in LINKS:
        expected_links = set(old.links.get(name, ())) - gone.get(name, frozenset()) | come.get(name, frozenset())
        assert new.links.get(name, frozenset()) == expected_links
    assert all(new.links.values())


@given(old=objects(GUIDS[0]), new=objects(GUIDS[0]))
def test_a_whole_sighting_leaves_nothing_of_the_old(old: ObjectState, new: ObjectState) -> None:
    assert observe(None, sighted(new)) == new
    if new.link_stamps:
        assert observe(old, sighted(new)) == new


@given(states=st.lists(st.lists(objects(), max_size=6, unique_by=lambda item: item.guid), min_size=2, max_size=4))
def test_a_folded_journal_is_its_last_look(states: list[list[ObjectState]]) -> None:
    journal = State()
    before: dict[Guid, ObjectState] = {}
    for look in states:
        now = {item.guid: item for item in look}
        changes = [change for item in look if (change := difference(before.get(item.guid), item)) is not None]
        journal.apply(changes)
        before |= now
    assert set(journal) == set(before)
    assert all(same(journal[guid], item) for guid, item in before.items())


@given(items=st.lists(objects(), max_size=6, unique_by=lambda item: item.guid))
def test_equal_states_have_no_gaps(items: list[ObjectState]) -> None:
    assert list(gaps(State(items), State(items), Exempt())) == []


@given(
    want=st.lists(objects(), max_size=6, unique_by=lambda item: item.guid),
    have=st.lists(objects(), max_size=6, unique_by=lambda item: item.guid),
)
def test_every_gap_is_a_line_of_verify_and_no_gap_none(want: list[ObjectState], have: list[ObjectState]) -> None:
    # all in one container: parents drawn at random may lie below each other in a ring, which has no names
    wanted, found = (State(replace(item, parent=None) for item in items) for items in (want, have))
    differing = {gap.guid for gap in gaps(wanted, found, Exempt())}
    for guid in GUIDS:
        if wanted.is_live(guid) != found.is_live(guid):
            assert guid in differing
        elif not wanted.is_live(guid):
            assert guid not in differing, "tombstones do not differ"
    for gap in gaps(wanted, found, Exempt()):
        assert list(differences(gap, wanted, found))


@given(
    want=st.lists(objects(), max_size=6, unique_by=lambda item: item.guid),
    looks=st.lists(st.lists(objects(), max_size=4, unique_by=lambda item: item.guid), min_size=2, max_size=4),
    taken=st.lists(st.sampled_from(GUIDS), max_size=4),
)
def test_what_was_compared_before_differs_as_if_it_was_not(
    want: list[ObjectState], looks: list[list[ObjectState]], taken: list[Guid]
) -> None:
    wanted, have, before = State(want), State(want), Compared()
    for number, look in enumerate(looks):
        for item in look:
            have.put(item)
        for guid in taken[number : number + 1]:
            have.take(guid)
        exempt = Exempt(objects=frozenset(GUIDS[:1])) if number == 1 else Exempt()
        assert list(gaps(wanted, have, exempt, before)) == list(gaps(wanted, have, exempt))


def test_what_is_exempt_never_differs() -> None:
    def item(description: bytes) -> ObjectState:
        return ObjectState(
            guid=GUIDS[0], nc="DC=x", parent=None, rdn="CN=a", values={"description": (description,), "sn": (b"s",)}
        )

    want, have = State([item(b"one")]), State([item(b"other")])
    assert list(gaps(want, have, Exempt()))
    assert list(gaps(want, have, Exempt(objects=frozenset(GUIDS[:1])))) == []
    assert list(gaps(want, have, Exempt(derived=frozenset({"description"})))) == []
    assert list(gaps(want, have, Exempt(attributes={GUIDS[0]: frozenset({"description"})}))) == []
    assert list(gaps(want, have, Exempt(attributes={GUIDS[1]: frozenset({"description"})})))


def test_a_link_to_what_is_deleted_is_dormant_and_no_difference() -> None:
    def group(*members: Guid) -> ObjectState:
        refs = frozenset(ref(member) for member in members)
        return ObjectState(guid=GUIDS[0], nc="DC=x", parent=None, rdn="CN=g", links={"member": refs} if refs else {})

    def user(*, deleted: bool) -> ObjectState:
        found = {"isDeleted": (b"TRUE",)} if deleted else {}
        return ObjectState(guid=GUIDS[1], nc="DC=x", parent=GUIDS[0], rdn="CN=u", values=found)

    gone = State([group(GUIDS[1]), user(deleted=True)])
    assert list(gaps(gone, State([group(), user(deleted=True)]), Exempt())) == []
    alive = State([group(GUIDS[1]), user(deleted=False)])
    (gap,) = gaps(alive, State([group(), user(deleted=False)]), Exempt())
    assert gap.added == {"member": frozenset({ref(GUIDS[1])})}


@given(
    both=st.lists(objects(), max_size=4), wanted=st.lists(objects(), max_size=4), found=st.lists(objects(), max_size=4)
)
def test_objects_that_two_states_share_hide_no_gap(
    both: list[ObjectState], wanted: list[ObjectState], found: list[ObjectState]
) -> None:
    want, have = State([*both, *wanted]), State([*both, *found])
    copies = State(replace(item) for item in have.values())

    def told(state: State) -> dict[Guid, object]:
        return {gap.guid: (gap.values, gap.added, gap.removed, gap.moved) for gap in gaps(want, state, Exempt())}

    assert told(have) == told(copies)
