"""The journal's last word: where it ends, and where in the DC's feed that is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq, Usn
from adpersist.model.objects.change import Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Proof that travels in the database: a write the journal holds, to be looked up again on the DC.

    Attributes:
        seq: The commit that captured the write.
        guid: Which object.
        attribute: lDAPDisplayName, for people: a schema may not know it yet, or rename it.
        attid: The attribute's id in this database; None in journals of earlier versions.
        stamp: What replPropertyMetaData said of it.
    """

    seq: Seq
    guid: Guid
    attribute: str
    attid: int | None = None
    stamp: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which domain controller this is; none of it changes in a revert.

    Attributes:
        domain: objectGUID of the domain's root.
        server: objectGUID of the DC's NTDS Settings object.
        dns_name: For people: ``dc1.corp.example``.
    """

    domain: Guid
    server: Guid
    dns_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far into the DC's feed the journal reaches.

    Attributes:
        cookies: DirSync cookie by naming context; a missing one means that a full look is due.
        invocation: invocationID of the database it was taken from.
        usn: highestCommittedUSN read before the look: everything up to here is in the journal.
        rid_next: rIDNextRID when it was taken (it is not replicated, so no feed reports it); 0 when unknown.
        canary: The newest commit the directory is known to have been told of; 0 when it was told of none.
    """

    cookies: Mapping[str, bytes] = field(default_factory=dict)
    invocation: Guid
    usn: Usn
    rid_next: int = 0
    canary: Seq = BEFORE_FIRST


class Phase(StrEnum):
    """What the journal is being used for."""

    CAPTURING = "capturing"
    RESTORING = "restoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who holds the journal; named to the one who is fenced.

    Attributes:
        id: Random for every process that claims the journal.
        host: Its machine.
        pid: Its process.
    """

    id: str
    host: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A named point to restore to.

    Attributes:
        name: Without the ``@``.
        seq: Number of the mark's own commit.
        time: Unix seconds when it was made.
    """

    name: str
    seq: Seq
    time: float


IMAGE: Final = "image"
"""The mark that says when the machine's golden image was taken; it moves with the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A run of commits that began with a restore; number 1 began with nothing and is not listed.

    Attributes:
        number: Counts from 2.
        base: The point that was restored to: the state the timeline starts from.
        begins: The commit that ended the restore. Commits after ``base`` and before this one are abandoned.
    """

    number: int
    base: Seq
    begins: Seq


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitId:
    """Which commit, and what was in it.

    Attributes:
        seq: Its number.
        digest: SHA-256 of its frame.
    """

    seq: Seq
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """An object that the DC does not show, or shows as nothing that can be read.

    Attributes:
        guid: objectGUID.
        dn: As far as it is known.
        reason: What the DC said, or what is wrong with it.
        time: Unix seconds when that was first met.
    """

    guid: Guid
    dn: str
    reason: str
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A whole state at one commit, lying in the store beside the journal.

    Attributes:
        seq: The state is the one after this commit.
        digest: SHA-256 of that commit's frame: ties the checkpoint to the chain, also once the frame is gone.
        time: Unix seconds of that commit.
        parts: How many parts it has in the store.
        objects: How many objects it holds, tombstones and those that are gone for good included.
        proof: SHA-256 over the SHA-256 of every part, in order.
        place: The number its parts lie under in the store; None, in journals of earlier versions: ``seq``.
    """

    seq: Seq
    digest: bytes
    time: float
    parts: int
    objects: int
    proof: bytes
    place: Seq | None = None

    @property
    def lies_at(self) -> Seq:
        """The number its parts lie under in the store."""
        return self.seq if self.place is None else self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Commits that are damaged or missing for good, noted so that everything else can go on.

    Attributes:
        first: The first of them.
        last: The last one.
        digest: SHA-256 of the last one's frame, as the commit after it names it: the chain goes on from there.
        time: Unix seconds when it was noted.
    """

    first: Seq
    last: Seq
    digest: bytes
    time: float

    def holds(self, seq: int) -> bool:
        """Whether that commit is one of them."""
        return self.first <= seq <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """That the journal was moved from one store to another; both heads say so, each its own part.

    Attributes:
        to: URL of the store it was moved to.
        time: Unix seconds when it was.
        arrived: This is the head it arrived with, or a later one; False: it was left behind, and refuses to be written.
    """

    to: str
    time: float
    arrived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The journal's last commit and the feed positions that belong to it; sealed in the store but for seq and digest.

    Attributes:
        seq: Number of the last commit; 0 for an empty journal.
        digest: SHA-256 of the last frame, the journal's seed digest when there is none.
        timeline: Counts restores, from 1.
        time: Unix seconds when whoever holds the journal wrote last: until then nothing of a captured DC was missing.
            Marks, checkpoints, prunes and key changes leave it.
        identity: The DC the journal belongs to.
        writer: Who made it.
        phase: Capturing, or in the middle of a restore.
        target: While restoring, the sequence number being restored to.
        fresh: While restoring, and until partners were told of it, the invocationID the DC is to go on under; None: it
            keeps its own.
        complete: A whole look is in the journal; before that, and after a repair, there is nothing to restore to.
        settled: No look is half in the journal.
        position: None until the first commit of a look, and after a restore (cookies are thrown away).
        witnesses: Recently captured writes on distinct objects, newest last.
        marks: Named points, in the order they were made; a name used again moves.
        timelines: Every restore the journal has seen, oldest first.
        checkpoints: Those that count, ascending.
        pruned: Commits up to this one are gone; 0 when none are. There is a checkpoint of this number then.
        before_marks: The last commit but for marks and files that follow it, which say nothing of the directory; None:
            the last one does.
        quarantined: Objects that could not be read when they were looked at last; the journal has them as before.
        scrubbed: Unix seconds when all of the directory was compared with the journal last; 0 when that is unknown.
        lost: Commits that are lost for good, ascending.
        key_changed: While two keys open the journal: Unix seconds since when the newer one does; None: one does.
        files_left: Files of SYSVOL and entries of the local databases that the last restore could not put back, and
            that a guard still has to; 0: none.
        moved: The last move to another store; None: it was begun where it lies.
        before_use: While the journal ends with USE, the last commit before them; None: it does not.
    """

    seq: Seq
    digest: bytes
    timeline: int
    time: float
    identity: Identity
    writer: Writer
    phase: Phase = Phase.CAPTURING
    target: Seq | None = None
    fresh: Guid | None = None
    complete: bool = False
    settled: bool = False
    position: Position | None = None
    witnesses: tuple[Witness, ...] = ()
    marks: tuple[Mark, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    pruned: Seq = BEFORE_FIRST
    before_marks: CommitId | None = None
    quarantined: tuple[Quarantined, ...] = ()
    scrubbed: float = 0.0
    lost: tuple[Lost, ...] = ()
    key_changed: float | None = None
    files_left: int = 0
    moved: Moved | None = None
    before_use: Seq | None = None

    @property
    def gone_to(self) -> str | None:
        """The store where the journal goes on instead of here; None: here."""
        return None if self.moved is None or self.moved.arrived else self.moved.to

    @property
    def owes_partners(self) -> bool:
        """A restore ended, and has not told partners yet what they take for read."""
        return self.phase is Phase.CAPTURING and self.fresh is not None

    @property
    def image(self) -> Mark | None:
        """When the machine's image was taken; None: nobody noted it, or the note was pruned."""
        return next((mark for mark in self.marks if mark.name == IMAGE), None)

    def once_told(self, seq: Seq) -> "Head":
        """The same, and the directory was told of that commit: one that remembers an older one was put back since."""
        if self.position is None or seq <= self.position.canary:
            return self
        return replace(self, position=replace(self.position, canary=seq))

    @property
    def last(self) -> CommitId:
        """The last commit."""
        return CommitId(seq=self.seq, digest=self.digest)

    @property
    def last_but_use(self) -> Seq:
        """The last commit that says more than who looked; 0: there is none."""
        return self.seq if self.before_use is None else self.before_use
