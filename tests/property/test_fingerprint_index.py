"""Digests tell the same news as whole states would."""

from __future__ import annotations

import struct
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from adpersist.journal.format.columns.changes import pack_changes, unpack_changes
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Change, Kind, LinkStamp, Stamp
from adpersist.model.objects.object_state import ObjectState, created
from adpersist.model.objects.sighting import Sighting
from adpersist.state.changes import difference, observe
from adpersist.state.fingerprint import Fingerprint
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.state import State
from tests.cases import cases

GUIDS = [Guid(bytes([number]) * 16) for number in range(1, 5)]
LINKED = {"member": frozenset({ref(GUIDS[0]), b"CN=gone,DC=x"})}
NAMES = ["cn", "description", "isDeleted", "otherTelephone"]
REFERENCES = [*map(ref, GUIDS), ref(GUIDS[0], b"B:4:00FF:"), b"CN=gone,DC=x"]

values = st.lists(st.sampled_from([b"TRUE", b"a", b"b", b"c"]), unique=True, max_size=3).map(tuple)
links = st.dictionaries(st.sampled_from(["member", "manager"]), st.frozensets(st.sampled_from(REFERENCES), min_size=1))
WITHOUT_VALUES = ["name", "ou"]
"""Attributes that no look shows: the place, and the name of what lies there."""
versions = st.integers(1, 3)


def stamp(version: int) -> Stamp:
    return Stamp(version=version, time=13_400_000_000, origin=GUIDS[0], usn=Usn(version))


def link_stamp(version: int, *, present: bool) -> LinkStamp:
    return LinkStamp(version=version, time=13_400_000_000, origin=GUIDS[0], usn=Usn(version), present=present)


@st.composite
def sightings(draw: st.DrawFn) -> Sighting:
    whole = draw(st.booleans())
    found = draw(st.dictionaries(st.sampled_from(NAMES), values))
    added, removed = draw(links), draw(links)
    link_stamps: dict[str, dict[bytes, LinkStamp]] = {}
    for name, refs in (*added.items(), *removed.items()):
        for each in draw(st.sets(st.sampled_from(sorted(refs)))):
            present = each in added.get(name, frozenset())
            link_stamps.setdefault(name, {})[each] = link_stamp(draw(versions), present=present)
    # where a value is not shown, what it was written with is not, either
    stamped = [*(NAMES if whole else found), *WITHOUT_VALUES]
    return Sighting(
        guid=draw(st.sampled_from(GUIDS)),
        nc="DC=x",
        parent=draw(st.none() | st.sampled_from(GUIDS)),
        rdn=draw(st.sampled_from(["CN=a", "CN=b"])),
        whole=whole,
        values={name: each for name, each in found.items() if each or not whole},
        added=added,
        removed={} if whole else removed,
        stamps=draw(st.dictionaries(st.sampled_from(stamped), versions.map(stamp))),
        link_stamps=link_stamps,
    )


@given(st.lists(sightings(), max_size=30))
def test_the_news_of_a_sighting_are_what_whole_states_differ_by(seen: list[Sighting]) -> None:
    state, traces = State(), FingerprintIndex()
    for sighting in seen:
        old = state.get(sighting.guid)
        expected = difference(old, observe(old, sighting))
        assert traces.news(sighting) == expected
        if expected is not None:
            state.apply([expected])
            traces.apply([expected])
    assert sorted(traces) == sorted(state)
    assert len(traces) == len(state)
    again, from_checkpoint = FingerprintIndex(), FingerprintIndex.of(map(_read_back, state.values()))
    for item in state.values():
        again.put(item)
    from_frames = FingerprintIndex()
    from_frames.apply(unpack_changes(pack_changes([*map(created, state.values())])))
    for guid in state:
        assert again[guid].digests == traces[guid].digests
        _same(from_checkpoint[guid], again[guid])
        _same(from_frames[guid], again[guid])
        for name in ("member", "manager"):
            for present in (True, False):
                assert again[guid].links(name, present=present) == traces[guid].links(name, present=present)
            known, there = state[guid].link_stamps.get(name, {}), state[guid].links.get(name, frozenset())
            assert traces[guid].links(name).keys() == there
            assert traces[guid].links(name, present=False).keys() == known.keys() - there
        assert (traces[guid].parent, traces[guid].deleted) == (state[guid].parent, state[guid].deleted)
        assert traces.depth(guid) == state.depth(guid) if _rooted(state, guid) else True


@given(
    before=st.lists(sightings(), max_size=10),
    after=st.lists(st.tuples(sightings(), st.booleans()), max_size=10),
    gone=st.sampled_from(GUIDS),
)
def test_of_what_is_known_anyway_only_what_changes_is_told_apart_by_itself(
    before: list[Sighting], after: list[tuple[Sighting, bool]], gone: Guid
) -> None:
    state, whole = State(), FingerprintIndex()
    for sighting in before:
        state.apply(filter(None, [difference(state.get(sighting.guid), observe(state.get(sighting.guid), sighting))]))
    state = State(map(_read_back, state.values()))
    for item in state.values():
        whole.put(item)
    index = FingerprintIndex(state)
    for shown, restamped in after:
        sighting = shown
        if restamped and (known := state.get(shown.guid)) is not None:
            sighting = replace(shown, whole=True, removed={}, values=known.values)
        _alike(index, whole)
        told = index.news(sighting)
        assert told == whole.news(sighting)
        for each in (index, whole):
            each.apply(filter(None, [told]))
    _alike(index, whole)
    for each in (index, whole):
        each.apply([Change(kind=Kind.EXPUNGED, guid=gone, nc="DC=x")])
    _alike(index, whole)
    assert gone not in index


def _alike(one: FingerprintIndex, other: FingerprintIndex) -> None:
    assert (sorted(one), len(one)) == (sorted(other), len(other))
    assert (one.is_stamped, one.has_stamped_links) == (other.is_stamped, other.has_stamped_links)
    for guid in one:
        assert one[guid].digests == other[guid].digests
        assert one[guid].packed_links == other[guid].packed_links
        assert (one[guid].nc, one[guid].parent, one[guid].deleted) == (
            other[guid].nc,
            other[guid].parent,
            other[guid].deleted,
        )


def _read_back(item: ObjectState) -> ObjectState:
    """The same in rows, as a checkpoint has it."""
    (change,) = unpack_changes(pack_changes([created(item)]))
    return replace(item, values=change.values, links=change.added, stamps=change.stamps, link_stamps=change.link_stamps)


def _same(one: Fingerprint, other: Fingerprint) -> None:
    for name in ("nc", "parent", "names", "packed_digests", "deleted"):
        assert getattr(one, name) == getattr(other, name), name


def _rooted(state: State, guid: Guid) -> bool:
    """Its containers do not go round in a circle, as random ones may."""
    seen = set()
    above: Guid | None = guid
    while above is not None and above in state:
        if above in seen:
            return False
        seen.add(above)
        above = state[above].parent
    return True


MANY = [Guid(struct.pack("<QQ", number, number)) for number in range(20_000)]


@settings(max_examples=cases(20), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19_999), st.integers(0, 9_000), st.sampled_from(list(Kind))), max_size=40))
def test_whatever_comes_and_goes_every_trace_is_found_again(runs: list[tuple[int, int, Kind]]) -> None:
    expected: dict[Guid, str] = {}
    traces = FingerprintIndex()
    for number, (first, count, kind) in enumerate(runs):
        guids = MANY[first : first + count]
        if kind is Kind.EXPUNGED:
            traces.apply(Change(kind=kind, guid=guid, nc="DC=x") for guid in guids)
            for guid in guids:
                expected.pop(guid, None)
        else:
            nc = f"DC=x{number}"
            traces.apply(Change(kind=Kind.CREATED, guid=guid, nc=nc, rdn="CN=a", added=LINKED) for guid in guids)
            expected |= dict.fromkeys(guids, nc)
    assert len(traces) == len(expected)
    assert {guid: trace.nc for guid, trace in traces.items()} == expected
    assert all({name: trace.links(name).keys() for name in trace.linked} == LINKED for trace in traces.values())
    assert all(traces.get(guid) is None for guid in MANY if guid not in expected)
