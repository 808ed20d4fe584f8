"""Restoring: what ``restore`` and ``guard`` share. A restore is announced in the journal before the first write and
ended after the proof, so that a run killed anywhere in between is known to be unfinished and goes on."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from adpersist.capture.capture import SECRET, Capture, require_secrets_seen
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.canary import Canary
from adpersist.directory.lineage.proof import lineage_of, refuse_store_behind, require_same
from adpersist.errors import AdpersistError, DirectoryUnreachableError, ExitCode, NotConvergedError
from adpersist.journal.holder import Role, new_writer
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.journal.head import Phase
from adpersist.model.journal.lineage import Verdict
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.engine import Engine
from adpersist.reading.find import NoSuchObjectError, find
from adpersist.restore.convergence import Convergence, Progress, RestoreOutcome
from adpersist.restore.live_state import LiveState
from adpersist.restore.new_invocation import fresh_invocation
from adpersist.restore.plan.limitations import Limitation
from adpersist.restore.plan.plan import OnConflict
from adpersist.restore.plan.scope import EVERYTHING, RestoreScope
from adpersist.restore.wanted import WantedState
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.telemetry import logger

log = logger("restore")


def prepared(
    dc: DomainController,
    aim: WantedState,
    *,
    policy: OnConflict = OnConflict.JOURNAL,
    progress: Progress | None = None,
    scope: RestoreScope = EVERYTHING,
) -> Convergence:
    """A restore that can plan, verify or run."""
    return Convergence(
        dc,
        aim.state,
        known=aim.known,
        captured=aim.captured,
        policy=policy,
        last_given_rid=aim.head.position.rid_next if aim.head.position else 0,
        given=aim.given,
        recorded=aim.recorded,
        progress=progress,
        scope=scope,
        base=aim.base,
        begun=aim.begun,
    )


def restore(
    dc: DomainController,
    journal: Journal,
    aim: WantedState,
    *,
    policy: OnConflict = OnConflict.JOURNAL,
    progress: Progress | None = None,
    scope: RestoreScope = EVERYTHING,
    restart: Callable[[], None] | None = None,
    engine: Engine = Engine.AUTO,
    accept_loss: bool = False,
) -> RestoreOutcome:
    """Bring the DC to what is wanted, prove it, and open a new timeline.

    A DC that was put back and has partners goes on under another invocationID, before anything is written: what it
    wrote under the old one they would take for read.

    With a scope it is no other timeline: what was restored is a change like any other, and captured as one.

    Args:
        restart: Restarts the DC, so that all of it takes the new invocationID; None: the caller's caller must.
        accept_loss: Accounts that this connection can only make again as somebody else are made again so.

    Raises:
        LossError: There are such, and that was not accepted. Nothing was written.
        NotPrivilegedError: The journal holds secrets that this connection does not see. Nothing was written.
        NotConvergedError: Differences are left; the journal still says that a restore is under way, and capture stays
            off until one succeeds.
        RevertedError: It is the store that went back; the DC knows more than the journal. Nothing was written.
        FencedError, StoreError, DirectoryError: Run it again; it goes on.
    """
    lineage = lineage_of(dc, journal)
    refuse_store_behind(lineage)
    if not scope.is_everything:
        # what is left of a reverted DC must not be captured, nor taken for restored
        require_same(dc, journal)
    require_secrets_seen(dc, held=any(SECRET in item.values for item in aim.state.values()))
    restore = prepared(dc, aim, policy=policy, progress=progress, scope=scope)
    losses = () if dc.privileged or accept_loss else tuple(note for note in restore.plan().notes if note.loss)
    if losses:
        raise LossError(losses)
    if policy is OnConflict.FAIL:
        local = [each for each in restore.conflicts() if not each.stays]
        if local:
            raise ConflictError(local)
    writer = new_writer(Role.VISITOR)
    if not scope.is_everything:
        return _mend_part(Capture.begin(dc, journal, writer), restore, engine)
    fresh = fresh_invocation(dc, journal.head, aim.state, lineage)
    # only before it writes can a restore tell what others wrote; what is to be overwritten need not be known again
    kept = restore.conflicts() if policy is OnConflict.DC else ()
    journal.begin_restore(target=aim.target, writer=writer, now=time.time(), fresh=fresh, kept=kept)
    dc.leave_canary(Canary.of(journal.seed, journal.head.seq, journal.head.digest))
    log.info("restore.began", target=aim.target)
    if fresh is not None and dc.invocation() != fresh:
        dc.renew_invocation(fresh)
        log.info("invocation.renewed", invocation=guid_text(fresh), restarting=restart is not None)
        if restart is not None:
            restart()
        dc.reconnect()
        restore.look_anew()
    with ThreadPoolExecutor(1) as beside:
        # while the DC writes there is nothing to do here
        index = beside.submit(FingerprintIndex.of, aim.state.values())
        outcome = restore.run(engine)
    log.info(
        "restore.applied",
        steps=len(outcome.applied),
        rounds=outcome.rounds,
        left=len(outcome.left),
        refused=len(outcome.refusals),
    )
    if outcome.left:
        raise UnfinishedError(outcome)
    journal.end_restore(now=time.time())
    dc.leave_canary(Canary.of(journal.seed, journal.head.seq, journal.head.digest))
    # what was proven becomes the new timeline's first commit, and what the DC did meanwhile the second
    captured = Capture.begin(dc, journal, writer, index=index.result())
    captured.look(shown=restore.proof)
    try:
        captured.look()
    except DirectoryUnreachableError as error:
        # it is restored and proven all the same; whoever looks next finds what it did meanwhile
        log.warning("dc.went_away_after_the_proof", error=error.message)
    captured.hand_back()
    log.info("restore.ended", seq=journal.head.seq, timeline=journal.head.timeline)
    return outcome


def _mend_part(capture: Capture, restore: Convergence, engine: Engine) -> RestoreOutcome:
    outcome = restore.run(engine)
    capture.look()
    capture.hand_back()
    log.info("restore.done_in_part", steps=len(outcome.applied), left=len(outcome.left), seq=capture.head.seq)
    if outcome.left:
        raise UnfinishedError(outcome)
    return outcome


def scoped(
    dc: DomainController, aim: WantedState, name: str | None, *, below: bool = False, attribute: str = ""
) -> RestoreScope:
    """The scope a person means: an object of the point restored to, else one of the DC's.

    Raises:
        NoSuchObjectError, AmbiguousObjectError.
    """
    if name is None:
        return RestoreScope(attribute=attribute)
    root: Guid | None = None
    with suppress(NoSuchObjectError):
        root = find(aim.state, name)
    if root is None or not aim.state.is_live(root):
        here = LiveState(dc).refresh()
        if root is None:
            root = find(here, name)
        else:
            with suppress(NoSuchObjectError):
                found = find(here, name)
                root = found if here.is_live(found) else root
    return RestoreScope(root=root, below=below, attribute=attribute)


def capture_news(dc: DomainController, journal: Journal) -> None:
    """On a DC that was not reverted, make what is new there durable before anything is taken back."""
    if journal.head.phase is Phase.CAPTURING and lineage_of(dc, journal).verdict is Verdict.SAME:
        Capture.begin(dc, journal, new_writer(Role.VISITOR)).look()


class LossError(AdpersistError):
    """Accounts are gone for good, and this connection can only make others of the same name. Nothing was written.

    Attributes:
        losses: Which.
    """

    exit_code = ExitCode.DIFFERENCES

    def __init__(self, losses: Sequence[Limitation]) -> None:
        super().__init__(
            f"{len(losses)} accounts would come back as somebody else, with another SID and no password; the first is "
            f"{losses[0].dn}",
            hint="Restore over the privileged socket on the domain controller, which keeps identities; or accept that "
            "with --accept-loss. `adpersist plan` lists them.",
        )
        self.losses = losses


class ConflictError(AdpersistError):
    """The DC was written to after it was put back, and the caller wants to be asked. Nothing was written.

    Attributes:
        conflicts: Those writes.
    """

    exit_code = ExitCode.DIFFERENCES

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        super().__init__(
            f"{len(conflicts)} objects were written locally after the revert, the first is {conflicts[0].dn}",
            hint="`adpersist plan` lists them; --on-conflict journal overwrites them, --on-conflict dc keeps them.",
        )
        self.conflicts = conflicts


class UnfinishedError(NotConvergedError):
    """A restore ended with differences left.

    Attributes:
        outcome: What was done, and what is left.
    """

    def __init__(self, outcome: RestoreOutcome) -> None:
        reasons = "; ".join(dict.fromkeys(refusal.reason for refusal in outcome.refusals))
        super().__init__(
            f"{len(outcome.left)} differences are left after {outcome.rounds} rounds"
            + (f": {reasons}" if reasons else ""),
            hint="The domain controller is not what the journal says. `adpersist verify` lists what differs.",
        )
        self.outcome = outcome
