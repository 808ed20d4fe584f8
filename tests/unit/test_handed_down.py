"""Rights that a container hands down are put right by putting right the container's."""

from dataclasses import replace

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.plan.handed_down import apart, beforehand, of_those
from adpersist.state.differences import Gap
from adpersist.state.inherited_rights import DESCRIPTOR
from adpersist.state.state import State

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


ROOT = _object(1, None, b"wide", version=2)
UNIT = _object(2, ROOT, b"root's, wide")
ADA = _object(3, UNIT, b"unit's, wide")
OLD = [replace(_object(1, None, b"narrow"), guid=ROOT.guid), _object(2, ROOT, b"root's"), _object(3, UNIT, b"unit's")]
GAPS = [_gap(want, have) for want, have in zip((ROOT, UNIT, ADA), OLD, strict=True)]


def test_what_a_container_hands_down_follows_it() -> None:
    closing, following = apart(GAPS, State(OLD))
    assert ([gap.guid for gap in closing], [gap.guid for gap in following]) == ([ROOT.guid], [UNIT.guid, ADA.guid])


def test_rights_that_somebody_wrote_are_closed_by_themselves() -> None:
    written = [GAPS[0], GAPS[1], _gap(_object(3, UNIT, b"own", version=2), OLD[2])]
    assert apart(written, State(OLD))[1] == [GAPS[1]]


def test_whatever_else_differs_is_closed_by_itself() -> None:
    other = replace(GAPS[2], values={**GAPS[2].values, "mail": (b"ada",)})
    assert apart([GAPS[0], other], State(OLD)) == ([GAPS[0], other], [])


def test_nothing_follows_where_no_container_differs() -> None:
    assert apart(GAPS[2:], State(OLD)) == (GAPS[2:], [])


def test_what_nobody_stamped_is_closed_by_itself() -> None:
    bare = [replace(gap, have=replace(gap.have, stamps={})) for gap in GAPS if gap.have is not None]
    assert apart(bare, State(OLD)) == (bare, [])


def test_what_follows_a_container_that_stays_as_it_is_stays_with_it() -> None:
    closing, following = apart(GAPS, State(OLD))
    assert of_those(closing, following, State(OLD)) == following
    assert of_those([], following, State(OLD)) == []


def test_rights_from_above_are_known_before_those_above_are_written() -> None:
    following = apart(GAPS, State(OLD))[1]
    assert beforehand(following, State(OLD), []) == {
        "DC=corp": [(UNIT.guid, b"root's, wide"), (ADA.guid, b"unit's, wide")]
    }


def test_what_lies_above_somebody_whom_the_journal_does_not_know_is_left_to_the_server() -> None:
    stranger = _object(9, UNIT, b"unit's")
    following = apart(GAPS, State([*OLD, stranger]))[1]
    assert beforehand(following, State([*OLD, stranger]), [stranger.guid]) == {"DC=corp": [(ADA.guid, b"unit's, wide")]}
