"""Is this our DC, and if not: make it so."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from adpersist.config import Config
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.proof import (
    lineage_of,
    refuse_another_journal,
    refuse_store_behind,
    unfinished_restore,
)
from adpersist.errors import WrongDirectoryError
from adpersist.files.local_files import LocalFiles
from adpersist.journal.holder import require_silent, visiting
from adpersist.journal.journal import Journal
from adpersist.model.journal.lineage import Lineage, Verdict
from adpersist.model.plan.difference import Difference
from adpersist.model.plan.engine import Engine
from adpersist.model.plan.terms import OnConflict, OnRevert, Terms
from adpersist.restore.errors import UnfinishedError
from adpersist.restore.files.files_left import bring_files_left
from adpersist.restore.image_age import require_young
from adpersist.restore.outcome import RestoreOutcome
from adpersist.restore.progress import Progress
from adpersist.restore.restoring import go_on_telling, restore
from adpersist.restore.wanted import healing_point, wanted_state

Ended = Callable[[Journal, RestoreOutcome], None]
"""Whoever writes a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardResult:
    """What the guard found and did.

    Attributes:
        lineage: The verdict it found.
        outcome: What the restore did; None when there was none.
        files_left: What an earlier restore left beside the directory, where this run did nothing about it.
    """

    lineage: Lineage
    outcome: RestoreOutcome | None = None
    files_left: int = 0

    @property
    def proven(self) -> bool:
        """The DC is what the journal says, but for differences that are told."""
        return self.outcome is not None or self.lineage.verdict is Verdict.SAME

    @property
    def left(self) -> list[Difference]:
        """What the restore could not close."""
        return self.outcome.left if self.outcome is not None else []

    @property
    def differs(self) -> bool:
        """Something is left, of the directory or beside it."""
        return bool(self.files_left) or (self.outcome is not None and self.outcome.differs)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardTerms:
    """What a guard may do.

    Attributes:
        on_revert: What to do about a DC that was put back.
        restore: How it is restored.
        max_age_days: How old an image is healed without asking; None: by the tombstone lifetime.
        max_silence_days: How long the journal may have been silent.
        accept_old_image: A person said yes to any age.
        take_over: A person said that this machine goes on in the place of another.
        beat_s: How often an agent that lives says so in the journal.
    """

    on_revert: OnRevert
    restore: Terms = field(default_factory=Terms)
    max_age_days: float | None = None
    max_silence_days: float = inf
    accept_old_image: bool = False
    take_over: bool = False
    beat_s: float = inf

    @classmethod
    def of(
        cls,
        configured: Config,
        *,
        on_revert: OnRevert,
        policy: OnConflict,
        engine: Engine | None,
        accept_old_image: bool,
        accept_differences: bool = False,
        take_over: bool = False,
    ) -> "GuardTerms":
        """What the configuration allows, and a person said beside it."""
        return cls(
            on_revert=on_revert,
            restore=Terms(
                policy=policy,
                engine=engine or configured.restore.engine,
                accept_differences=accept_differences,
                opening=configured.boot.open,
            ),
            max_age_days=configured.restore.max_age_days,
            max_silence_days=configured.restore.max_silence_days,
            accept_old_image=accept_old_image,
            take_over=take_over,
            beat_s=configured.agent.beat_s,
        )


def guard(
    dc: DomainController,
    journal: Journal,
    terms: GuardTerms,
    *,
    progress: Progress | None = None,
    closed: bool = False,
    files: LocalFiles | None = None,
    ended: Ended = lambda *_: None,
) -> GuardResult:
    """Check the lineage once; restore if the DC was put back, or if a restore was begun and never ended.

    On a DC that is ``same`` nothing is written anywhere, so that a running agent is not disturbed; but for what the
    last restore, killed once it had ended, did not tell partners, and for files that it had to leave, and that may come
    back by now.

    Args:
        closed: No partner reaches the DC meanwhile.
        files: SYSVOL and the local databases; None: they stay as they are.
        ended: Told of a restore that ended, also with differences left; must not raise.

    Raises:
        MovedError: The journal goes on in another store: what is here proves nothing, and nothing was written.
        RevertedError: The store went back, or another journal watches the DC; nothing was written.
        HeldElsewhereError: Another machine has the journal and lives; nothing was written.
        TooOldError: The image is older than the terms allow; nothing was written.
        WrongDirectoryError: It is another database: nothing can be proven, nothing was written.
        NothingToRestoreError: The journal holds no whole state of the directory.
        NotConvergedError: The restore left so much that it does not end.
    """
    journal.require_here()
    lineage = lineage_of(dc, journal)
    if lineage.verdict is Verdict.REPLACED:
        raise WrongDirectoryError(
            lineage.evidence, hint="If that is intended, `adpersist init` begins a journal for this DC."
        )
    refuse_another_journal(lineage)
    unfinished = unfinished_restore(journal.head)
    lineage = unfinished or lineage
    if terms.on_revert is OnRevert.REPORT:
        return GuardResult(lineage=lineage, files_left=journal.head.files_left)
    owes = lineage.verdict is Verdict.SAME and journal.head.owes_partners
    if lineage.verdict is Verdict.SAME and not owes and not (journal.head.files_left and files is not None):
        return GuardResult(lineage=lineage, files_left=journal.head.files_left)
    refuse_store_behind(lineage)  # said before how old the image is: that is measured by what the store has
    if not terms.take_over:
        require_silent(journal.head, beat_s=terms.beat_s, now=time.time())
    if owes:
        with visiting(journal.id) as writer:
            told = go_on_telling(dc, journal, terms.restore, writer, progress=progress, closed=closed, files=files)
        return GuardResult(lineage=lineage, outcome=told, files_left=journal.head.files_left)
    if lineage.verdict is Verdict.SAME and files is not None:
        with visiting(journal.id) as writer:
            outcome = bring_files_left(dc, journal, files, terms.restore, writer, progress=progress, closed=closed)
        return GuardResult(lineage=lineage, outcome=outcome)
    if not (unfinished or terms.accept_old_image):
        silence = terms.max_silence_days
        require_young(dc, journal, lineage, configured=terms.max_age_days, silence_days=silence)
    if files is not None:
        files.make_ready()
    wanted = wanted_state(journal, healing_point(journal), dc=dc)
    with visiting(journal.id) as writer:
        try:
            outcome = restore(dc, journal, wanted, terms.restore, writer, progress=progress, closed=closed, files=files)
        except UnfinishedError as error:
            ended(journal, error.outcome)
            raise
    ended(journal, outcome)
    return GuardResult(lineage=lineage, outcome=outcome)
