"""How often a property is tried: with all its cases, or with the few of `tools/test --fast`."""

from typing import Final

from hypothesis import HealthCheck, settings

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
