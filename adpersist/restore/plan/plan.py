"""The smallest set of steps from what a DC has to what is wanted, in an order that works."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.step import Delete, Exempt, Modify, Move, Step
from adpersist.restore.plan.definitions import narrower, wider
from adpersist.restore.plan.identities import primary_groups
from adpersist.restore.plan.identities.evictions import evictions
from adpersist.restore.plan.limitations import FEATURES, Limitation, features
from adpersist.restore.plan.object_steps import ObjectSteps
from adpersist.restore.plan.ordering import bottom_up, parking, top_down
from adpersist.restore.plan.service_names import SharedServiceNames
from adpersist.state.differences import Gap
from adpersist.state.state import State

_LAST_NAME: Final = "msDS-LastKnownRDN"
"""What a deleted object was called, [MS-ADTS] 3.1.1.5.5.1.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in order, and what was written locally meanwhile.

    Attributes:
        steps: What will be done.
        last: How many of them wait until no other is left to be done.
        conflicts: Local writes the steps overwrite, or (``dc``) leave alone.
        notes: What will not be as the journal has it, whatever is done.
        left: How many objects differ, and will; the notes say why.
    """

    steps: tuple[Step, ...]
    last: int = 0
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[Limitation, ...] = ()
    left: int = 0

    @property
    def turns(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """What is done first, and what waits for it."""
        begin = len(self.steps) - self.last
        return self.steps[:begin], self.steps[begin:]


def steps(
    gaps: Iterable[Gap],
    want: State,
    have: State,
    exempt: Exempt,
    contexts: Sequence[str],
    *,
    kept: Collection[Guid] = (),
    usurping: Collection[Guid] = (),
    named: Mapping[Guid, Collection[str]] | None = None,
) -> Iterator[Step]:
    """Steps that close the gaps, in order.

    Optional features first, since they rule what a delete leaves behind; whoever holds the SID or the name of a lost
    object makes way; the schema, and its reload, before anything that may need it; then objects made, reanimated and
    moved from the top down; their attributes; the primary group; links, when both ends exist; deletes from the bottom
    up.

    Args:
        contexts: Naming contexts in the order they are restored, the schema first.
        kept: Objects unknown to the journal that stay.
        usurping: Those of them that need another SID.
        named: Attributes that objects of the journal were given on the DC and keep.
    """
    everything = list(gaps)
    switched = list(features(want, have, exempt))
    yield from switched
    everything = [_switched(gap) for gap in everything] if switched else everything
    # where nobody gets a SID back, nobody has to give one up
    making_way = evictions(everything, want, have, exempt, kept=kept, usurping=usurping, named=named)
    evicted = list(making_way) if exempt.reach.gives_identities else []
    yield from evicted
    regrouped = primary_groups.given(evicted)
    known = {gap.guid for gap in everything}
    everything += [
        Gap(guid=guid, want=want[guid], have=have[guid]) for guid in regrouped.keys() - known if want.is_live(guid)
    ]
    for gap in everything:
        if gap.wanted_live and gap.have is None and gap.guid in have:
            reason = "nothing brings such an object back to life: it is made again"
            yield Delete(guid=gap.guid, dn=have.dn(gap.guid), reason=reason, purge=True)
    parked = list(_not_made_way(parking(everything, have), evicted))
    yield from parked
    wanted = top_down((gap for gap in everything if gap.wanted_live), want, contexts)
    schema = [gap for gap in wanted if gap.want is not None and gap.want.nc == contexts[0]]
    doomed = frozenset(gap.guid for gap in everything if not gap.wanted_live)
    shared = SharedServiceNames.among(everything, have)
    yield from shared.freed(have)
    builder = ObjectSteps(want, have, exempt, doomed, named_later=frozenset(shared.wanted), regrouped=regrouped)
    yield from wider(schema, builder)
    yield from builder.build(wanted[len(schema) :])
    yield from shared.given(want, have, doomed)
    dying = doomed - {step.guid for step in [*evicted, *parked] if step.op == "delete"}
    for gap in bottom_up((gap for gap in everything if gap.guid in dying), have):
        dn = have.dn(gap.guid)
        if _LAST_NAME in have[gap.guid].values:
            # Samba 4.17 adds a second value to it when a reanimated object is deleted again, and fails
            yield Modify(guid=gap.guid, dn=dn, values={_LAST_NAME: ()}, reason="left over from a reanimation")
        reason = "deleted since" if gap.want is not None else "the journal has no such object"
        yield Delete(guid=gap.guid, dn=dn, reason=reason)


def last_steps(gaps: Iterable[Gap], want: State, contexts: Sequence[str]) -> Iterator[Step]:
    """What the schema is to allow no more: steps for when all others are done, for until then something may have it.

    Args:
        contexts: As in :func:`steps`.
    """
    schema = (gap for gap in gaps if gap.wanted_live and gap.want is not None and gap.want.nc == contexts[0])
    return narrower(top_down(schema, want, contexts), want)


def _not_made_way(parked: Iterable[Step], evicted: Iterable[Step]) -> Iterator[Step]:
    """What is parked, but for what went already, or was given another name for good."""
    gone, moved, given = set[Guid](), set[Guid](), dict[Guid, Collection[str]]()
    for step in evicted:
        match step:
            case Delete():
                gone.add(step.guid)
            case Move():
                moved.add(step.guid)
            case Modify():
                given[step.guid] = step.values
            case _:
                pass  # a group that is told of a copy keeps its name
    for step in parked:
        if step.guid in gone or (isinstance(step, Move) and step.guid in moved):
            continue
        if isinstance(step, Modify):
            values = {name: found for name, found in step.values.items() if name not in given.get(step.guid, ())}
            if values:
                yield replace(step, values=values)
            continue
        yield step


def _switched(gap: Gap) -> Gap:
    """The server makes the links to features itself."""
    return replace(gap, added={name: refs for name, refs in gap.added.items() if name != FEATURES})
