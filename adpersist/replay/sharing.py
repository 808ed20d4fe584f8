"""Equal values kept once: most objects have the security descriptor and the classes of ten thousand others. Pure."""

import sys
from collections.abc import Iterable, Mapping
from typing import Final

from adpersist.model.change import Values

_WORTH_BYTES: Final = 256
_REMEMBERED: Final = 4096
"""Values remembered at most; when it is more they are all forgotten, which costs memory and nothing else."""

_known: dict[Values, Values] = {}


def shared(values: Iterable[tuple[str, Values]]) -> Mapping[str, Values]:
    """A mapping of the same attributes that shares names, and large or manifold values, with those before it."""
    # one short value, the rule, is told apart here: there are millions
    return {
        sys.intern(name): found if len(found) == 1 and len(found[0]) < _WORTH_BYTES else _shared(found)
        for name, found in values
        if found
    }


def _shared(values: Values) -> Values:
    if len(_known) >= _REMEMBERED:
        _known.clear()
    return _known.setdefault(values, values)
