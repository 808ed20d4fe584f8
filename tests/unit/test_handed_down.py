"""Rights that a container hands down are put right by putting right the container's."""

from dataclasses import replace

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.text.descriptor import CONTAINER_INHERIT, INHERITED
from adpersist.restore.plan.handed_down import apart, beforehand, by_others, of_those
from adpersist.state.differences import Gap
from adpersist.state.inherited_rights import DESCRIPTOR
from adpersist.state.state import State
from tests.descriptors import descriptor, may

BY = Guid(b"\x01" * 16)


def _object(number: int, parent: ObjectState | None, rights: bytes, version: int = 1) -> ObjectState:
    return ObjectState(
        guid=Guid(bytes([number]) * 16),
        nc="DC=corp",
        parent=parent.guid if parent is not None else None,
        rdn=f"CN={number}",
        values={DESCRIPTOR: (rights,), "cn": (b"%d" % number,)},
        stamps={DESCRIPTOR: Stamp(version=version, time=1, origin=BY, usn=Usn(1))},
    )


def _gap(want: ObjectState, have: ObjectState) -> Gap:
    values = {name: found for name, found in want.values.items() if have.values.get(name) != found}
    return Gap(guid=want.guid, want=want, have=have, values=values)


WORLD, CREW = "S-1-1-0", "S-1-5-21-1-2-3-1104"
_MINE = may(CREW, 2)
_DOWN, _FROM_ABOVE = may(WORLD, 1, flags=CONTAINER_INHERIT), may(WORLD, 1, flags=CONTAINER_INHERIT | INHERITED)

NARROW, WIDE, FOLLOWING = descriptor(), descriptor(_DOWN), descriptor(_FROM_ABOVE)
ROOT = _object(1, None, WIDE, version=2)
UNIT = _object(2, ROOT, FOLLOWING)
ADA = _object(3, UNIT, FOLLOWING)
OLD = [replace(_object(1, None, NARROW), guid=ROOT.guid), _object(2, ROOT, NARROW), _object(3, UNIT, NARROW)]
GAPS = [_gap(want, have) for want, have in zip((ROOT, UNIT, ADA), OLD, strict=True)]


def test_what_a_container_hands_down_follows_it() -> None:
    closing, following = apart(GAPS, State(OLD))
    assert ([gap.guid for gap in closing], [gap.guid for gap in following]) == ([ROOT.guid], [UNIT.guid, ADA.guid])


def test_rights_that_somebody_wrote_are_closed_by_themselves() -> None:
    written = [GAPS[0], GAPS[1], _gap(_object(3, UNIT, descriptor(_MINE, _FROM_ABOVE), version=2), OLD[2])]
    assert apart(written, State(OLD))[1] == [GAPS[1]]


def test_whatever_else_differs_is_closed_by_itself() -> None:
    other = replace(GAPS[2], values={**GAPS[2].values, "mail": (b"ada",)})
    assert apart([GAPS[0], other], State(OLD)) == ([GAPS[0], other], [])


def test_nothing_follows_where_no_container_differs() -> None:
    assert apart(GAPS[2:], State(OLD)) == (GAPS[2:], [])


def test_without_stamps_its_own_rights_tell_whether_somebody_wrote_it() -> None:
    bare = [replace(gap, have=replace(gap.have, stamps={})) for gap in GAPS if gap.have is not None]
    assert apart(bare, State(OLD)) == (bare[:1], bare[1:])
    ada = replace(ADA, values={DESCRIPTOR: (descriptor(_MINE, _FROM_ABOVE),)}, stamps={})
    other = [*bare[:2], _gap(ada, OLD[2])]
    assert apart(other, State(OLD)) == ([other[0], other[2]], [other[1]])


def test_what_follows_a_container_that_stays_as_it_is_stays_with_it() -> None:
    closing, following = apart(GAPS, State(OLD))
    assert of_those(closing, following, State(OLD)) == following
    assert of_those([], following, State(OLD)) == []


def test_rights_from_above_are_known_before_those_above_are_written() -> None:
    following = apart(GAPS, State(OLD))[1]
    assert beforehand(following, State(OLD), []) == {"DC=corp": [(UNIT.guid, FOLLOWING), (ADA.guid, FOLLOWING)]}


def test_what_lies_above_somebody_whom_the_journal_does_not_know_is_left_to_the_server() -> None:
    stranger = _object(9, UNIT, NARROW)
    following = apart(GAPS, State([*OLD, stranger]))[1]
    assert beforehand(following, State([*OLD, stranger]), [stranger.guid]) == {"DC=corp": [(ADA.guid, FOLLOWING)]}


def _in(unit: bytes, ada: bytes) -> State:
    return State([_object(1, None, descriptor()), _object(2, ROOT, unit), _object(3, UNIT, ada)])


def test_a_part_gets_what_its_container_hands_down_now_and_that_is_told() -> None:
    then, now = _in(descriptor(), descriptor(_MINE)), _in(descriptor(_DOWN), descriptor(_MINE, _FROM_ABOVE))
    kept, (note,) = by_others([_gap(then[ADA.guid], now[ADA.guid])], then, now)
    assert (kept, note.guid) == ([], ADA.guid)
    # what was written to it itself goes back all the same
    own = _in(descriptor(_DOWN), descriptor(_FROM_ABOVE))
    found = [_gap(then[ADA.guid], own[ADA.guid])]
    assert by_others(found, then, own)[0] == found
    assert by_others(found, then, own)[1] == [note]


def test_a_deleted_part_is_told_beforehand_what_its_container_hands_down_now() -> None:
    then, now = _in(descriptor(), descriptor(_MINE)), _in(descriptor(_DOWN), descriptor())
    gone = replace(now[ADA.guid], values={"isDeleted": (b"TRUE",)})
    found = [_gap(then[ADA.guid], gone)]
    kept, notes = by_others(found, then, State([*now.values(), gone]))
    assert (kept, [note.guid for note in notes]) == (found, [ADA.guid])
    same = _in(descriptor(), descriptor())
    assert by_others(found, then, State([*same.values(), gone])) == (found, [])


def test_what_a_container_within_the_part_hands_down_closes_with_it() -> None:
    then, now = _in(descriptor(), descriptor(_MINE)), _in(descriptor(_DOWN), descriptor(_MINE, _FROM_ABOVE))
    both = [_gap(then[each.guid], now[each.guid]) for each in (UNIT, ADA)]
    assert by_others(both, then, now) == (both, [])
