"""Bringing a DC up: closed, proven, and only then for everyone."""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from adpersist.agent import connections
from adpersist.agent.boot.closed_dc import BootError, ClosedDc
from adpersist.agent.guard import Ended, GuardResult, GuardTerms, guard
from adpersist.agent.health.agent_health import AgentHealth
from adpersist.agent.health.endpoint import served
from adpersist.agent.signals import Pause, Reloaded, Stopped, heeded
from adpersist.config import Config
from adpersist.errors import AdpersistError, RevertedError
from adpersist.restore.progress import Progress
from adpersist.stores.registry import with_room_made
from adpersist.system.backoff import Backoff, Told, may_pass
from adpersist.telemetry import logger

_ASLEEP_S: Final = 3600.0
_TRIES: Final = 3
"""So often a DC is started that dies while it is looked at or healed."""

log = logger("boot")


def boot(
    config: Config,
    command: Sequence[str],
    terms: GuardTerms,
    *,
    patience_s: float,
    stay: bool = False,
    progress: Progress | None = None,
    ended: Ended = lambda *_: None,
) -> GuardResult:
    """Start the DC closed, prove it or make it right, and stop it again; the caller then starts it for everyone.

    Args:
        config: Names DC, store and journal.
        command: Starts the DC in the foreground.
        terms: What may be done to it.
        patience_s: How long the DC may take until it answers, and a store that is away after that.
        stay: When it stays closed, serve the reason until a signal says stop.
        progress: Told how far a restore has come.
        ended: As :func:`guard`'s.

    Raises:
        BootError: The command cannot be started, or ends before the DC answers.
        RevertedError, NotConvergedError, AdpersistError: The DC is not proven right; it was stopped and stays closed.
    """
    health = AgentHealth(max_lag_s=config.status.max_lag_s)
    with served(config.health.listen, health):
        try:
            told = _Told(health, progress)
            return _bring_up(config, command, terms, health, patience_s=patience_s, progress=told, ended=ended)
        except AdpersistError as error:
            health.troubled(error)
            health.stage("the domain controller stays closed")
            log.warning("dc.stays_closed", error=error.message, code=int(error.exit_code))
            if stay:
                _until_stopped()
            raise


def _until_stopped() -> None:
    pause = Pause(time.sleep)
    with suppress(Stopped), heeded(pause):
        while True:
            with suppress(Reloaded):
                pause(_ASLEEP_S)


class _Told(Progress):
    """Tells the health endpoint, too, how far a restore has come."""

    def __init__(self, health: AgentHealth, shown: Progress | None) -> None:
        self._health = health
        self._shown = shown or Progress()

    def looking(self, what: str) -> None:
        self._health.stage(f"the domain controller is closed: {what}")
        self._shown.looking(what)

    def applying(self, done: int, total: int) -> None:
        self._health.stage(f"the domain controller is closed: {done} of {total} steps of the restore are done")
        self._shown.applying(done, total)


def _bring_up(
    config: Config,
    command: Sequence[str],
    terms: GuardTerms,
    health: AgentHealth,
    *,
    patience_s: float,
    progress: Progress,
    ended: Ended,
) -> GuardResult:
    def proven() -> GuardResult:
        closed_dc.require_running()
        with connections.connected_journal(config, health) as (dc, journal):
            health.found(journal.head, journal.last_commit_time(), journal.last_restore())
            files = connections.local_files(config, dc)
            return guard(dc, journal, terms, progress=progress, closed=True, files=files, ended=ended)

    def guarded() -> GuardResult:
        return with_room_made(config.store.url, proven, spare_prune=True)[0]

    told = Told()

    def waiting(error: AdpersistError, wait_s: float) -> None:
        told(error, wait_s)
        health.troubled(error)

    for left in reversed(range(_TRIES)):
        health.stage("the domain controller is starting, closed")
        closed_dc = ClosedDc(config, command, patience_s)
        try:
            closed_dc.start().close()
            try:
                # a store that is away is waited for: what it holds alone can prove the DC
                found = Backoff(budget_s=patience_s, first_s=0.1, waits_for=may_pass, on_wait=waiting).call(guarded)
                break
            except BootError as error:
                if not left:
                    raise
                # it answered, and died of something it was asked or given; a restore goes on where it stopped
                waiting(error, 0)
        finally:
            closed_dc.stop()
    if not found.proven:
        raise RevertedError(
            f"the domain controller is {found.lineage.verdict}: {found.lineage.evidence}",
            hint="It stays closed. `adpersist boot --on-revert restore -- ...` heals it.",
        )
    log.info(
        "dc.proven", lineage=str(found.lineage.verdict), restored=found.outcome is not None, differences=len(found.left)
    )
    return found
