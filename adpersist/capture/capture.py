"""From the feed to the journal: look, tell what is new, prove the lineage, make it durable, go on."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from adpersist.audit.following import AuditFollower
from adpersist.capture.file_capture import SOON_S, FileCapture
from adpersist.capture.full_look import FullLook
from adpersist.capture.look import Look, Piece
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.canary import Canary
from adpersist.directory.lineage.proof import lineage_of, require_same
from adpersist.directory.lineage.witnesses import choose_witnesses, merge_witnesses, newest_written
from adpersist.errors import DirectoryError, FencedError, NotPrivilegedError, StoreError
from adpersist.files.local_files import LocalFiles
from adpersist.journal.holder import give_way, handed_back
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq, Usn, guid_text
from adpersist.model.journal.head import Head, Position, Quarantined, Writer
from adpersist.model.journal.lineage import Evidence, Lineage, Verdict
from adpersist.model.objects.stamps import CHANGED, Stamps
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.state.fold import fold_fingerprints, without_gc
from adpersist.system.files import lock_file
from adpersist.system.files.row_file import RowFile
from adpersist.system.memory import give_back
from adpersist.telemetry import logger

_MOST_QUARANTINED: Final = 200
"""The head names them all; more are no odd ones."""
_LONGEST_WORDS: Final = 300
_LOGGED: Final = 20
_TRIES: Final = 40
"""Looks at files that are being written, before the next whole one must do."""

SECRET: Final = "unicodePwd"  # noqa: S105 - an attribute every domain has: krbtgt's
_ASKED_LATELY: Final = 10

log = logger("capture")


@dataclass(slots=True, kw_only=True)
class _Looking:
    """A look under way.

    Attributes:
        look: What it shows.
        usn: The DC's when it began.
        invocation: Whose USNs they are.
        newest: The stamps of what was written last, as far as they were seen.
        count: Changes made durable.
        told: Of a look at everything: which objects they are of.
    """

    look: Look
    usn: Usn
    invocation: Guid
    newest: Mapping[Guid, Stamps] = field(default_factory=dict)
    count: int = 0
    told: list[Guid] = field(default_factory=list)


class Capture:
    """One agent's hold on one journal."""

    def __init__(
        self,
        dc: DomainController,
        journal: Journal,
        writer: Writer,
        *,
        index: FingerprintIndex,
        files: LocalFiles | None = None,
        audit: AuditFollower | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dc = dc
        self._writer = writer
        self._index = index
        self._clock = clock
        self._folded = journal.head.digest
        self._full_look_due = False
        self._invocation: Guid | None = None
        self._audit = audit
        self._canary: Canary | None = None
        """What this agent had the directory remember last."""
        self._asked: deque[float] = deque(maxlen=_ASKED_LATELY)
        self._files = (
            FileCapture(files, journal, self._prove_again, self._announce, clock=clock) if files is not None else None
        )
        self.journal = journal
        self.lineage = Lineage(verdict=Verdict.SAME, evidence="proven when the journal was claimed")
        """The last verdict; only a proven DC is captured."""

    @classmethod
    def begin(
        cls,
        dc: DomainController,
        journal: Journal,
        writer: Writer,
        *,
        again: bool = False,
        accept_store_behind: bool = False,
        index: FingerprintIndex | None = None,
        files: LocalFiles | None = None,
        audit: AuditFollower | None = None,
    ) -> "Capture":
        """Prove that the DC is the journal's, claim the journal, and fold it.

        Args:
            index: What it holds at its head, when that is known already.
            again: This writer held the journal before: an agent that took over since keeps it.
            accept_store_behind: A store that went back is gone on with; a full look brings it up to date.
            files: SYSVOL and the local databases, to be captured too.
            audit: Samba's log of who wrote, to be sealed with the changes.

        Raises:
            RevertedError: The DC is another one, was put back, or a restore was begun and not ended.
            FencedError: Somebody else took the journal over.
        """
        lineage = lineage_of(dc, journal)
        if again:
            with lock_file.opened(journal.id) as lock:
                give_way(journal.head.writer, writer, lock, same=lineage.verdict is Verdict.SAME)
        behind = accept_store_behind and lineage.verdict is Verdict.STORE_BEHIND
        if not behind:
            require_same(dc, journal)
        if not dc.privileged:
            require_secrets_seen(dc, held=(index or fold_fingerprints(journal)).knows(SECRET))
        journal.claim(writer, now=time.time())
        if index is None:
            index = fold_fingerprints(journal, RowFile)
        log.info("capture.began", seq=journal.head.seq, objects=len(index), timeline=journal.head.timeline)
        capture = cls(dc, journal, writer, index=index, files=files, audit=audit)
        # what was captured over the network lacks every secret, and what an earlier version captured lacks the stamps:
        # no feed tells either by themselves
        lacking = dc.privileged and not index.knows(SECRET)
        unstamped = not index.is_stamped or (dc.sees_link_stamps and not index.has_stamped_links)
        capture._full_look_due = behind or (bool(index) and (lacking or unstamped))
        capture.leave_canary()
        return capture

    @property
    def asked_s(self) -> float:
        """How long a look for changes keeps the DC busy: the least of the last ones, since the rest was waiting."""
        return min(self._asked, default=0.0)

    @property
    def folded(self) -> tuple[bytes, FingerprintIndex]:
        """What the journal holds, and the digest of the commit up to which it was folded: whoever connects anew need
        not fold it again while that is the last one."""
        return self._folded, self._index

    @property
    def head(self) -> Head:
        """The journal's head."""
        return self.journal.head

    def look(self, usn: Usn | None = None, *, shown: FullLook | None = None) -> int:
        """Look once; returns how many changes became durable.

        The lineage is proven between what was looked at and its commit: what a reverted DC shows never reaches the
        journal. A large look becomes several commits; the position moves with the last one only.

        Args:
            usn: The DC's, read just before; None: it is read here.
            shown: A look at everything that was taken just now, after a restore to what the journal holds; what came
                since shows up in the next.

        Raises:
            RevertedError, FencedError, StoreError, DirectoryError.
        """
        with without_gc():
            return self._finish(self._begin_look(usn, shown))

    def _finish(self, looking: _Looking) -> int:
        for piece in looking.look.pieces():
            seen = self._prove(piece)
            if seen.invocation != looking.invocation:
                # it goes on under another invocationID, of which these cookies hide everything
                self._invocation = seen.invocation
                return looking.count + self.look(looking.usn)
            self._commit(looking, piece, seen)
        self._end_look(looking.look)
        return looking.count

    def scrub(self) -> int:
        """Compare all of the directory with the journal; what a look for changes never told becomes durable now.

        Returns:
            How many objects differed though nobody wrote to them since the look before.

        Raises:
            As :meth:`look`.
        """
        self.look()
        known = self.head.position.usn if self.head.position else Usn(0)
        self._full_look_due = True
        with without_gc():
            looking = self._begin_look(None, None)
            count, told = self._finish(looking), looking.told
        stamps = self._dc.stamps(told)
        written = {guid: found[CHANGED].local_usn for guid, found in stamps.items() if CHANGED in found}
        drifted = [guid for guid in told if written.get(guid, known) <= known]
        for guid in drifted[:_LOGGED]:
            log.warning("scrub.drift", object=guid_text(guid))
        log.info("scrub.ended", changes=count, drifted=len(drifted), objects=len(self._index))
        return len(drifted)

    @property
    def files_are_due(self) -> bool:
        """It is time to look at files again."""
        return self._files is not None and self._files.is_due

    @property
    def files_due_in_s(self) -> float:
        """Seconds until it is, as far as is known."""
        return self._files.due_in_s if self._files is not None and self._is_looked_at else math.inf

    @property
    def files_wake(self) -> int | None:
        """A descriptor that is readable as soon as something is written there; None: it tells no more than is known."""
        return None if self._files is None else self._files.wakes

    @property
    def files_behind(self) -> tuple[float, Mapping[str, str]] | None:
        """For how many seconds something there may not be durable, and what cannot be captured; None: nobody looks."""
        return None if self._files is None else (self._files.behind_s, self._files.not_captured)

    @property
    def _is_looked_at(self) -> bool:
        """The directory was, as a whole."""
        return self.head.position is not None and self.head.complete

    def look_at_files(self) -> int:
        """Look at SYSVOL and the local databases once; returns how many changes became durable.

        Never before the first whole look at the directory. The directory is told, so that a DC is known to have been
        put back though nothing but files was lost.

        Raises:
            RevertedError, FencedError, StoreError, DirectoryError.
        """
        if self._files is None or not self._is_looked_at:
            return 0
        changes = self._files.look()
        if changes and self._files.told_what_comes_back:
            self.leave_canary()
        return changes

    def look_at_files_until_whole(self, pause: Callable[[float], None]) -> None:
        """The same, again while something is being written, for some seconds at the most. Raises: the same."""
        for _ in range(_TRIES):
            self.look_at_files()
            if self._files is None or self._files.is_whole:
                return
            pause(SOON_S)

    def read_audit(self) -> None:
        """Read who wrote, be it that no look is due: Samba rotates its log away."""
        if self._audit is not None:
            self._audit.read()

    def leave_canary(self) -> None:
        """Have the directory remember the newest commit, so that it shows when either of them goes back."""
        newest = Canary.of(self.journal.seed, self.head.seq, self.head.digest)
        if newest != self._canary:
            self._dc.leave_canary(newest)
        self._canary = newest
        self.journal.leave_witness()

    def check(self) -> None:
        """Prove that the DC still is the journal's, and the journal this agent's.

        Raises:
            RevertedError, FencedError.
        """
        if not self.holds():
            raise FencedError(f"the journal is held by {self.head.writer.host}, process {self.head.writer.pid}")
        self.lineage = require_same(self._dc, self.journal)

    @property
    def told(self) -> Seq:
        """The newest commit the directory was told of."""
        return self._canary.seq if self._canary else BEFORE_FIRST

    def beat(self) -> None:
        """Say in the journal that the DC is proven, and that nothing of it is missing there.

        To be called only when the DC has written nothing since the last look.

        Raises:
            RevertedError, FencedError, StoreError, DirectoryError.
        """
        self.check()
        self.journal.beat(now=self._clock(), told=self.told)
        log.debug("journal.beat", seq=self.head.seq)

    def holds(self) -> bool:
        """Whether the journal still is this agent's; reads the head again."""
        return self.journal.is_held_after_refresh()

    def hand_back(self) -> None:
        """Let whoever waits for the journal go on: what was to be done is durable."""
        try:
            self.journal.hand_back(handed_back(self._writer), now=self._clock(), told=self.told)
        except (FencedError, StoreError) as error:
            # taken over meanwhile, or the store went away: an agent sees that this process has ended
            log.warning("journal.not_handed_back", error=error.message)

    def _begin_look(self, usn: Usn | None, shown: FullLook | None) -> _Looking:
        if usn is None:
            usn = self._dc.usn()
        if self._invocation is None:
            self._invocation = self._dc.evidence().invocation
        position, invocation = self.head.position, self._invocation
        # cookies of another invocationID hide writes stamped with the old one
        known = position is not None and position.invocation == invocation and not self._full_look_due
        since = position.cookies if position is not None and known else {}
        if known:
            shown = None
        aside = {each.guid for each in self.head.quarantined}
        begun = usn if shown is None else shown.usn
        look = Look(self._dc, self._index, since, usn=begun, witnesses=self._witnesses, shown=shown, aside=aside)
        return _Looking(look=look, usn=begun, invocation=invocation)

    @property
    def _witnesses(self) -> Sequence[Guid]:
        return [witness.guid for witness in self.head.witnesses]

    def _prove(self, piece: Piece) -> Evidence:
        """Prove the lineage, and ask for the stamps of what changed on the way. Raises: RevertedError."""
        since = self.head.position.usn if self.head.position else Usn(0)
        changed = (change.guid for change in piece.news)
        seen = piece.seen or self._dc.evidence(self._witnesses, changed, since=since)
        self.lineage = require_same(self._dc, self.journal, seen)
        return seen

    def _announce(self) -> Seq:
        """Have the directory remember that a commit of files comes: nothing else in it shows when that is undone."""
        seq = Seq(self.head.seq + 1)
        self._canary = Canary.announcing(self.journal.seed, seq)
        self._dc.leave_canary(self._canary)
        return seq

    def _prove_again(self) -> None:
        """Files were read: is the DC that they lie beside still the journal's? Raises: RevertedError."""
        self.lineage = require_same(self._dc, self.journal)

    def _commit(self, looking: _Looking, piece: Piece, seen: Evidence) -> None:
        look, before = looking.look, self.head.position
        if not look.sighted:
            return
        # after the look, before its commit: the lines of all that it showed are written by then
        audited = self._audit.audited(piece.news) if self._audit is not None and piece.news and before else None
        changes, stamps = piece.news, {change.guid: seen.stamps.get(change.guid, {}) for change in piece.news}
        if look.full:
            stamps = dict(look.recent)  # the newest writes of all are called as witnesses
        looking.newest = newest_written({**looking.newest, **stamps})
        position = Position(
            cookies=look.cookies,
            invocation=looking.invocation,
            usn=looking.usn,
            rid_next=seen.last_given_rid,
            canary=self.told,
        )
        self.journal.commit(
            changes,
            position=position,
            usn_from=before.usn if before else Usn(0),
            witnesses=merge_witnesses(self.head.witnesses, choose_witnesses(looking.newest)),
            complete=True,
            now=self._clock(),
            ends_look=piece.is_last,
            quarantined=self._quarantined(look),
            is_whole=look.full,
            audited=audited,
        )
        if self._audit is not None and audited is not None:
            self._audit.sealed(audited)
        self._index.apply(changes)
        self._folded = self.head.digest
        looking.count += len(changes)
        if look.full and before is not None:
            looking.told += [change.guid for change in changes]
        log.info("commit.appended", seq=self.head.seq, changes=len(changes), objects=len(self._index), usn=position.usn)

    def _quarantined(self, look: Look) -> list[Quarantined]:
        """Objects that cannot be read as things stand: those seen so now, and before unless all was looked at.

        Raises:
            DirectoryError: There are so many that something else is wrong.
        """
        known = {each.guid: each for each in self.head.quarantined}
        found = {} if look.full else dict(known)
        for guid, sighting in look.unreadable.items():
            before = known.get(guid)
            found[guid] = Quarantined(
                guid=guid,
                dn=sighting.rdn[:_LONGEST_WORDS],
                reason=sighting.trouble[:_LONGEST_WORDS],
                time=self._clock() if before is None else before.time,
            )
            if before is None:
                log.warning("object.quarantined", object=sighting.rdn, guid=guid_text(guid), reason=sighting.trouble)
        if len(found) > _MOST_QUARANTINED:
            raise DirectoryError(
                f"{len(found)} objects cannot be read, the last one because: {[*found.values()][-1].reason}",
                hint="So many are no odd ones: look at the domain controller's log, and at `samba-tool dbcheck`.",
            )
        return list(found.values())

    def _end_look(self, look: Look) -> None:
        if look.sighted:
            self.leave_canary()
        if self._audit is not None:
            self._audit.looked()
        if look.full:
            give_back()
        else:
            self._asked.append(look.asked_s)
        self._full_look_due = False


def require_secrets_seen(dc: DomainController, *, held: bool) -> None:
    """A journal with passwords in it is kept by sessions that see them; with others it would keep old ones for new.

    Args:
        held: There are passwords in it.

    Raises:
        NotPrivilegedError: This one does not.
    """
    if held and not dc.privileged:
        raise NotPrivilegedError(
            "the journal holds passwords, which this session can neither follow nor restore",
            hint="Capture and restore over the privileged socket on the domain controller itself; "
            "`plan` and `verify` work here too.",
        )
