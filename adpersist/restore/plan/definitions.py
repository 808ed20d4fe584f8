"""The schema's definitions: which comes before which, and what they allow for as long as something needs it. Pure.

While a directory changes from one state to another, whatever either allows is allowed: objects still hold values that
their class is to lose, and tombstones come back to life with them. So a schema is made wider first, and narrower last.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Modify, ReloadSchema, Step
from adpersist.restore.plan.object_steps import ObjectSteps
from adpersist.state.differences import Gap

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSteps:
    """Steps for definitions.

    Attributes:
        gaps: Those that are wanted and differ.
        builder: Makes steps of gaps.
    """

    gaps: Sequence[Gap]
    builder: ObjectSteps

    def wider(self) -> Iterator[Step]:
        """Before all else. Attributes, then classes in the order they build on each other; each known to the server
        before the next."""
        attributes, classes = self._in_order()
        for group, reason in ((attributes, "new attributes"), (classes, "new classes")):
            meanwhile = [gap for gap in map(_meanwhile, group) if gap.is_open]
            yield from self.builder.build(meanwhile)
            if meanwhile:
                yield self._reload(meanwhile, f"{reason} can be used from here on")

    def narrower(self) -> Iterator[Step]:
        """After all else. Classes first: no attribute goes out of use that one of them still names."""
        attributes, classes = self._in_order()
        for group in (classes[::-1], attributes):
            narrowed = [gap for gap in group if gap.values != _meanwhile(gap).values]
            for gap in narrowed:
                meanwhile = _meanwhile(gap).values
                rest = {name: found for name, found in gap.values.items() if meanwhile.get(name) != found}
                reason = "nothing needs any more what it allowed"
                yield Modify(guid=gap.guid, dn=self.builder.want.dn(gap.guid), values=rest, reason=reason)
            if narrowed:
                yield self._reload(narrowed, "what was allowed is so no more")

    def _in_order(self) -> tuple[list[Gap], list[Gap]]:
        defined = {gap.guid: gap for gap in self.gaps if gap.want is not None and defines_class(gap.want)}
        classes = [defined[guid] for guid in definitions_in_order(self.builder.want[guid] for guid in defined)]
        return [gap for gap in self.gaps if gap.guid not in defined], classes

    def _reload(self, group: Sequence[Gap], reason: str) -> Step:
        root = next(gap.want.parent or gap.guid for gap in group if gap.want is not None)
        return ReloadSchema(guid=root, dn=self.builder.want.dn(root), reason=reason)


def _meanwhile(gap: Gap) -> Gap:
    """The gap to what allows whatever the definition allows now or will allow."""
    if gap.have is None or not gap.is_live:
        return gap
    there = gap.have.values
    values = {name: _widest(name, there.get(name, ()), found) for name, found in gap.values.items()}
    return replace(gap, values={name: found for name, found in values.items() if found != there.get(name, ())})


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
