"""How a look, frame by frame, becomes part of the journal; the position moves with its last frame only."""

from dataclasses import dataclass, replace

from adpersist.journal.appending.appender import Draft, Drafting
from adpersist.journal.drafts.commit_drafts import CommitDrafter
from adpersist.journal.format.head import OpenHead
from adpersist.journal.format.splitting import EMPTY, Piece
from adpersist.model.identity.ids import Seq, Usn
from adpersist.model.journal.head import Head, Position, Quarantined, Witness


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What the head says once a look is in the journal.

    Attributes:
        usn_from: Where the look began.
        position: Where the feed stands after it.
        witnesses: The whole new set; ``seq`` 0 stands for the number of the look's last commit.
        complete: The first whole look is in the journal.
        quarantined: The whole new set; None: as it is.
        scrubbed: When all of the directory was compared, if this look did.
    """

    usn_from: Usn
    position: Position
    witnesses: tuple[Witness, ...]
    complete: bool
    quarantined: tuple[Quarantined, ...] | None = None
    scrubbed: float | None = None

    def on(self, base: Head) -> Head:
        """The head after a look that ends right after ``base``."""
        seq = Seq(base.seq + 1)
        return replace(
            base,
            position=self.position,
            witnesses=tuple(each if each.seq else replace(each, seq=seq) for each in self.witnesses),
            complete=base.complete or self.complete,
            settled=True,
            quarantined=base.quarantined if self.quarantined is None else self.quarantined,
            scrubbed=base.scrubbed if self.scrubbed is None else self.scrubbed,
        )


def piece_drafting(drafter: CommitDrafter, piece: Piece, ending: Ending, *, onto: bytes | None, last: bool) -> Drafting:
    """Drafts one frame of a look; nothing when it must directly follow the frame ``onto`` and no longer would."""

    def drafting(base: OpenHead) -> Draft | None:
        if onto is not None and base.head.digest != onto:
            return None
        head = ending.on(base.head) if last else replace(base.head, settled=False)
        return drafter.look(base, piece, head=head, usn=(ending.usn_from, ending.position.usn))

    return drafting


def nothing_found(drafter: CommitDrafter, base: OpenHead, ending: Ending) -> Draft | None:
    """A look without changes: the head alone, and not even that when it says so already.

    An empty commit when it makes a point one can restore to: it ends a look that a crash cut off, or the first one.
    """
    head = ending.on(base.head)
    if head == base.head:
        return None
    if base.head.settled and head.complete == base.head.complete:
        return drafter.head_only(base, head)
    return drafter.look(base, EMPTY, head=head, usn=(ending.usn_from, ending.position.usn))


def files_drafting(
    drafter: CommitDrafter, compressed: bytes, *, changes: int, told: Seq | None, settles: bool
) -> Drafting:
    """Drafts one frame of a look at files; content alone leaves the head's word on what is settled as it is.

    Args:
        changes: How many it delivers.
        told: The commit the directory was told of before; None: as the head says.
        settles: It is the look's last.
    """

    def drafting(base: OpenHead) -> Draft | None:
        usn = base.head.position.usn if base.head.position is not None else Usn(0)
        head = replace(base.head, settled=settles) if settles or changes else base.head
        if told is not None:
            head = head.once_told(told)
        return drafter.files(base, compressed, head=head, changes=changes, usn=usn)

    return drafting
