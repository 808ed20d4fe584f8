"""When a DC refuses a step for one value's sake: do what can be done of it."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from adpersist.model.objects.change import Values
from adpersist.model.plan.step import Create, Link, Modify, Reanimate, Step

_INSEPARABLE: Final = frozenset({"objectClass", "objectSid", "sAMAccountName", "unicodePwd", "nTSecurityDescriptor"})
"""An account is not made without these: it would be somebody else, or open to everybody."""

_MOST_REFUSED: Final = 100
"""So many of an attribute's values, and halves of them, are found to be refused; more are no odd ones."""


def apply_partially(step: Step, attempt: Callable[[Step], bool]) -> list[Step]:
    """Try narrower steps; returns those that were done.

    A create is tried without one of its attributes at a time, until it is taken, and then with the least that makes it
    the same object; what a tombstone need not come to life with is given afterwards; a modify is taken apart, down to
    the values of one attribute; links are tried one by one. What the DC still refuses shows up as a difference
    afterwards.
    """
    if isinstance(step, Create):
        for narrower in _without_some(step):
            if attempt(narrower):
                return [narrower]
        return []
    if isinstance(step, Reanimate):
        return _reanimated(step, attempt)
    if isinstance(step, Modify) and len(step.values) == 1:
        return _with_some_values(step, attempt)
    done: list[Step] = []
    for piece in _apart(step):
        done += [piece] if attempt(piece) else _with_some_values(piece, attempt)
    return done


def _reanimated(step: Reanimate, attempt: Callable[[Step], bool]) -> list[Step]:
    bare = replace(step, more={})
    if not step.more or not attempt(bare):
        return []
    rest = Modify(guid=step.guid, dn=step.dn, values=step.more, reason=step.reason)
    return [bare, *([rest] if attempt(rest) else apply_partially(rest, attempt))]


def _without_some(step: Create) -> Iterator[Create]:
    separable = [name for name in step.values if name not in _INSEPARABLE]
    for left in (*([name] for name in separable), *([separable] if len(separable) > 1 else ())):
        yield replace(step, values={name: values for name, values in step.values.items() if name not in left})


def _with_some_values(step: Step, attempt: Callable[[Step], bool]) -> list[Step]:
    """One attribute with those of its values that are taken: half of them, and of each half that is refused its
    halves."""
    if not isinstance(step, Modify):
        return []
    ((name, values),) = step.values.items()
    kept: Values = ()
    done: list[Step] = []
    refused = 0
    waiting = deque(_halves(values) if name not in _INSEPARABLE else ())
    while waiting and refused < _MOST_REFUSED:
        some = waiting.popleft()
        narrower = replace(step, values={name: (*kept, *some)})
        if attempt(narrower):
            kept, done = (*kept, *some), [narrower]
        else:
            refused += 1
            waiting.extendleft(reversed(_halves(some)))
    return done


def _halves(values: Values) -> list[Values]:
    middle = len(values) // 2
    return [values[:middle], values[middle:]] if middle else []


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
