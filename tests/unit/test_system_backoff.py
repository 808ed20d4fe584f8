"""Patience: how long, how often, and what is never tried again."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from adpersist.errors import FencedError, OutcomeUnknownError, StoreError, StoreUnreachableError, ThrottledError
from adpersist.system.backoff import Backoff


@dataclass(slots=True)
class Clock:
    """Time that passes only while somebody waits."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def patience(clock: Clock, *, budget_s: float = 30.0, jitter: float = 1.0) -> Backoff:
    return Backoff(
        budget_s=budget_s, first_s=0.25, cap_s=4.0,
        sleep=clock.sleep, clock=lambda: clock.now, jitter=lambda: jitter,
    )  # fmt: skip


def failing(*errors: StoreError | FencedError) -> Callable[[], str]:
    left = list(errors)

    def do() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return do


def test_waits_double_up_to_the_cap() -> None:
    clock = Clock()
    errors = [StoreUnreachableError("x") for _ in range(7)]
    assert patience(clock).call(failing(*errors)) == "done"
    assert clock.waits == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_jitter_shortens_a_wait_by_half_at_most() -> None:
    clock = Clock()
    patience(clock, jitter=0.0).call(failing(StoreUnreachableError("x"), StoreUnreachableError("x")))
    assert clock.waits == [0.125, 0.25]


def test_what_the_store_asks_for_is_the_least() -> None:
    clock = Clock()
    patience(clock).call(failing(ThrottledError("x", retry_after_s=7.0), ThrottledError("x", retry_after_s=0.1)))
    assert clock.waits == [7.0, 0.5]


def test_the_budget_bounds_the_whole() -> None:
    clock = Clock()
    errors = [StoreUnreachableError(str(number)) for number in range(100)]
    with pytest.raises(StoreUnreachableError):
        patience(clock, budget_s=10.0).call(failing(*errors))
    assert clock.now <= 10.0
    assert len(clock.waits) > 3


def test_waiting_longer_than_the_budget_is_not_begun() -> None:
    clock = Clock()
    with pytest.raises(ThrottledError):
        patience(clock, budget_s=10.0).call(failing(ThrottledError("x", retry_after_s=60.0)))
    assert clock.waits == []


def test_getting_on_renews_the_patience() -> None:
    clock = Clock()
    reached = 0

    def do() -> str:
        nonlocal reached
        reached += 1
        if reached < 50:
            raise StoreUnreachableError("x")
        return "done"

    assert patience(clock, budget_s=1.0).call(do, progress=lambda: reached) == "done"
    assert set(clock.waits) == {0.25}


def test_a_first_failure_from_outside_counts() -> None:
    clock = Clock()
    assert patience(clock).call(failing(), failed=StoreUnreachableError("x")) == "done"
    assert clock.waits == [0.25]


@pytest.mark.parametrize("error", [StoreError("refused"), FencedError("moved")])
def test_what_trying_again_cannot_help_is_not_tried_again(error: StoreError | FencedError) -> None:
    clock = Clock()
    with pytest.raises(type(error)):
        patience(clock).call(failing(error))
    assert clock.waits == []


def test_every_wait_is_told() -> None:
    clock = Clock()
    told: list[tuple[str, float]] = []
    backoff = Backoff(
        sleep=clock.sleep, clock=lambda: clock.now, jitter=lambda: 1.0,
        on_wait=lambda error, wait_s: told.append((error.message, wait_s)),
    )  # fmt: skip
    backoff.call(failing(StoreUnreachableError("first"), OutcomeUnknownError("second")))
    assert told == [("first", 0.2), ("second", 0.4)]
