"""The smallest set of steps from what a DC has to what is wanted, in an order that works."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from adpersist.model.change import Values
from adpersist.model.ids import Guid
from adpersist.model.step import Create, Delete, Exempt, Link, Modify, Move, Reanimate, Step
from adpersist.replay.diff import Gap
from adpersist.replay.order import bottom_up, parking, top_down
from adpersist.replay.state import State

_LATE: Final = frozenset({"primaryGroupID"})
"""Refused until the account is a member of that group ([MS-SAMR] 3.1.1.8.2)."""


class OnConflict(StrEnum):
    """Whose word counts where the DC was written to after it was put back."""

    JOURNAL = "journal"
    DC = "dc"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Something written on the reverted DC before the restore.

    Attributes:
        guid: Which object.
        dn: Where it is on the DC.
        attributes: What was written; empty when the whole object is unknown to the journal.
    """

    guid: Guid
    dn: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in order, and what was written locally meanwhile.

    Attributes:
        steps: What will be done.
        conflicts: Local writes the steps overwrite, or (``dc``) leave alone.
    """

    steps: tuple[Step, ...]
    conflicts: tuple[Conflict, ...] = ()


def settle(gaps: Sequence[Gap], conflicts: Sequence[Conflict], policy: OnConflict) -> list[Gap]:
    """The gaps that are to be closed under a policy; with ``dc`` local writes stay."""
    if policy is not OnConflict.DC:
        return list(gaps)
    kept = {conflict.guid: conflict.attributes for conflict in conflicts}
    closing = []
    for gap in gaps:
        if gap.guid not in kept:
            closing.append(gap)
        elif kept[gap.guid]:
            narrowed = Gap(
                guid=gap.guid,
                want=gap.want,
                have=gap.have,
                values={name: values for name, values in gap.values.items() if name not in kept[gap.guid]},
                added=gap.added,
                removed=gap.removed,
                moved=gap.moved and "name" not in kept[gap.guid],
            )
            if narrowed.values or narrowed.added or narrowed.removed or narrowed.moved:
                closing.append(narrowed)
    return closing


def steps(gaps: Iterable[Gap], want: State, have: State, exempt: Exempt, contexts: Sequence[str]) -> Iterator[Step]:
    """Steps that close the gaps, in order.

    Parking first; then objects made, reanimated and moved from the top down; their attributes; links, when both ends
    exist; the primary group, when its membership exists; deletes from the bottom up.
    """
    everything = list(gaps)
    wanted = top_down((gap for gap in everything if gap.wanted_live), want, contexts)
    yield from parking(everything, have)
    for gap in wanted:
        yield from _placed(gap, want, have, exempt)
    for gap in wanted:
        yield from _filled(gap, want, exempt)
    for gap in wanted:
        if gap.added or gap.removed:
            yield Link(
                guid=gap.guid, dn=want.dn(gap.guid), added=gap.added, removed=gap.removed, reason=_why_links(gap)
            )
    for gap in wanted:
        late = {name: gap.values[name] for name in _LATE if name in gap.values}
        if late and gap.is_live:
            yield Modify(guid=gap.guid, dn=want.dn(gap.guid), values=late, reason="set once the membership exists")
    for gap in bottom_up((gap for gap in everything if not gap.wanted_live), have):
        yield Delete(
            guid=gap.guid,
            dn=have.dn(gap.guid),
            reason="deleted since" if gap.want is not None else "the journal has no such object",
        )


def _placed(gap: Gap, want: State, have: State, exempt: Exempt) -> Iterator[Step]:
    assert gap.want is not None  # noqa: S101 - wanted
    dn = want.dn(gap.guid)
    if gap.have is None:
        made_with = {name: values for name, values in gap.values.items() if _at_birth(name, exempt)}
        yield Create(guid=gap.guid, dn=dn, values=made_with, reason="created since")
    elif not gap.is_live:
        yield Reanimate(guid=gap.guid, dn=dn, reason="alive in the journal, a tombstone here")
    elif gap.moved and gap.want.parent is not None:
        yield Move(
            guid=gap.guid,
            dn=have.dn(gap.guid),
            parent_dn=want.dn(gap.want.parent),
            rdn=gap.want.rdn,
            reason="moved or renamed since",
        )


def _filled(gap: Gap, want: State, exempt: Exempt) -> Iterator[Step]:
    dn = want.dn(gap.guid)
    if gap.have is None:
        rest = {name: values for name, values in gap.values.items() if not _at_birth(name, exempt)}
        reason = "cannot be set while creating"
    else:
        rest = {name: values for name, values in gap.values.items() if name not in _LATE or not gap.is_live}
        reason = "changed since"
    if rest:
        yield Modify(guid=gap.guid, dn=dn, values=rest, reason=reason)


def _at_birth(name: str, exempt: Exempt) -> bool:
    return name not in exempt.created_with


def _why_links(gap: Gap) -> str:
    return f"{sum(map(len, gap.added.values()))} added, {sum(map(len, gap.removed.values()))} removed since"


def values_of(step: Step) -> dict[str, Values]:
    """The attribute values a step writes; empty for steps that write none."""
    return dict(step.values) if isinstance(step, Create | Modify) else {}
