"""What is done of a step that a DC refuses for some of its values' sake."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from adpersist.model.identity.ids import Guid
from adpersist.model.plan.step import Create, Modify, Step
from adpersist.restore.convergence.partial_steps import apply_partially

SOMEBODY = Guid(b"s" * 16)


class Dc:
    """Takes whatever none of these values is in; what there is has the attributes of the last step that was taken."""

    def __init__(self, *refused: bytes) -> None:
        self._refused = {*refused}
        self.tries = 0
        self.has: dict[str, tuple[bytes, ...]] = {}

    def attempt(self, step: Step) -> bool:
        assert isinstance(step, Create | Modify)
        self.tries += 1
        if any(value in self._refused for values in step.values.values() for value in values):
            return False
        self.has.update(step.values)
        return True


def modify(**values: Iterable[bytes]) -> Modify:
    return Modify(guid=SOMEBODY, dn="CN=s", values={name: tuple(each) for name, each in values.items()}, reason="")


def create(**values: Iterable[bytes]) -> Create:
    return Create(guid=SOMEBODY, dn="CN=s", values={name: tuple(each) for name, each in values.items()}, reason="")


def numbers(count: int) -> list[bytes]:
    return [str(each).encode() for each in range(count)]


@pytest.mark.parametrize("count", [2, 3, 7, 64])
@pytest.mark.parametrize("odd", [(0,), (1,), (0, 1)], ids=str)
def test_values_that_are_refused_cost_no_other_of_their_attribute(count: int, odd: tuple[int, ...]) -> None:
    values = numbers(count)
    dc = Dc(*(values[each] for each in odd))
    done = apply_partially(modify(seeAlso=values), dc.attempt)
    kept = tuple(value for at, value in enumerate(values) if at not in odd)
    assert dc.has.get("seeAlso", ()) == kept
    assert [step.values for step in done if isinstance(step, Modify)] == [{"seeAlso": kept}] * bool(kept)


def test_nor_do_they_where_other_attributes_are_written_too() -> None:
    dc = Dc(b"1", b"x")
    apply_partially(modify(seeAlso=numbers(3), mail=[b"m"], info=[b"x"]), dc.attempt)
    assert dc.has == {"seeAlso": (b"0", b"2"), "mail": (b"m",)}


def test_who_of_many_values_is_odd_is_found_in_few_tries() -> None:
    dc = Dc(b"700")
    apply_partially(modify(seeAlso=numbers(1000)), dc.attempt)
    assert len(dc.has["seeAlso"]) == 999
    assert dc.tries <= 22


def test_what_is_refused_altogether_is_not_tried_for_ever() -> None:
    dc = Dc(*numbers(5000))
    assert apply_partially(modify(seeAlso=numbers(5000)), dc.attempt) == []
    assert dc.tries <= 100


def test_classes_are_never_given_in_part() -> None:
    dc = Dc(b"gone")
    assert apply_partially(modify(objectClass=[b"top", b"gone", b"user"]), dc.attempt) == []
    assert dc.has == {}


def test_an_object_is_made_though_two_of_its_attributes_are_refused() -> None:
    dc = Dc(b"x", b"y")
    known = {"objectClass": (b"top", b"user"), "objectSid": (b"sid",), "unicodePwd": (b"hash",)}
    (done,) = apply_partially(create(**known, info=[b"x"], mail=[b"m"], url=[b"y"]), dc.attempt)
    assert isinstance(done, Create)
    assert done.values == known
    assert dc.has == known


def test_of_an_object_with_one_odd_attribute_only_that_is_left_out() -> None:
    dc = Dc(b"x")
    apply_partially(create(objectClass=[b"top"], info=[b"x"], mail=[b"m"]), dc.attempt)
    assert dc.has == {"objectClass": (b"top",), "mail": (b"m",)}
