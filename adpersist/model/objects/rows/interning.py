"""Equal values kept once: most objects have the security descriptor and the classes of ten thousand others. Pure."""

import sys
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from adpersist.model.objects.change import Values

WORTH_BYTES: Final = 256
"""A single value as large as this is worth being looked for."""
_REMEMBERED: Final = 4096
"""Values remembered at most; when it is more they are all forgotten, which costs memory and nothing else."""

T = TypeVar("T", bytes, Values)

_known: dict[bytes | Values, bytes | Values] = {}


def shared(values: Iterable[tuple[str, Values]]) -> Mapping[str, Values]:
    """A mapping of the same attributes that shares names, and large or manifold values, with those before it."""
    return {sys.intern(name): large_once(found) for name, found in values if found}


def large_once(values: Values) -> Values:
    """The same, shared with equal ones that came before them where they are large or several: one short value is the
    rule, and there are millions."""
    return values if len(values) == 1 and len(values[0]) < WORTH_BYTES else once(values)


def once(value: T) -> T:
    """The same, or an equal one that came before it."""
    if len(_known) >= _REMEMBERED:
        _known.clear()
    return _known.setdefault(value, value)  # type: ignore[return-value]  # equal only to its own kind


def forget() -> None:
    """Remember no value any longer; what is shared stays so."""
    _known.clear()
