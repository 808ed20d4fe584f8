"""The journal, as everybody but this room sees it: one object to read from and to write to."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from adpersist.errors import FencedError, OutcomeUnknownError, PointError
from adpersist.journal.appending.append_queue import AppendQueue
from adpersist.journal.appending.appender import Appender, Draft, Drafting, Patience
from adpersist.journal.appending.spare_head import standing_head
from adpersist.journal.drafts.commit_drafts import CommitDrafter
from adpersist.journal.drafts.look_drafts import Ending, files_drafting, nothing_found, piece_drafting
from adpersist.journal.format.columns.file_changes import file_contents
from adpersist.journal.format.head import OpenHead, microseconds, open_head, require_journal, seal_head
from adpersist.journal.format.splitting import Run, runs
from adpersist.journal.history import JournalHistory
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_encryption import KeyEncryption, Randomness
from adpersist.journal.keys.keyring import Keyring
from adpersist.journal.upkeep import checkpoints, repair
from adpersist.journal.upkeep.check import CheckReport
from adpersist.journal.upkeep.repair import Repaired
from adpersist.journal.upkeep.retention import PrunePlan
from adpersist.journal.witness_file import WitnessFile
from adpersist.model.files.file_state import FileKey, FileState
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq, Usn
from adpersist.model.journal.head import (
    Checkpoint,
    Head,
    Identity,
    Phase,
    Position,
    Quarantined,
    Witness,
    Writer,
)
from adpersist.model.objects.audit import Audited
from adpersist.model.objects.change import Change
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.difference import Difference
from adpersist.stores.port import Store, StoredHead

PATIENCE = Patience()


class Journal(JournalHistory):
    """A journal in a store. One process writes to it at a time; any number read and mark. Not for several threads.

    To write looks or restores it must be held: by :meth:`create`, :meth:`claim` or :meth:`begin_restore`. Whoever is
    fenced holds it no longer.
    """

    def __init__(
        self,
        store: Store,
        keys: KeyEncryption,
        tip: OpenHead,
        *,
        randomness: Randomness = os.urandom,
        patience: Patience = PATIENCE,
        witness: WitnessFile | None = None,
    ) -> None:
        super().__init__(store, Appender(store, keys, tip, randomness=randomness, patience=patience))
        self._witness = witness
        self._content_queue: AppendQueue | None = None
        self._randomness = randomness

    @classmethod
    def create(
        cls,
        store: Store,
        keys: KeyEncryption,
        *,
        identity: Identity,
        writer: Writer,
        now: float,
        randomness: Randomness = os.urandom,
        patience: Patience = PATIENCE,
    ) -> "Journal":
        """Make an empty journal, held by ``writer``.

        Raises:
            JournalExistsError: There is one already.
            DamagedError: There is one already, and its head is lost.
            OutcomeUnknownError: The store did not say whether it made one; open it, or try again.
            StoreError: As :meth:`~adpersist.stores.port.Store.create`.
        """
        journal = bytes.fromhex(journal_id(identity))
        keyring = Keyring.create(keys, journal, randomness=randomness)
        head = Head(
            seq=BEFORE_FIRST,
            digest=keyring.seed(journal),
            timeline=1,
            time=_rounded(now),
            identity=identity,
            writer=writer,
        )
        stored = _create(store, seal_head(head, keyring, journal, randomness))
        tip = OpenHead(stored=stored, head=head, keyring=keyring, journal=journal)
        made = cls(store, keys, tip, randomness=randomness, patience=patience)
        made._end.holder = writer
        return made

    @classmethod
    def open(
        cls,
        store: Store,
        keys: KeyEncryption,
        *,
        expected: str | None = None,
        randomness: Randomness = os.urandom,
        patience: Patience = PATIENCE,
        witness: WitnessFile | None = None,
    ) -> "Journal":
        """Open a journal to read from it; :meth:`claim` it to write.

        Args:
            store: Where it lies.
            keys: The key-encryption key it was made with, or last rotated to.
            expected: The journal's id where it is known: then a journal of another DC put in its place is noticed.
            randomness: For nonces and data keys.
            patience: How long an unknown outcome is looked into.
            witness: Where its newest commit is noted beside.

        Raises:
            NoJournalError, StoreUnreachableError: There is none, or no answer.
            WrongKeyError: It wants another key; both are named.
            DamagedError: The head is not what was written.
        """
        tip = require_journal(open_head(standing_head(store), keys), expected)
        return cls(store, keys, tip, randomness=randomness, patience=patience, witness=witness)

    @property
    def has_witness(self) -> bool:
        """Something outside of the store tells whether that went back."""
        return self._witness is not None

    def require_here(self) -> None:
        """Raises:
        MovedError: The journal goes on in another store; it is named.
        """
        self._end.require_here()

    def leave_witness(self) -> None:
        """Note the newest commit outside of the store, where that is configured."""
        if self._witness is not None:
            self._witness.leave(self.id, self.head.last)

    def behind_witness(self) -> str | None:
        """What was noted outside of the store and is not in it; None: nothing.

        Raises:
            ConfigError: The witness cannot be asked.
        """
        if self._witness is None:
            return None
        known = self._witness.read(self.id)
        if known is None or known.seq <= self.head.pruned or known == self.head.last:
            return None
        if known.seq > self.head.seq:
            return f"{self._witness.path} knows commit {known.seq}, the store's last one is {self.head.seq}"
        if any(each.holds(known.seq) for each in self.head.lost):
            return None  # nothing is left to compare it with
        if next(self.commits(after=Seq(known.seq - 1), through=known.seq)).digest != known.digest:
            return f"{self._witness.path} knows another commit {known.seq} than the store has"
        return None

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    # --- writing ----------------------------------------------------------------------------------------------------

    def claim(self, writer: Writer, *, now: float) -> Head:
        """Take the journal over: whoever held it is fenced at its next append. Needs no person."""
        drafter = self._drafter(now)

        def claimed(base: OpenHead) -> Draft:
            # of two copies of a journal the one that somebody took over later is ahead
            return drafter.head_only(base, replace(base.head, writer=writer, time=drafter.time), tolerant=True)

        self._end.append(claimed)
        self._end.holder = writer
        return self.head

    def hand_back(self, writer: Writer, *, now: float, told: Seq = BEFORE_FIRST) -> Head:
        """Let go of the journal; ``writer`` is what the head says of it from now on.

        Args:
            told: As in :meth:`beat`.

        Raises:
            FencedError: Somebody else holds it already.
        """
        drafter = self._drafter(now)
        self._end.append(
            self._held(lambda base: drafter.head_only(base, replace(base.head.once_told(told), writer=writer)))
        )
        self._end.holder = None
        return self.head

    def beat(self, *, now: float, told: Seq = BEFORE_FIRST) -> Head:
        """Say that at this moment nothing is missing from the journal: of the capture the head's time alone moves.

        Args:
            told: The newest commit the directory was told of: one that remembers an older one was put back since.

        Raises:
            FencedError: Somebody else holds it.
        """
        drafter = self._drafter(now)
        self._end.append(self._held(lambda base: drafter.head_only(base, base.head.once_told(told))))
        return self.head

    def is_held_after_refresh(self) -> bool:
        """Read the head again: whether this process still holds the journal."""
        self.refresh()
        return self._end.is_held

    def commit(
        self,
        changes: Iterable[Change],
        *,
        position: Position,
        usn_from: Usn,
        witnesses: Sequence[Witness],
        complete: bool,
        now: float,
        ends_look: bool = True,
        quarantined: Sequence[Quarantined] | None = None,
        is_whole: bool = False,
        audited: Audited | None = None,
    ) -> Head:
        """Make one look durable. A large one becomes several commits; the position moves only with the last.

        Args:
            changes: In order; none moves the position alone, and when that stays too, nothing is written.
            position: Where the feed stands after the look.
            usn_from: The look covered the DC's writes after this USN.
            witnesses: The whole new set; one with ``seq`` 0 gets the number of this look's last commit.
            complete: The first whole look is in the journal with this; never undone.
            now: Unix seconds.
            ends_look: False: more of the same look follows; neither position nor witnesses move yet.
            quarantined: The whole new set of objects that cannot be read; None: as it was.
            is_whole: The look was at everything.
            audited: Who wrote, as Samba's log says; sealed with the changes. None: nobody asked it.

        Raises:
            FencedError: Somebody else holds the journal; named in the message. What was not acknowledged before may
                or may not be in the journal, and is not there twice.
            OutcomeUnknownError: The store stopped answering. :meth:`refresh`, then go on from ``head.position``.
            LimitError: A single change is too large; it is named.
            StoreError: Nothing of what is left was written; the same call may be made again.
        """
        ending = Ending(
            usn_from=usn_from,
            position=position,
            witnesses=tuple(witnesses),
            complete=complete,
            quarantined=None if quarantined is None else tuple(quarantined),
            scrubbed=_rounded(now) if is_whole else None,
        )
        drafter = self._drafter(now)
        empty = True
        for run, last in runs(changes, audited):
            empty = False
            while not self._append_run(drafter, run, ending, ends=last and ends_look):
                pass
        if empty and ends_look:
            self._end.append(self._held(lambda base: nothing_found(drafter, base, ending)))
        return self.head

    def commit_files(
        self,
        told: Iterable[FileState | FileKey | bytes],
        *,
        now: float,
        announced: Callable[[], Seq | None] = lambda: None,
        phase: Phase = Phase.CAPTURING,
    ) -> Head:
        """Make a look at files durable; a large one becomes several commits, of which the last one settles it.

        Args:
            told: Content that the journal lacks, before the states that are made of it; states; keys of what is gone.
                Whoever tells it uses the journal only after :meth:`await_content`.
            now: Unix seconds.
            announced: The commit the directory was told of by the time states are told; None: of none.
            phase: What the journal is in; while a restore is under way it is for what that overwrites.

        Raises:
            FencedError, OutcomeUnknownError, StoreError: As :meth:`commit`.
            LimitError: A file's attributes are too large; it is named.
        """
        drafter = self._drafter(now)

        def drafting(content: tuple[bytes, int], *, settles: bool) -> Drafting:
            compressed, changes = content
            return self._held(
                files_drafting(drafter, compressed, changes=changes, told=announced(), settles=settles), phase
            )

        waiting: tuple[bytes, int] | None = None
        try:
            with AppendQueue(self._end.append) as self._content_queue:
                for content in file_contents(told):
                    if waiting is not None:
                        self._content_queue.put(drafting(waiting, settles=False))
                    waiting = content
                self._content_queue.join()
        finally:
            self._content_queue = None
        if waiting is not None:
            self._end.append(drafting(waiting, settles=True))
        return self.head

    def await_content(self) -> None:
        """Within :meth:`commit_files`: wait for the frames that are on their way, before the journal is used otherwise.

        Raises:
            FencedError, OutcomeUnknownError, StoreError: As :meth:`commit`.
        """
        if self._content_queue is not None:
            self._content_queue.join()

    def mark(self, name: str, *, writer: Writer, now: float) -> Seq:
        """Name this point; a name used before moves here. Fences nobody.

        Raises:
            PointError: No usable name.
            LimitError: Too many marks.
        """
        drafter = self._drafter(now)
        self._end.append(lambda base: drafter.mark(base, name, writer))
        return next(each.seq for each in self.head.marks if each.name == name)

    def note_use(self, account: str, *, writer: Writer, now: float) -> Seq:
        """Keep who looked at the journal, and what they did. Fences nobody.

        Args:
            account: A JSON document, at most some 100 kB.

        Raises:
            LimitError: It is more than one commit holds.
        """
        drafter = self._drafter(now)
        self._end.append(lambda base: drafter.use(base, account, writer))
        return self.head.seq

    def begin_restore(
        self,
        *,
        target: Seq,
        writer: Writer,
        now: float,
        fresh: Guid | None = None,
        kept: Sequence[Conflict] = (),
        account: str = "",
    ) -> Head:
        """Say that the DC is being taken to ``target``; fences the capturing agent. Repeated after a crash, no harm.

        Args:
            fresh: The invocationID the DC is to go on under; None: it keeps its own.
            kept: Writes on the DC that are to stay; a run that goes on after a crash reads them here.
            account: What the restore says of itself, for its report: a JSON document, at most some 100 kB.

        Raises:
            PointError: There is no such commit.
            LimitError: More is to be kept than one commit can name.
            FencedError: Somebody wrote to the journal since this process last read it.
        """
        if not BEFORE_FIRST < target <= self.head.seq:
            raise PointError(f"commit {target} is not in the journal; its last one is {self.head.seq}")
        drafter = self._drafter(now)
        self._end.append(lambda base: drafter.begin_restore(base, target, writer, fresh, kept, account))
        self._end.holder = writer
        return self.head

    def end_restore(
        self, *, now: float, left: Sequence[Difference] = (), account: str = "", files_left: int | None = None
    ) -> Head:
        """Say that the DC is at the target: a new timeline begins, and a full look is due.

        Args:
            left: What still differs from it; the first thousand are noted one by one.
            account: As in :meth:`begin_restore`.
            files_left: How much of it is of SYSVOL and the local databases, and a guard's to go on with; None: these
                were left alone, and it is as it was.

        Raises:
            PointError: None was begun.
            FencedError: Somebody else holds the journal.
        """
        target, drafter = self.head.target, self._drafter(now)
        if target is None:
            raise PointError("no restore is going on")
        self._end.append(
            self._held(lambda base: drafter.end_restore(base, target, left, account, files_left), Phase.RESTORING)
        )
        return self.head

    def note_files_left(self, files_left: int, *, now: float) -> Head:
        """Say how many files are still to be put back. Raises: FencedError."""
        drafter = self._drafter(now)
        self._end.append(self._held(lambda base: drafter.head_only(base, replace(base.head, files_left=files_left))))
        return self.head

    def note_partners_told(self, *, now: float) -> Head:
        """Say that the last restore owes the DC's partners nothing any more. Raises: FencedError."""
        drafter = self._drafter(now)
        self._end.append(self._held(lambda base: drafter.head_only(base, replace(base.head, fresh=None))))
        return self.head

    def rotate_data_key(self, *, now: float) -> Head:
        """A new data key seals from the next commit on; what was sealed before stays readable. Fences nobody."""
        drafter = self._drafter(now)
        self._end.append(drafter.rotate_data_key)
        return self.head

    def rotate_key(self, new: KeyEncryption, *, now: float) -> Head:
        """Wrap every data key with ``new``, too: either key opens the journal until :meth:`finish_key`. Fences nobody.

        Raises:
            ConfigError: Another change of the key is not finished.
            KeyMissingError: The new key may not be used both ways; nothing was changed.
        """
        drafter = self._drafter(now)
        self._end.append(lambda base: None if new.key_id in base.keyring.wrappers else drafter.rotate_key(base, new))
        self._end.keys = new
        return self.head

    def finish_key(self, *, now: float) -> bool:
        """Have the key at hand alone open the journal; False: no other did. Fences nobody."""
        return self._end.append(self._drafter(now).finish_key)

    @property
    def wrappers(self) -> tuple[str, ...]:
        """Ids of the keys that open the journal: one, or two while the key is changed, the new one last."""
        return self._end.tip.keyring.wrappers

    def write_checkpoint(self, seq: Seq, states: Iterable[ObjectState | Gone], *, now: float) -> Checkpoint:
        """Store the whole state after a settled commit, so that reading may begin there; see :mod:`bounding`.

        Fences nobody. One that is there already is left as it is.
        """
        return checkpoints.write_checkpoint(self._store, self._end, self._drafter(now), seq, states)

    def prune(self, *, oldest: Seq, keep_marks: bool, keep_image: bool = True, now: float) -> PrunePlan:
        """Forget what no point from ``oldest`` on, nor a mark where they are kept, needs. Fences nobody."""
        return checkpoints.prune(
            self._store, self._end, self._drafter(now), oldest=oldest, keep_marks=keep_marks, keep_image=keep_image
        )

    def take_up(self, writer: Writer, *, now: float) -> Repaired:
        """Make frames behind the head count where they follow it, and remove the others. Fences a holder."""
        return repair.take_up(self._store, self._end, writer, now=_rounded(now), randomness=self._randomness)

    def go_on(self, report: CheckReport, writer: Writer, *, now: float) -> Repaired:
        """Note what a check found to be lost, and go on without it; see :mod:`~adpersist.journal.upkeep.repair`.

        Raises:
            IntegrityError: A restore stands on what is lost.
        """
        return repair.go_on(self._store, self._end, self._drafter(now), report, writer)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _drafter(self, now: float) -> CommitDrafter:
        return CommitDrafter(keys=self._end.keys, randomness=self._randomness, time=_rounded(now))

    def _held(self, drafting: Drafting, phase: Phase = Phase.CAPTURING) -> Drafting:
        """The same, refused unless this process holds the journal and the journal is in that phase."""

        def held(base: OpenHead) -> Draft | None:
            if not self._end.is_held:
                raise self._end.fenced("this process does not hold the journal")
            if base.head.phase is not phase:
                raise FencedError(f"the journal is {base.head.phase}, not {phase}: by {base.head.writer.host}")
            return drafting(base)

        return held

    def _append_run(self, drafter: CommitDrafter, run: Run, ending: Ending, *, ends: bool) -> bool:
        """False: a mark came between the parts of a large change; they are void, and begin again after it."""
        for piece in run:
            onto = self.head.digest if piece.part else None
            last = ends and piece is run[-1]
            if not self._end.append(self._held(piece_drafting(drafter, piece, ending, onto=onto, last=last))):
                return False
        return True


def _create(store: Store, body: bytes) -> StoredHead:
    if store.spare() is not None:
        standing_head(store)  # or else it is a journal whose head is lost
    try:
        return store.create(body)
    except OutcomeUnknownError:
        stored = store.head()
        if stored.body != body:
            raise
        return stored


def _rounded(now: float) -> float:
    return microseconds(now) / 1_000_000
