"""One entry of the journal, as it is read back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from adpersist.model.files.file_changes import NO_FILES, FileChanges
from adpersist.model.identity.ids import Seq, Usn
from adpersist.model.journal.head import Writer
from adpersist.model.objects.audit import Audited
from adpersist.model.objects.change import Change
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.difference import FILE, Difference


class CommitKind(StrEnum):
    """What a commit is for."""

    LOOK = "look"
    """Changes one look at the directory found."""

    PART = "part"
    """A piece of a change too large for one frame; carries nothing itself, the next LOOK delivers it whole."""

    MARK = "mark"
    """A named point."""

    RESTORE_BEGIN = "restore-begin"
    """The DC is being taken to ``target``; nothing is captured until it is there."""

    RESTORE_END = "restore-end"
    """The DC is at ``target``; a new timeline begins with this commit."""

    REPAIR = "repair"
    """Commits the newest state is made of are lost; a new timeline begins with this commit on top of ``target``, 0 for
    nothing, and a look at everything is due."""

    FILES = "files"
    """What a look at SYSVOL and the local databases found."""

    USE = "use"
    """Who looked at the journal and what they did, as the console tells it."""


BESIDE: Final = frozenset({CommitKind.MARK, CommitKind.USE})
"""What anybody who has the key adds beside the capture, and fences nobody by."""

ASIDE: Final = BESIDE | {CommitKind.FILES}
"""What says nothing of the directory: it need not be told of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One verified commit.

    Attributes:
        seq: Its number; numbers have no gap.
        timeline: The timeline it belongs to, from 1.
        kind: What it is for.
        time: Unix seconds, microsecond resolution, when it was made.
        usn_from: The look covered the DC's writes from here on; 0 in commits that are no look.
        usn_to: Up to here, included; 0 in commits that are no look. A FILES has that of the look before it in both.
        changes: In the order they were handed in; empty for everything but a LOOK.
        files: What a FILES tells; empty for everything else.
        audited: Of a LOOK: what Samba's audit log said of who wrote; None: nobody asked it.
        ends_look: The directory was as the journal says after this commit; False inside a split look. A commit that
            is no look takes it over from the one before.
        complete: A whole first look is in the journal with this commit or before it.
        mark: The name, of a MARK.
        target: The point restored to, of a RESTORE_BEGIN or RESTORE_END; what a REPAIR goes on from.
        writer: Who made it, where it was not the capturing agent: MARK, USE and RESTORE_BEGIN.
        conflicts: Of a RESTORE_BEGIN: writes on the DC that this restore is to keep.
        left: Of a RESTORE_END: what still differed from the target, the first thousand of it.
        left_count: Of a RESTORE_END: how many those were.
        account: Of a RESTORE_BEGIN or RESTORE_END: what the restore says of itself, of a USE: who did what; a JSON
            document; empty: nothing.
        digest: SHA-256 of its frame.
        size: Bytes of its frame in the store.
    """

    seq: Seq
    timeline: int
    kind: CommitKind
    time: float
    usn_from: Usn
    usn_to: Usn
    changes: tuple[Change, ...]
    ends_look: bool
    complete: bool
    mark: str | None = None
    target: Seq | None = None
    writer: Writer | None = None
    conflicts: tuple[Conflict, ...] = ()
    left: tuple[Difference, ...] = ()
    left_count: int = 0
    account: str = ""
    files: FileChanges = NO_FILES
    audited: Audited | None = None
    digest: bytes
    size: int

    def left_now(self, files_left: int) -> int:
        """Of a RESTORE_END: how much still is left, where files were gone on with.

        Args:
            files_left: How many the head says are still to be put back.
        """
        # files come last: where one is named, everything else is
        others = sum(each.kind != FILE for each in self.left)
        return self.left_count if others == len(self.left) else others + files_left
