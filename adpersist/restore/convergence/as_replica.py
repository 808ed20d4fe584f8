"""Having a DC that was put back receive what it lacks as a replica does, once strangers are out of its way."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from adpersist.directory.domain_controller import DomainController
from adpersist.directory.write.target import Target
from adpersist.directory.write.transactional_target import TransactionalTarget
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.objects.change import Stamp
from adpersist.model.plan.engine import Engine
from adpersist.model.plan.replicated import Replica, Spared
from adpersist.model.plan.step import Create, ReloadSchema, Step
from adpersist.restore.convergence.applying import apply
from adpersist.restore.convergence.comparison import Comparison
from adpersist.restore.convergence.planning import closing_steps, raised_rids
from adpersist.restore.plan.identities import primary_groups
from adpersist.restore.plan.making_way import making_way
from adpersist.restore.plan.replicated_updates import ReplicatedUpdates, above_tombstones, as_own, linked_to
from adpersist.restore.plan.replication import replica
from adpersist.restore.progress import Progress
from adpersist.restore.wanted import WantedState
from adpersist.state.fold import without_gc
from adpersist.state.state import State
from adpersist.telemetry import logger

_A_LOOK_COSTS: Final = 50
"""With tdb one look more goes through a naming context: so many objects of it take as long as one that is received."""

log = logger("restore")


@dataclass(slots=True, kw_only=True)
class Received:
    """What came of it.

    Attributes:
        lacked: Something was sent.
        applied: Steps carried out beside that, and those there is no need for any more.
        aside: What the DC refused to receive, and why.
        wrote: Objects that were written to, or tried.
        given: Objects that were sent with the stamps of whoever wrote them, and nothing else of them.
        linked: Those of which links were sent.
    """

    lacked: bool = False
    applied: list[Step] = field(default_factory=list)
    aside: dict[Guid, str] = field(default_factory=dict)
    wrote: set[Guid] = field(default_factory=set)
    given: frozenset[Guid] = frozenset()
    linked: frozenset[Guid] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How strangers made way.

    Attributes:
        applied: Steps carried out.
        wrote: Objects that were written to, or tried.
        regrouped: Those of them that had to get another primary group for it, and these groups.
    """

    applied: Sequence[Step] = ()
    wrote: frozenset[Guid] = frozenset()
    regrouped: frozenset[Guid] = frozenset()


def receive_lacking(
    dc: DomainController,
    wanted: WantedState,
    seen: Comparison,
    lacking: Replica,
    target: TransactionalTarget,
    progress: Progress,
    *,
    meanwhile: Callable[[Collection[str]], None] = lambda _: None,
) -> Received:
    """Send what the DC lacks; what it has already, with its stamp, it takes no second time.

    Args:
        dc: The DC.
        wanted: What it is to be, and what the journal knows that helps.
        seen: What the DC has.
        lacking: What is sent (:func:`what_lacks`).
        target: Its database.
        progress: Told how far it has come.
        meanwhile: Told, from another thread, of naming contexts to look at while others receive, or the rest comes.

    Raises:
        DirectoryUnreachableError: The DC went away; it may be done again.
    """
    received = Received()

    def carry_out(steps: list[Step]) -> list[Step]:
        received.wrote.update(step.guid for step in steps)
        return apply(steps, target, progress.applying).steps

    own = dc.invocation()  # asked now: afterwards its own server may lie in another site
    idle, busy = _by_use(dc, lacking)
    is_large = _A_LOOK_COSTS * lacking.size > len(seen.have)
    with ThreadPoolExecutor(1) as beside:
        looked = [beside.submit(meanwhile, idle)]
        to_close = beside.submit(lambda: list(closing_steps(dc.feed.contexts, seen)))

        def told(done: int, total: int) -> None:
            progress.applying(done, total)
            if is_large and 2 * done >= total and len(looked) == 1:
                looked.append(beside.submit(meanwhile, busy))

        # also where nothing is lacking: a run that was killed may have left the keytab behind
        for each in target.receive(lacking, told, goes_on=wanted.begun is not None):
            log.warning("replica.refused", object=guid_text(each.guid), link=each.attribute, reason=each.reason)
            received.aside[each.guid] = each.reason
    for look in looked:
        look.result()
    if not lacking:
        return received
    received.lacked = True
    anew = lacking.written_anew(own)
    received.wrote |= anew
    received.given = lacking.touched - anew
    received.linked = frozenset(link.source for links in lacking.links.values() for link in links)
    taken = lacking.touched - received.aside.keys()
    received.applied += [step for step in to_close.result() if step.guid in taken]
    if lacking.changes_the_ground:
        carry_out(list(_reloaded(dc, lacking)))
        dc.reconnect()
    # before the look that proves all of it
    received.applied += carry_out(list(raised_rids(dc, wanted, seen)))
    return received


def move_away(
    dc: DomainController, wanted: WantedState, seen: Comparison, target: TransactionalTarget, progress: Progress
) -> Moved:
    """Have strangers make way for what is to be received.

    Args:
        dc, wanted, seen, target, progress: As for :func:`receive_lacking`.

    Raises:
        DirectoryUnreachableError: The DC went away; it may be done again.
    """
    resolution = seen.resolution
    moving = list(
        making_way(
            seen.gaps,
            seen.want,
            seen.have,
            seen.exempt,
            kept=resolution.kept,
            usurping=seen.usurping,
            named=resolution.named,
        )
    )
    if not moving:
        return Moved()
    # whoever is given a SID of its own must not be given that of somebody who is to come back
    moving = [*raised_rids(dc, wanted, seen), *moving]
    given = primary_groups.given(moving)
    regrouped = frozenset({*given, *primary_groups.joined(given, seen.have)})
    applied = apply(moving, target, progress.applying).steps
    return Moved(applied=applied, wrote=regrouped.union(step.guid for step in moving), regrouped=regrouped)


def say_again(
    dc: DomainController, have: State, updates: ReplicatedUpdates, engine: Engine, progress: Progress
) -> None:
    """Have the DC say what replication brought it as its own of today; values, versions and times stay.

    Args:
        dc: The DC.
        have: What it has.
        updates: What came; what was written over since is left out.
        engine: By which way to write.
        progress: Told how far it has come.

    Raises:
        DirectoryUnreachableError: The DC went away.
    """
    own = dc.own_stamp()
    claimed = as_own(have, updates, own)
    with dc.writing(engine) as target:
        if isinstance(target, TransactionalTarget):
            _claim(dc, have, claimed, target, progress, own=own)
        else:
            stamps = {
                guid: {
                    name: (had, claimed[guid].stamps[name])
                    for name, had in came.items()
                    if have[guid].stamps.get(name) == had
                }
                for guid, came in updates.attributes.items()
                if guid in have
            }
            _tell_refused(dc.restamp(stamps))
    log.info("replicated.said_again", objects=len(updates.attributes.keys() | updates.links.keys()))


def outrank_tombstones(
    dc: DomainController, wanted: WantedState, have: State, applied: Iterable[Step], target: Target, progress: Progress
) -> bool:
    """Have partners follow what was made again: each has a tombstone of it, with later versions than what is made.

    Args:
        dc: The DC.
        wanted: What the journal knows of the versions there were.
        have: What the DC has by now.
        applied: What was done for that.
        target: By which way to write.
        progress: Told how far it has come.

    Returns:
        Something was written.

    Raises:
        DirectoryUnreachableError: The DC went away.
    """
    created = frozenset(step.guid for step in applied if isinstance(step, Create) and have.is_live(step.guid))
    # stamps that are written over LDAP come too late: partners ask for nothing that has its old number
    if not created or not isinstance(target, TransactionalTarget) or not dc.partners():
        return False
    linked = linked_to(have, created)
    recorded = {
        guid: {name: max(stamp.version for stamp in found) for name, found in stamps.items() if found}
        for guid, stamps in wanted.recorded(linked.union(created)).items()
    }
    made = created & recorded.keys()  # others are a copy of somebody, which nobody ever deleted
    if made:
        own = dc.own_stamp()
        _claim(dc, have, above_tombstones(have, made, linked, recorded, own), target, progress, own=own)
        log.info("restore.tombstones_outranked", objects=len(made))
    return bool(made)


def _claim(
    dc: DomainController, have: State, claimed: State, target: TransactionalTarget, progress: Progress, *, own: Stamp
) -> None:
    """Give what the DC has other stamps, by which its partners take it."""
    sent = replica(claimed, have, dc.feed.contexts, Spared(), own=own)
    _tell_refused((each.guid, each.reason) for each in target.receive(sent, progress.applying, goes_on=False))


def _tell_refused(refused: Iterable[tuple[Guid, str]]) -> None:
    for guid, reason in refused:
        log.warning("replicated.not_said_again", object=guid_text(guid), reason=reason)


def _by_use(dc: DomainController, lacking: Replica) -> tuple[list[str], list[str]]:
    """The naming contexts that nobody writes to while the DC receives that, and the others."""
    if not lacking or lacking.changes_the_ground:
        return [], []  # its own server may be on the way to another site: until that is over it is asked nothing
    # the machine's own account and the RID pools are the domain's
    written = lacking.contexts | {dc.dse.domain}
    return [nc for nc in dc.feed.contexts if nc not in written], [nc for nc in dc.feed.contexts if nc in written]


@without_gc()
def what_lacks(
    dc: DomainController, wanted: WantedState, seen: Comparison, *, regrouped: Collection[Guid] = ()
) -> Replica:
    """All that the DC lacks, by stamp.

    Args:
        dc, wanted, seen: As for :func:`receive_lacking`.
        regrouped: What we wrote to for others to make way; what the journal has of it counts.
    """
    want, have, resolution = seen.want, seen.have, seen.resolution
    return replica(
        want,
        have,
        dc.feed.contexts,
        seen.exempt.spared,
        own=dc.own_stamp(),
        overwritten=resolution.overwritten.union(regrouped),
        staying=resolution.untouched(want, have, seen.occupied),
        preferred=resolution.preferred(want, have),
        machine_passwords=wanted.own_passwords,
    )


def _reloaded(dc: DomainController, lacking: Replica) -> Iterator[Step]:
    """The running DC reads what was defined in its database when it is told to."""
    if any(batch.defines for batch in lacking.batches):
        schema = dc.feed.contexts[0]
        root = next(guid for guid, nc in dc.feed.roots.items() if nc == schema)
        yield ReloadSchema(guid=root, dn=schema, reason="what was defined can be used from here on")
