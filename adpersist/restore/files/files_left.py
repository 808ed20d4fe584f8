"""Going on with files that a restore had to leave: the directory came back, and what was in their way may be gone."""

import time

from adpersist.capture.capture import Capture
from adpersist.directory.domain_controller import DomainController
from adpersist.files.local_files import LocalFiles
from adpersist.journal.journal import Journal
from adpersist.model.journal.head import Writer
from adpersist.model.plan.terms import Terms
from adpersist.restore.files.files_back import FilesBack
from adpersist.restore.outcome import RestoreOutcome
from adpersist.restore.progress import Progress
from adpersist.restore.restoring import require_nothing_more
from adpersist.telemetry import logger

log = logger("restore")


def bring_files_left(
    dc: DomainController,
    journal: Journal,
    files: LocalFiles,
    terms: Terms,
    writer: Writer,
    *,
    progress: Progress | None = None,
    closed: bool = False,
) -> RestoreOutcome:
    """Put back what the last restore left of SYSVOL and the local databases; the directory stays as it is.

    What somebody wrote there since is captured first, and stays: it is newer than what was to come back.

    Args:
        closed: No partner reaches the DC meanwhile.

    Raises:
        UnfinishedError: On a closed DC, something is left that gives somebody more than the journal does.
        RevertedError, FencedError, StoreError, DirectoryError: Run it again; it goes on.
    """
    capture = Capture.begin(dc, journal, writer, files=files)
    capture.look()
    capture.look_at_files_until_whole(time.sleep)
    back = FilesBack(files, journal, journal.head.seq, terms.policy, progress)
    back.before_the_directory()
    back.after_the_directory()
    outcome = RestoreOutcome(files=back.outcome)
    journal.note_files_left(len(outcome.lines), now=time.time())
    capture.hand_back()
    log.info("files.gone_on_with", left=len(outcome.lines))
    require_nothing_more(outcome, terms, closed=closed)
    return outcome
