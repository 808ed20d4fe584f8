"""The schema's definitions: which comes before which, and what they allow for as long as something needs it. Pure.

While a directory changes from one state to another, whatever either allows is allowed: objects still hold values that
their class is to lose, and tombstones come back to life with them. So a schema is made wider first, and narrower last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Modify, ReloadSchema, Step
from adpersist.restore.plan.object_steps import ObjectSteps
from adpersist.state.differences import Gap
from adpersist.state.state import State

_BUILDS_ON: Final = ("subClassOf", "auxiliaryClass", "systemAuxiliaryClass", "possSuperiors", "systemPossSuperiors")
"""Attributes of a class definition that name other classes ([MS-ADTS] 3.1.1.2.4)."""
_ALLOW: Final = frozenset({*_BUILDS_ON[1:], "mayContain", "systemMayContain"})
"""Of a class definition: with each value more it allows more."""
_DEMAND: Final = frozenset({"mustContain", "systemMustContain"})
"""With each value more it allows less."""


def defines_class(item: ObjectState) -> bool:
    """It is a class definition."""
    return b"classSchema" in item.values.get("objectClass", ())


def definitions_in_order(classes: Iterable[ObjectState]) -> list[Guid]:
    """Class definitions, each after those it builds on; classes that name each other stay in the order given."""
    by_name = {item.values["lDAPDisplayName"][0]: item for item in classes}
    ordered: dict[bytes, Guid] = {}
    visiting: set[bytes] = set()

    def visit(name: bytes) -> None:
        if name in ordered or name in visiting or name not in by_name:
            return
        visiting.add(name)
        item = by_name[name]
        for attribute in _BUILDS_ON:
            for other in item.values.get(attribute, ()):
                visit(other)
        ordered[name] = item.guid

    for name in by_name:
        visit(name)
    return list(ordered.values())


def wider(gaps: Iterable[Gap], builder: ObjectSteps) -> Iterator[Step]:
    """Steps for definitions that are wanted and differ, before all else.

    Attributes, then classes in the order they build on each other; each known to the server before the next.
    """
    attributes, classes = _in_order(gaps, builder.want)
    for group, reason in ((attributes, "new attributes"), (classes, "new classes")):
        meanwhile = [gap for gap in map(_meanwhile, group) if gap.is_open]
        yield from builder.build(meanwhile)
        if meanwhile:
            yield _reload(meanwhile, builder.want, f"{reason} can be used from here on")


def narrower(gaps: Iterable[Gap], want: State) -> Iterator[Step]:
    """Steps for the same, once nothing else is left to be done.

    Classes first: no attribute goes out of use that one of them still names.
    """
    attributes, classes = _in_order(gaps, want)
    for group in (classes[::-1], attributes):
        narrowed = {gap.guid: rest for gap in group if (rest := _left_for_last(gap))}
        for guid, rest in narrowed.items():
            yield Modify(guid=guid, dn=want.dn(guid), values=rest, reason="nothing needs any more what it allowed")
        if narrowed:
            yield _reload(group, want, "what was allowed is so no more")


def _in_order(gaps: Iterable[Gap], want: State) -> tuple[list[Gap], list[Gap]]:
    attributes: list[Gap] = []
    classes: dict[Guid, Gap] = {}
    for gap in gaps:
        if gap.want is not None and defines_class(gap.want):
            classes[gap.guid] = gap
        else:
            attributes.append(gap)
    return attributes, [classes[guid] for guid in definitions_in_order(want[guid] for guid in classes)]


def _reload(group: Iterable[Gap], want: State, reason: str) -> Step:
    root = next(gap.want.parent or gap.guid for gap in group if gap.want is not None)
    return ReloadSchema(guid=root, dn=want.dn(root), reason=reason)


def _left_for_last(gap: Gap) -> dict[str, Values]:
    meanwhile = _meanwhile(gap).values
    return {name: found for name, found in gap.values.items() if meanwhile.get(name) != found}


def _meanwhile(gap: Gap) -> Gap:
    """The gap to what allows whatever the definition allows now or will allow."""
    if gap.have is None or not gap.is_live:
        return gap
    there = gap.have.values
    values = {name: _widest(name, there.get(name, ()), found) for name, found in gap.values.items()}
    # values have no order: what is allowed already is no step
    changed = {name: found for name, found in values.items() if sorted(found) != sorted(there.get(name, ()))}
    return replace(gap, values=changed)


def _widest(name: str, there: Values, wanted: Values) -> Values:
    if name in _ALLOW:
        return (*wanted, *(value for value in there if value not in wanted))
    if name in _DEMAND:
        return tuple(value for value in there if value in wanted)
    return there if _narrows(name, there, wanted) else wanted


def _narrows(name: str, there: Values, wanted: Values) -> bool:
    match name:
        case "isDefunct" | "isSingleValued":
            return wanted == (b"TRUE",)
        case "rangeUpper":
            return bool(wanted) and (not there or int(wanted[0]) < int(there[0]))
        case "rangeLower":
            return bool(wanted) and (not there or int(wanted[0]) > int(there[0]))
        case _:
            return False
