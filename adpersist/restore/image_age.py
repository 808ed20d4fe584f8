"""How old the image is that a DC was put back to, and the journal's last word, before a person must say yes.

What was deleted is remembered as long as a tombstone lives. A DC from before that has forgotten what its partners, its
backups and the journal still know, and nobody is sure any more that going on from there is what is wanted. The store
of a journal that was silent for long may have gone back, too.
"""

import time

from adpersist.directory.domain_controller import DomainController
from adpersist.errors import RevertedError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.lineage import Lineage
from adpersist.reading.rfc3339 import rfc3339

_DAY_S = 86400.0
_MARGIN_DAYS = 7.0
_SLACK_S = 3600.0
"""Clocks of two machines may differ so much."""


class TooOldError(RevertedError):
    """The image is older than the policy allows. Nothing was written."""


def limit_days(configured: float | None, tombstone_days: float) -> float:
    """The configured limit, else a week less than tombstones live (half their life where that is short)."""
    return configured if configured is not None else max(tombstone_days - _MARGIN_DAYS, tombstone_days / 2)


def require_young(
    dc: DomainController,
    journal: Journal,
    lineage: Lineage,
    *,
    configured: float | None,
    silence_days: float,
    now: float | None = None,
) -> None:
    """Make sure that a reverted DC may be healed without asking.

    Args:
        configured: How old the image may be, in days; None: see :func:`limit_days`.
        silence_days: How long the journal may have been silent.
        now: Unix seconds.

    Raises:
        TooOldError: It may not.
    """
    limit = limit_days(configured, dc.tombstone_days())
    here, captured = time.time() if now is None else now, journal.last_commit_time() or 0.0
    if here < captured - _SLACK_S:
        raise TooOldError(
            f"the clock says {rfc3339(here)}, and the journal was written to at {rfc3339(captured)}: how old the image "
            "is cannot be told",
            hint="Set the clock. If the journal was written to while a clock stood ahead: --accept-old-image.",
        )
    silent = (here - journal.head.time) / _DAY_S
    if silent > silence_days and not journal.has_witness:
        raise TooOldError(
            f"nothing was written to the journal for {silent:.1f} days, the limit is {silence_days:g} days: "
            "if its store went back, too, what was captured since is not in it, and would be deleted",
            hint="Look at the store. If the machine was off for so long: --accept-old-image. A witness outside of "
            "both, [journal] witness, tells without asking; [restore] max_silence_days sets the limit.",
        )
    age = (here - image_time(dc, journal, lineage)) / _DAY_S
    if age > limit:
        raise TooOldError(
            f"the domain controller was put back to an image {age:.1f} days old, the limit is {limit:g} days",
            hint="If the clock is right and this is meant: --accept-old-image. [restore] max_age_days sets the limit.",
        )


def image_time(dc: DomainController, journal: Journal, lineage: Lineage) -> float:
    """Unix seconds up to which the DC and the journal agree, as nearly as that can be told; never later than that."""
    head, canary = journal.head, dc.canary(journal.seed)
    remembered = canary.seq if canary is not None else lineage.about
    for lost in reversed(head.lost):
        if remembered is not None and lost.holds(remembered):
            remembered = Seq(lost.first - 1)  # what is left before it
    if remembered is not None and head.pruned < remembered <= head.seq:
        return _time_after(journal, Seq(remembered - 1))
    # older than all the journal holds: before its first commit, and no later than the DC's own newest write
    kept = next((each.time for each in head.checkpoints if each.seq == head.pruned), None)
    first = kept if kept is not None else _time_after(journal, head.pruned)
    return min(first, dc.newest_write())


def _time_after(journal: Journal, seq: Seq) -> float:
    """Of the first commit after one that is not lost."""
    return next(commit.time for commit in journal.commits(after=seq))
