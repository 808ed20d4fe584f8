"""How much is tried: all cases, or the few of `tools/test --fast`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings

T = TypeVar("T")

_ALL: Final = 100
_FEW: Final = 20
"""The profiles' own numbers, which are those of a property that names none."""

_USUAL: Final = settings(max_examples=_ALL, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says how busy the machine is, and nothing of the program."""


def register_profiles() -> None:
    """What `--hypothesis-profile` may name; the usual one is in force unless it does."""
    settings.register_profile("adpersist", _USUAL, derandomize=True)  # a change is judged by the same cases each time
    settings.register_profile("explore", _USUAL, derandomize=False)  # tools/test --explore looks for others
    settings.register_profile("fast", _USUAL, derandomize=True, max_examples=_FEW)  # tools/test --fast
    settings.load_profile("adpersist")


def cases(count: int) -> int:
    """So many, or as large a part of them as the profile in force takes of any."""
    return max(1, count * settings().max_examples // _ALL)


def some_of(kinds: Sequence[T]) -> Sequence[T]:
    """All of them, or as large a part as the profile in force takes of any, spread over the whole."""
    return kinds[:: _every()]


def left_out(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Cases of tests marked `sampled` that the profile in force does not try: it takes as many as of a property's."""
    every, met = _every(), Counter[str]()
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("sampled") is not None:
            test = f"{item.path} {item.originalname}"
            if met[test] % every:
                yield item
            met[test] += 1


def _every() -> int:
    """One in so many is tried."""
    return _ALL // settings().max_examples
