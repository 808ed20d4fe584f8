"""When a DC refuses a step for one value's sake: do what can be done of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from adpersist.model.plan.step import Create, Link, Modify, Reanimate, Step

_INSEPARABLE: Final = frozenset({"objectClass", "objectSid", "sAMAccountName", "unicodePwd", "nTSecurityDescriptor"})
"""An account is not made without these: it would be somebody else, or open to everybody."""


def apply_partially(step: Step, attempt: Callable[[Step], bool]) -> list[Step]:
    """Try narrower steps; returns those that were done.

    A create is tried without one of its attributes at a time, until it is taken; what a tombstone need not come to life
    with is given afterwards; a modify is taken apart; links are tried one by one. What the DC still refuses shows up as
    a difference afterwards.
    """
    if isinstance(step, Create):
        for narrower in _without_one(step):
            if attempt(narrower):
                return [narrower]
        return []
    if isinstance(step, Reanimate):
        return _reanimated(step, attempt)
    return [piece for piece in _apart(step) if attempt(piece)]


def _reanimated(step: Reanimate, attempt: Callable[[Step], bool]) -> list[Step]:
    bare = replace(step, more={})
    if not step.more or not attempt(bare):
        return []
    rest = Modify(guid=step.guid, dn=step.dn, values=step.more, reason=step.reason)
    return [bare, *([rest] if attempt(rest) else apply_partially(rest, attempt))]


def _without_one(step: Create) -> Iterator[Create]:
    for name in step.values:
        if name not in _INSEPARABLE:
            kept = {other: values for other, values in step.values.items() if other != name}
            yield replace(step, values=kept)


def _apart(step: Step) -> Iterator[Step]:
    if isinstance(step, Modify) and len(step.values) > 1:
        for name, values in step.values.items():
            yield replace(step, values={name: values})
    elif isinstance(step, Link) and _size(step) > 1:
        for name, refs in step.removed.items():
            for ref in sorted(refs):
                yield replace(step, added={}, removed={name: frozenset({ref})})
        for name, refs in step.added.items():
            for ref in sorted(refs):
                yield replace(step, added={name: frozenset({ref})}, removed={})


def _size(step: Link) -> int:
    return sum(map(len, [*step.added.values(), *step.removed.values()]))
