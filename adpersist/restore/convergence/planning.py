"""The plan as things stand: what closes the gaps, after what keeps a RID from being handed out twice."""

from collections.abc import Iterator, Sequence

from adpersist.directory.domain_controller import DomainController
from adpersist.model.plan.step import Step
from adpersist.restore.convergence.comparison import Comparison
from adpersist.restore.plan.identities.rid_pools import handed_out, known_rids, raised
from adpersist.restore.plan.plan import Plan, last_steps, steps
from adpersist.restore.wanted import WantedState


def planned(dc: DomainController, wanted: WantedState, seen: Comparison) -> Plan:
    """What is to be done after a look; nothing is written."""
    last = tuple(last_steps(seen.gaps, seen.want, dc.feed.contexts))
    found = (*raised_rids(dc, wanted, seen), *closing_steps(dc.feed.contexts, seen), *last)
    conflicts, left = seen.resolution.conflicts, len(seen.held)
    return Plan(steps=found, last=len(last), conflicts=conflicts, notes=seen.notes, left=left)


def closing_steps(contexts: Sequence[str], seen: Comparison) -> Iterator[Step]:
    """What closes the gaps that a look has shown; the DC is not asked, and may be written to meanwhile.

    Args:
        contexts: Its naming contexts, the schema first.
        seen: The look.
    """
    return steps(
        seen.gaps,
        seen.want,
        seen.have,
        seen.exempt,
        contexts,
        kept=seen.resolution.kept,
        usurping=seen.usurping,
        named=seen.resolution.named,
    )


def raised_rids(dc: DomainController, wanted: WantedState, seen: Comparison) -> Iterator[Step]:
    """Steps that lift the DC's RID set above every RID that was ever given out; none for a part of the directory."""
    raises = wanted.scope.is_everything and dc.privileged
    if raises and (rids := dc.rids()) is not None:
        known = known_rids(wanted.state, seen.have, domain=dc.identity.domain, given=wanted.given)
        if not seen.usurping and _was_put_back(dc, wanted):  # whoever is to get a SID of its own gets it of this pool
            known |= handed_out(rids, wanted.state)
        yield from raised(rids, wanted.state, known | {wanted.last_given_rid})


def _was_put_back(dc: DomainController, wanted: WantedState) -> bool:
    """It has partners, and goes on under another invocationID than the journal knows."""
    server = wanted.state.get(wanted.head.identity.server)
    known = server.values.get("invocationId", ()) if server is not None else ()
    return dc.invocation() not in known and bool(dc.partners())
