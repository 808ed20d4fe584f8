"""Restoring: want, have, plan, apply, prove; what ``restore``, ``guard`` and ``boot`` share.

A restore is announced in the journal before the first write and ended after the proof, so that a run killed anywhere in
between is known to be unfinished and goes on.
"""

import time
from collections.abc import Iterator
from typing import Final

from adpersist.capture.capture import Capture, require_secrets_seen
from adpersist.capture.full_look import FullLook
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.canary import Canary
from adpersist.directory.lineage.proof import lineage_of, refuse_another_journal, refuse_store_behind, require_same
from adpersist.errors import DirectoryUnreachableError
from adpersist.files.local_files import LocalFiles
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.journal.account import Account, Reason, Result
from adpersist.model.journal.head import Phase, Writer
from adpersist.model.journal.lineage import Lineage, Verdict
from adpersist.model.plan.difference import STAMP, TOMBSTONE, Difference
from adpersist.model.plan.terms import OnConflict, Opening, Terms
from adpersist.restore.account import reason, result
from adpersist.restore.convergence.convergence import Convergence
from adpersist.restore.errors import (
    ConflictError,
    FileConflictError,
    LossError,
    NameTakenError,
    SmbConfError,
    UnfinishedError,
)
from adpersist.restore.files.files_back import FilesBack, FilesOutcome, together
from adpersist.restore.files.policy_files import NO_POLICIES, bring_policy_files, policy_paths
from adpersist.restore.files.stale_policies import stale_policies
from adpersist.restore.new_invocation import fresh_invocation, partners_of
from adpersist.restore.outcome import RestoreOutcome
from adpersist.restore.progress import Progress
from adpersist.restore.usn_rollback import UsnRollback, tell_partners
from adpersist.restore.wanted import WantedState, healing_point, wanted_state
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.telemetry import logger

_LOGGED: Final = 20
"""Differences told one by one in the log; the journal has more of them."""
_ODD_ONES: Final = 10
"""Objects a DC may refuse for reasons of their own, however few were lost."""
_MOST_IS_LEFT: Final = (
    "The domain controller takes hardly any of it: look at its log, its disk, its rights, and run the restore again. "
    "`adpersist verify` lists what differs; --accept-differences ends the restore with all of that."
)
_GIVES_MORE: Final = (
    "It stays closed: what is left gives somebody more than the journal does, first {line}. `adpersist verify` lists "
    'it; [boot] open = "always" opens the domain controller with it.'
)
_TRUST: Final = b"trustedDomain"
_IGNORED: Final = "its replication partners ignore what it writes"

log = logger("restore")


def restore(
    dc: DomainController,
    journal: Journal,
    wanted: WantedState,
    terms: Terms,
    writer: Writer,
    *,
    progress: Progress | None = None,
    closed: bool = False,
    files: LocalFiles | None = None,
) -> RestoreOutcome:
    """Bring the DC to what is wanted, prove it, and open a new timeline.

    A DC that was put back goes on under another invocationID, before anything is written: what it wrote under the old
    one its partners would take for read. Brought to where the journal ends it is healed: it receives what it had, with
    the old stamps, as a replica. To an earlier point it is written back.

    With a scope it is no other timeline: what was restored is a change like any other, and captured as one. Of files
    only those of the policies in it come with it.

    What the DC will not take is left, told and noted in the journal, and the restore ends all the same: the journal has
    it, at the point restored to, and what the DC has instead is captured.

    Args:
        writer: This process; a visitor until it is done.
        closed: No partner reaches the DC meanwhile.
        files: SYSVOL and the local databases, which come back with the directory; None: they stay as they are.

    Raises:
        MovedError: The journal goes on in another store. Nothing was written.
        NameTakenError: Objects outside of the scope have what one inside needs. Nothing was written.
        SmbConfError: Samba would not start any more with the smb.conf that went back. Nothing was written.
        LossError: Accounts would come back as somebody else, and that was not accepted. Nothing was written.
        ConflictError: The DC was written to since, and the terms say to ask. Nothing was written.
        NotPrivilegedError: The journal holds secrets that this connection does not see. Nothing was written.
        NotConvergedError: Most of what was lost is left, or, on a closed DC, something that gives somebody more than
            the journal does; the journal still says that a restore is under way, and capture stays off until one ends.
        RevertedError: It is the store that went back, or another journal watches the DC. Nothing was written.
        FencedError, StoreError, DirectoryError: Run it again; it goes on.
    """
    lineage = _permitted(dc, journal, wanted)
    is_living = lineage.verdict is Verdict.SAME
    if is_living and journal.head.owes_partners:
        go_on_telling(dc, journal, terms, writer, progress=progress, closed=closed, files=files)
    convergence = Convergence(dc, wanted, terms, progress, is_living=is_living)
    _require_accepted(dc, convergence, terms)
    why = reason(dc, journal, lineage, terms)
    if not wanted.scope.is_everything:
        capture = Capture.begin(dc, journal, writer, files=files)
        return _restore_part(capture, convergence, wanted, why, files, progress or Progress())
    partners = partners_of(dc, journal.head, wanted.state)
    fresh = fresh_invocation(dc, journal.head, wanted.state, lineage, partners)
    if is_living:
        convergence.conflicts()
        if files is not None or journal.head.position is None or dc.usn() != journal.head.position.usn:
            # what came since, and that look saw, is about to be taken back: it must be in a commit
            capture_news(dc, journal, writer, files=files)
    heals = fresh is not None and wanted.is_newest
    if fresh is not None and dc.invocation() != fresh:
        dc.begin_writing(terms.engine, receives=heals)  # the database takes longest to open
    back = _files_back(dc, journal, wanted, terms, files, progress)
    # only before it writes, and by the DC's own numbers, can a restore tell what others wrote
    found = convergence.conflicts()
    kept = found if terms.policy is OnConflict.DC else ()  # what is to be overwritten need not be known again
    rollback = UsnRollback(dc, convergence, partners, fresh, closed=closed) if fresh is not None else None
    began = time.time()
    journal.begin_restore(
        target=wanted.target, writer=writer, now=began, fresh=fresh, kept=kept, account=why.model_dump_json()
    )
    _leave_canary(dc, journal)
    log.info("restore.began", target=wanted.target)
    if back is not None:
        back.save_local()
        back.before_the_directory()
    if fresh is not None and dc.invocation() != fresh:
        _go_on_as(fresh, dc, convergence)
    outcome = convergence.run(heals=heals, reused=rollback.reused() if heals and rollback is not None else None)
    if files is not None:
        files.make_ready()  # for the timeline's first look at them
    if not closed:  # else it is started for everyone afterwards
        outcome.restart_for = tuple(_until_a_restart(outcome, has_partners=fresh is not None and bool(why.partners)))
    told = _told(outcome, wanted, why, began)
    _require_ended(outcome, terms)
    if back is not None:
        back.after_the_directory()
        outcome.files = back.outcome
        outcome.files.stale = stale_policies(convergence.seen, back.sysvol)
        told = _told(outcome, wanted, why, began)
    require_nothing_more(outcome, terms, closed=closed)
    journal.end_restore(
        now=time.time(),
        left=outcome.lines,
        account=told.model_dump_json(),
        files_left=len(back.outcome.lines) if back is not None else None,
    )
    _leave_canary(dc, journal)
    _begin_timeline(
        Capture.begin(dc, journal, writer, index=FingerprintIndex(wanted.state), files=files),
        convergence.proof,
        rollback,
    )
    log.info("restore.ended", seq=journal.head.seq, timeline=journal.head.timeline)
    return outcome


def _go_on_as(fresh: Guid, dc: DomainController, convergence: Convergence) -> None:
    """Have the DC, and whoever looks at it, go on under another invocationID."""
    dc.renew_invocation(fresh)
    log.info("invocation.renewed", invocation=guid_text(fresh))
    dc.reconnect()  # it takes the new one on a new connection
    convergence.go_on_as(fresh)


def go_on_telling(
    dc: DomainController,
    journal: Journal,
    terms: Terms,
    writer: Writer,
    *,
    progress: Progress | None = None,
    closed: bool = False,
    files: LocalFiles | None = None,
) -> RestoreOutcome:
    """Do for the DC's partners what a restore did not that was killed once it had ended; nothing is restored.

    Args:
        writer: This process; a visitor until it is done.
        closed: No partner reaches the DC meanwhile.
        files: SYSVOL and the local databases, to be captured with it.

    Raises:
        RevertedError, FencedError, StoreError, DirectoryError: Run it again; it goes on.
    """
    wanted = wanted_state(journal, healing_point(journal))
    capture = Capture.begin(dc, journal, writer, files=files)
    has_partners = tell_partners(dc, capture, wanted, terms.engine, progress or Progress())
    capture.look_at_files()
    capture.hand_back()
    log.info("restore.told_partners", seq=journal.head.seq)
    return RestoreOutcome(restart_for=(_IGNORED,) if has_partners and not closed else ())


def _until_a_restart(outcome: RestoreOutcome, *, has_partners: bool) -> Iterator[str]:
    """What the running DC goes on with as it was when it started."""
    if has_partners:
        yield _IGNORED
    wanted = (gap.want for gap in outcome.lost if gap.wanted_live and not gap.is_live)
    if any(item is not None and _TRUST in item.values.get("objectClass", ()) for item in wanted):
        yield "winbindd does not know the trusts that came back"


def _told(outcome: RestoreOutcome, wanted: WantedState, why: Reason, began: float) -> Result:
    found = result(outcome, wanted, began=began, ended=time.time())
    outcome.account = Account(reason=why, result=found)
    return found


def _permitted(dc: DomainController, journal: Journal, wanted: WantedState) -> Lineage:
    """The DC's lineage, where a restore may begin at all. Raises: RevertedError, NotPrivilegedError."""
    journal.require_here()
    lineage = lineage_of(dc, journal)
    refuse_store_behind(lineage)
    refuse_another_journal(lineage)
    if not wanted.scope.is_everything:
        # what is left of a reverted DC must not be captured, nor taken for restored
        require_same(dc, journal)
    require_secrets_seen(dc, held=wanted.holds_secrets)
    return lineage


def _require_accepted(dc: DomainController, convergence: Convergence, terms: Terms) -> None:
    """Nothing is lost or overwritten that the terms do not allow. Raises: NameTakenError, LossError, ConflictError."""
    if taken := convergence.collisions():
        raise NameTakenError(taken)
    accepted = dc.privileged or terms.accept_loss
    if losses := () if accepted else tuple(note for note in convergence.plan().notes if note.loss):
        raise LossError(losses)
    if terms.policy is OnConflict.FAIL and (local := [each for each in convergence.conflicts() if not each.stays]):
        raise ConflictError(local)


def _leave_canary(dc: DomainController, journal: Journal) -> None:
    dc.leave_canary(Canary.of(journal.seed, journal.head.seq, journal.head.digest))


def _require_ended(outcome: RestoreOutcome, terms: Terms) -> None:
    """The directory may go on with what is left. Raises: UnfinishedError."""
    log.info(
        "restore.applied",
        steps=len(outcome.applied),
        rounds=outcome.rounds,
        left=len(outcome.left),
        refused=len(outcome.refusals),
    )
    for each in outcome.renamed[:_LOGGED]:
        log.warning("restore.renamed", object=each.dn, now=each.now, account=each.account)
    for line in outcome.left[:_LOGGED]:
        log.warning("restore.difference", object=line.dn, kind=line.kind, attribute=line.attribute, reason=line.reason)
    if outcome.left and not terms.accept_differences and _most_is_left(outcome):
        raise UnfinishedError(outcome, hint=_MOST_IS_LEFT)


def require_nothing_more(outcome: RestoreOutcome, terms: Terms, *, closed: bool) -> None:
    """A closed DC opens only where nothing that is left gives somebody more. Raises: UnfinishedError."""
    if closed and terms.opening is not Opening.ALWAYS and (more := [line for line in outcome.lines if line.gives_more]):
        raise UnfinishedError(outcome, hint=_GIVES_MORE.format(line=_named(more[0])))


def _most_is_left(outcome: RestoreOutcome) -> bool:
    """No odd value is in the way but the DC itself: its disk is full, or it takes no writes."""
    left = {line.guid for line in outcome.left if line.kind not in {STAMP, TOMBSTONE}}  # nobody ever misses one
    return len(left) > max(_ODD_ONES, len(outcome.lost) // 2)


def _named(line: Difference) -> str:
    return f"{line.dn}: {line.attribute or line.kind}"


def _begin_timeline(capture: Capture, proof: FullLook | None, rollback: UsnRollback | None) -> None:
    """What was proven becomes the new timeline's first commit, and what the DC did meanwhile the second."""
    try:
        capture.look(shown=proof)
        if rollback is not None:
            rollback.say_again()
        capture.look()
        capture.look_at_files()
        if capture.head.owes_partners:
            capture.journal.note_partners_told(now=time.time())
    except DirectoryUnreachableError as error:
        if capture.head.position is None:
            raise
        # it is restored and proven all the same: the next look finds what it did meanwhile, a guard what it owes
        log.warning("dc.went_away_after_the_proof", error=error.message)
    capture.hand_back()


def _level(dc: DomainController, wanted: WantedState) -> int:
    """The domain's functional level once it is restored; 0 when it does not say."""
    root = next((guid for guid, nc in dc.feed.roots.items() if nc == dc.dse.domain), None)
    values = wanted.state[root].values if root is not None and root in wanted.state else {}
    return int(b"".join(values.get("msDS-Behavior-Version", ())) or b"0")


def _files_back(
    dc: DomainController,
    journal: Journal,
    wanted: WantedState,
    terms: Terms,
    files: LocalFiles | None,
    progress: Progress | None,
) -> FilesBack | None:
    """What is to be put back beside the directory; None: nothing. Raises: SmbConfError, FileConflictError."""
    if files is None:
        return None
    back = FilesBack(files, journal, wanted.target, terms.policy, progress)
    if (line := back.missing_line(_level(dc, wanted))) is not None:
        raise SmbConfError(line)
    if terms.policy is OnConflict.FAIL and back.local:
        raise FileConflictError([each.key for each in back.local])
    return back


def _restore_part(
    capture: Capture,
    convergence: Convergence,
    wanted: WantedState,
    why: Reason,
    files: LocalFiles | None,
    progress: Progress,
) -> RestoreOutcome:
    """What the scope says; of its policies the files, which clients look for as long as they see a container."""
    began, brought = time.time(), list[FilesOutcome]()
    paths = policy_paths(capture.journal, wanted, convergence.seen) if files is not None else NO_POLICIES
    if files is not None and paths.coming:
        brought.append(bring_policy_files(capture, files, wanted, paths.coming, progress))
    outcome = convergence.run()
    if files is not None and paths.going and not outcome.left:
        brought.append(bring_policy_files(capture, files, wanted, paths.going, progress))
    outcome.files = together(brought) if brought else None
    outcome.account = Account(reason=why, result=result(outcome, wanted, began=began, ended=time.time()))
    capture.look()
    capture.look_at_files()
    capture.hand_back()
    log.info("restore.done_in_part", steps=len(outcome.applied), left=len(outcome.left), seq=capture.head.seq)
    return outcome


def capture_news(dc: DomainController, journal: Journal, writer: Writer, *, files: LocalFiles | None = None) -> None:
    """On a DC that was not reverted, make what is new there durable before anything is taken back."""
    if journal.head.phase is Phase.CAPTURING and lineage_of(dc, journal).verdict is Verdict.SAME:
        capture = Capture.begin(dc, journal, writer, files=files)
        capture.look()
        capture.look_at_files_until_whole(time.sleep)
