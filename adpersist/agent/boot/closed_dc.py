"""The DC while nobody but this machine reaches it."""

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from adpersist.agent import connections
from adpersist.agent.boot.isolation import CANNOT_ISOLATE, isolated_command
from adpersist.config import Config
from adpersist.directory.domain_controller import DomainController
from adpersist.errors import AdpersistError, ExitCode
from adpersist.system.backoff import Backoff
from adpersist.system.files import lock_file
from adpersist.system.files.lock_file import LockFile
from adpersist.system.secrecy import environment_for_others
from adpersist.telemetry import logger

_STOP_TIMEOUT_S: Final = 60.0
_ASK_EVERY_S: Final = 0.02

log = logger("boot")


class BootError(AdpersistError):
    """The DC could not be started, closed or at all. It stays closed."""

    exit_code = ExitCode.FAILURE
    way_out = "Run the command by itself, outside of adpersist: what it says then has to be put right first."


class StillEndingError(BootError):
    """The closed DC of a boot that was killed has not ended yet."""

    retryable = True
    asked_every_s = 0.1


class ClosedDc:
    """A DC that this process starts closed, and ends again."""

    def __init__(self, config: Config, command: Sequence[str], patience_s: float) -> None:
        """Prepare; nothing is started yet.

        Args:
            command: Starts the DC in the foreground.
            patience_s: How long it may take until it answers.
        """
        self._config = config
        self._command = command
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> DomainController:
        """Start it and wait until it answers.

        Raises:
            BootError: The command cannot be started, or ends before the DC answers; or that of an earlier boot does not
                end.
            DirectoryUnreachableError: It does not answer in time.
        """
        with lock_file.opened(_lock_name(self._config.directory.url)) as lock:
            if lock is not None:
                # a boot that was killed has told its DC to end: until that has, another would not come up
                Backoff(budget_s=self._patience_s).call(lambda: _require_alone(lock))
            process = self._process = self._start([lock.descriptor] if lock is not None else [])
        log.info("dc.started_closed", pid=process.pid)
        return connections.connect(
            self._config, patience_s=self._patience_s, meanwhile=lambda: _require_running(process)
        )

    def _start(self, inherited: Sequence[int]) -> subprocess.Popen[bytes]:
        command, environment = isolated_command(self._command), _unannounced(os.environ)
        try:
            return subprocess.Popen(command, start_new_session=True, env=environment, pass_fds=inherited)
        except OSError as error:
            raise BootError(f"{self._command[0]} cannot be started: {error.strerror}") from error

    def require_running(self) -> None:
        """Make sure that it has not ended by itself. Raises: BootError."""
        if self._process is not None:
            _require_running(self._process)

    def stop(self) -> None:
        """End all of it, its children too: a DC that is started beside a remainder of itself does not come up."""
        if (process := self._process) is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            until = time.monotonic() + _STOP_TIMEOUT_S
            while time.monotonic() < until:
                process.poll()
                if not _lives(process.pid):
                    return
                time.sleep(_ASK_EVERY_S)
            log.warning("dc.did_not_stop", pid=process.pid)


def _lock_name(url: str) -> str:
    """One for every DC of this machine."""
    return f"closed-{hashlib.sha256(url.encode()).hexdigest()[:16]}"


def _require_alone(lock: LockFile) -> None:
    if not lock.take():
        raise StillEndingError(
            "the closed domain controller of an earlier boot has not ended yet",
            hint="Two must never share one database: find out why it does not end, and end it.",
        )


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _unannounced(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the service manager's socket, too: a closed DC must not say that the service is up."""
    return {name: value for name, value in environment_for_others(environment).items() if name != "NOTIFY_SOCKET"}


def _require_running(process: subprocess.Popen[bytes]) -> None:
    if (code := process.poll()) is not None:
        words = "this process may not make a network of its own (it takes CAP_SYS_ADMIN and CAP_NET_ADMIN)"
        raise BootError(
            words if code == CANNOT_ISOLATE else f"the command ended with {code} before the DC answered",
            hint="The DC stays closed; its own log says more.",
        )
