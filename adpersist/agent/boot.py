"""Bringing a DC up: closed, proven, and only then for everyone."""

import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Final

from adpersist.agent import access
from adpersist.agent.closed import CANNOT_ISOLATE, closed
from adpersist.agent.guard import Guarded, OnRevert, guard
from adpersist.config import Config
from adpersist.errors import AdpersistError, ExitCode, RevertedError
from adpersist.replay.plan import OnConflict
from adpersist.replay.restore import Progress
from adpersist.telemetry import logger

_STOP_TIMEOUT_S: Final = 60.0

log = logger("boot")


class BootError(AdpersistError):
    """The DC could not be started, closed or at all. It stays closed."""

    exit_code = ExitCode.FAILURE


def boot(
    config: Config,
    command: Sequence[str],
    *,
    on_revert: OnRevert,
    policy: OnConflict,
    patience_s: float,
    progress: Progress | None = None,
) -> Guarded:
    """Start the DC closed, prove it or make it right, and stop it again; the caller then starts it for everyone.

    Raises:
        BootError: The command cannot be started, or ends before the DC answers.
        RevertedError, NotConvergedError, AdpersistError: The DC is not proven right; it was stopped and stays closed.
    """
    try:
        process = subprocess.Popen(closed(command), start_new_session=True)
    except OSError as error:
        raise BootError(f"{command[0]} cannot be started: {error.strerror}") from error
    log.info("dc.started_closed", pid=process.pid)
    try:
        dc = access.connect(config, patience_s=patience_s, meanwhile=lambda: _require_running(process))
        try:
            journal = access.journal(config, dc.identity)
            found = guard(dc, journal, on_revert=on_revert, policy=policy, progress=progress)
            journal.close()
        finally:
            dc.close()
    finally:
        _stop(process)
    if not found.proven:
        raise RevertedError(
            f"the domain controller is {found.lineage.verdict}: {found.lineage.evidence}",
            hint="It stays closed. `adpersist boot --on-revert restore -- ...` heals it.",
        )
    log.info("dc.proven", lineage=str(found.lineage.verdict), restored=found.outcome is not None)
    return found


def _require_running(process: subprocess.Popen[bytes]) -> None:
    if (code := process.poll()) is not None:
        words = "this process may not make a network of its own (it takes CAP_SYS_ADMIN and CAP_NET_ADMIN)"
        raise BootError(
            words if code == CANNOT_ISOLATE else f"the command ended with {code} before the DC answered",
            hint="The DC stays closed; its own log says more.",
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                log.warning("dc.did_not_stop", pid=process.pid)
