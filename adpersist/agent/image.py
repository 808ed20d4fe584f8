"""The machine's golden image: noting in the journal that it is taken now, and how old it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from adpersist.agent.status import Status, status
from adpersist.directory.domain_controller import DomainController
from adpersist.errors import AdpersistError, PointError, RevertedError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid
from adpersist.model.journal.head import IMAGE, Head, Mark, Writer
from adpersist.model.journal.lineage import Verdict

DAY_S: Final = 86_400.0
_PAUSE_S: Final = 0.2


class BehindError(AdpersistError):
    """The journal lacks what the DC has: an image taken now would hold more than the journal."""


def mark_image(
    dc: DomainController,
    journal: Journal,
    writer: Writer,
    *,
    wait_s: float,
    pause: Callable[[float], None] = time.sleep,
) -> Mark:
    """Note that the image is taken now: of a DC that is proven, and of which the journal lacks nothing.

    Args:
        wait_s: The agent may take so long to bring the journal up to the DC.

    Raises:
        RevertedError: The DC is not what the journal says: its image would be no good.
        BehindError: The journal lacks something, and nobody brings it there.
    """
    deadline = time.monotonic() + wait_s
    while (found := _proven(dc, journal)).lag_usn:
        if time.monotonic() >= deadline:
            raise BehindError(
                f"the journal is {found.lag_usn} USNs behind the domain controller ({found.pending} objects)",
                hint="Start the agent, or `adpersist agent --once`, and mark the image then.",
            )
        pause(_PAUSE_S)
        journal.refresh()
    journal.mark(IMAGE, writer=writer, now=time.time())
    made = journal.head.image
    if made is None:  # somebody pruned it in the same moment
        raise PointError("the mark is gone again", hint="Run it once more.")
    return made


def _proven(dc: DomainController, journal: Journal) -> Status:
    found = status(dc, journal)
    if found.lineage.verdict is not Verdict.SAME:
        raise RevertedError(
            f"the domain controller is {found.lineage.verdict}: {found.lineage.evidence}",
            hint="Run `adpersist guard` first: an image is taken of a domain controller that is proven.",
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAge:
    """How far behind the image is.

    Attributes:
        mark: When it was taken.
        age_s: Seconds since.
        commits: How many came since, marks and restores counted.
    """

    mark: Mark
    age_s: float
    commits: int


def image_age(head: Head, now: float) -> ImageAge | None:
    """None: nobody noted when the image was taken."""
    mark = head.image
    if mark is None:
        return None
    return ImageAge(mark=mark, age_s=max(now - mark.time, 0.0), commits=head.seq - mark.seq)


def changes_since(journal: Journal, mark: Mark) -> tuple[int, int]:
    """Objects that changed since the image, and changes of them: what a heal from it would bring back at the most."""
    guids: set[Guid] = set()
    changes = 0
    for commit in journal.way(mark.seq, journal.head.seq):
        changes += len(commit.changes)
        guids.update(change.guid for change in commit.changes)
    return len(guids), changes
