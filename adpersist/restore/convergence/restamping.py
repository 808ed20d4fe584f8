"""The stamps that replication knows a write by: what had to be written gets those it had."""

from collections.abc import Iterable, Iterator

from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.objects.change import Stamp
from adpersist.model.plan.difference import Difference
from adpersist.restore.convergence.comparison import Comparison
from adpersist.restore.plan.limitations import Limitation
from adpersist.restore.plan.replication import beats, told_anew
from adpersist.telemetry import logger

log = logger("restore")


def others_writes(dc: DomainController, seen: Comparison) -> list[Difference]:
    """What is as wanted and has another stamp, but for what ranks above the wanted one and was not written just now.

    A partner knows such a write, be it of the same values: below it, it would take nothing from the DC any more.

    Args:
        dc: The DC.
        seen: What it has.
    """
    found = seen.stamp_differences()
    if not found or not dc.partners():
        return found
    own = dc.invocation()

    def is_later(line: Difference) -> bool:
        had, wanted = (state[line.guid].stamps.get(line.attribute) for state in (seen.have, seen.want))
        return had is not None and wanted is not None and had.origin != own and beats(had, wanted)

    return [line for line in found if not is_later(line)]


def restamp(dc: DomainController, seen: Comparison, other: Iterable[Difference]) -> bool:
    """Give what is as wanted the stamps that are wanted, and what stays ones that partners follow.

    Args:
        dc: The DC.
        seen: What it has, once all is written.
        other: What of that has other stamps than are wanted.

    Returns:
        Something was tried; what could not be done is logged.
    """
    staying = {(each.guid, name) for each in seen.resolution.staying for name in each.attributes}
    wanted: dict[Guid, dict[str, tuple[Stamp | None, Stamp]]] = {}
    for line in other:
        stamps, had = seen.want[line.guid].stamps, seen.have[line.guid].stamps
        name = line.attribute
        if name in stamps and (line.guid, name) not in staying:
            wanted.setdefault(line.guid, {})[name] = had.get(name), stamps[name]
    for guid, anew in _written_once_more(dc, seen):
        wanted.setdefault(guid, {}).update(anew)
    for guid, reason in dc.restamp(wanted) if wanted else ():
        log.warning("stamps.not_restored", object=guid_text(guid), reason=reason)
    return bool(wanted)


def other_stamps(found: Iterable[Difference]) -> Iterator[Limitation]:
    """Attributes that are as wanted, and that replication knows another write of."""
    by_attribute: dict[str, list[Difference]] = {}
    for line in found:
        by_attribute.setdefault(line.attribute, []).append(line)
    for name, (line, *more) in by_attribute.items():
        others = f", and of {len(more)} other objects" if more else ""
        what = f"replication knows another write of {name}{others}, of the same values"
        yield Limitation(guid=line.guid, dn=line.dn, what=what)


def _written_once_more(dc: DomainController, seen: Comparison) -> Iterator[tuple[Guid, dict[str, tuple[Stamp, Stamp]]]]:
    """Stamps for what stays by the DC's word: a partner knows a later write, or takes what has the old invocationID
    for read."""
    want, have = seen.want, seen.have
    preferred = list(seen.resolution.preferred(want, have))
    if not preferred:
        return
    own, has_partners = dc.own_stamp(), bool(dc.partners())
    for conflict in preferred:
        stamps = have[conflict.guid].stamps if conflict.guid in have else {}
        known = want[conflict.guid].stamps if conflict.guid in want else {}
        stripped = _stripped(conflict.guid, seen)
        anew = {
            name: (had, told_anew(had, known.get(name), own))
            for name, had in stamps.items()
            if (name in conflict.attributes or not conflict.attributes)
            and had.origin != own.origin
            and (had != known.get(name) or name in stripped)
            and (has_partners or (name in known and beats(known[name], had)))
        }
        if anew:
            yield conflict.guid, anew


def _stripped(guid: Guid, seen: Comparison) -> frozenset[str]:
    """What somebody who is kept alive has and the tombstone lost, most of it without a stamp that says so."""
    want, have = seen.want, seen.have
    if guid not in want or want.is_live(guid) or not have.is_live(guid):
        return frozenset()
    return frozenset(have[guid].values.keys() - want[guid].values.keys())
