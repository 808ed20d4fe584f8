"""What a restore says of itself, put together: why it began, and what came of it.

In: a lineage, an outcome. Out: documents of bounded size, which the journal keeps and `report` reads again.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from adpersist import __version__
from adpersist.directory.domain_controller import DomainController
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.journal.account import Count, LostObject, Reason, Remark, Result, What
from adpersist.model.journal.lineage import Lineage, Verdict
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.secret_attributes import PASSWORD_ATTRIBUTES
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.terms import Terms
from adpersist.restore.image_age import image_time
from adpersist.restore.outcome import RestoreOutcome
from adpersist.restore.wanted import WantedState
from adpersist.state.differences import Gap

_LARGEST: Final = 120_000
"""Bytes of an account: a restore must never fail because of what it says of itself."""
_LISTED: Final = (400, 100, 25, 0)
"""So many lines of each list; the next number is tried where the account would be too large."""
_LONGEST: Final = 1000
"""Characters of a name."""
_MOST_NAMES: Final = 40
"""Attributes named of one object."""


def reason(dc: DomainController, journal: Journal, lineage: Lineage, terms: Terms) -> Reason:
    """Why a restore begins. Raises: DirectoryError, StoreError."""
    reverted = lineage.verdict is Verdict.REVERTED
    canary = dc.canary(journal.seed)
    image = canary.seq if canary is not None else lineage.about
    return Reason(
        verdict=str(lineage.verdict),
        evidence=lineage.evidence,
        image=image if reverted else None,
        image_time=image_time(dc, journal, lineage) if reverted else None,
        journal_time=journal.head.time if reverted else None,
        noticed=time.time(),
        on_conflict=str(terms.policy),
        engine=str(terms.engine),
        partners=len(dc.partners()),
        version=__version__,
    )


def result(outcome: RestoreOutcome, wanted: WantedState, *, began: float, ended: float) -> Result:
    """What came of a restore, in at most :data:`_LARGEST` bytes of JSON."""
    names, left = {each.guid: each.dn for each in outcome.conflicts}, outcome.lines
    lost = [_lost(gap, wanted, names) for gap in outcome.lost]
    for most in _LISTED:
        found = Result(
            began=began,
            ended=ended,
            objects=len(wanted.state),
            lost=_counted((each.what, each.object_class) for each in lost),
            listed=tuple(lost[:most]),
            steps=_counted((step.op, "") for step in outcome.applied),
            rounds=outcome.rounds,
            conflicts=len(outcome.conflicts),
            conflicts_listed=tuple(map(_conflict, outcome.conflicts[:most])),
            notes=len(outcome.notes),
            notes_listed=tuple(
                Remark(guid=guid_text(each.guid), dn=_short(each.dn), what=_short(each.what))
                for each in outcome.notes[:most]
            ),
            left=len(left),
            left_listed=tuple(
                Remark(
                    guid=guid_text(each.guid),
                    dn=_short(each.dn),
                    kind=each.kind,
                    what=_short(each.reason),
                    attributes=_names([each.attribute] if each.attribute else []),
                    gives_more=each.gives_more,
                )
                for each in left[:most]
            ),
            refused=tuple(
                Remark(
                    guid=guid_text(each.step.guid), dn=_short(each.step.dn), kind=each.step.op, what=_short(each.reason)
                )
                for each in outcome.refusals[:most]
            ),
            restart_needed=outcome.restart_needed,
        )
        if len(found.model_dump_json().encode()) <= _LARGEST:
            return found
    # classes without end
    return found.model_copy(update={"lost": _counted((each.what, "") for each in lost)})


def _lost(gap: Gap, wanted: WantedState, names: dict[Guid, str]) -> LostObject:
    shown = gap.want or gap.have
    dn = wanted.state.dn(gap.guid) if gap.guid in wanted.state else names.get(gap.guid, shown.rdn if shown else "")
    attributes = [*gap.values, *gap.added, *gap.removed] if gap.is_live and gap.wanted_live else []
    return LostObject(
        what=_what(gap),
        object_class=_class(shown),
        guid=guid_text(gap.guid),
        dn=_short(dn),
        attributes=_names(attributes),
        password=not gap.values.keys().isdisjoint(PASSWORD_ATTRIBUTES),
    )


def _what(gap: Gap) -> What:
    if gap.wanted_live and not gap.is_live:
        return "missing"
    if not gap.wanted_live:
        return "unknown" if gap.want is None else "alive"
    return "moved" if gap.moved else "changed"


def _class(item: ObjectState | None) -> str:
    classes = item.values.get("objectClass", ()) if item is not None else ()
    return _short(classes[-1].decode(errors="replace")) if classes else ""


def _conflict(each: Conflict) -> Remark:
    kind = "replicated" if each.replicated else "meanwhile" if each.meanwhile else "local"
    return Remark(guid=guid_text(each.guid), dn=_short(each.dn), kind=kind, attributes=_names(each.attributes))


def _counted(kinds: Iterable[tuple[str, str]]) -> tuple[Count, ...]:
    found = Counter(kinds)
    return tuple(Count(what=what, object_class=kind, count=count) for (what, kind), count in sorted(found.items()))


def _names(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_short(each) for each in sorted(set(names))[:_MOST_NAMES])


def _short(text: str) -> str:
    plain = text.encode(errors="backslashreplace").decode()  # JSON has no half characters
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
