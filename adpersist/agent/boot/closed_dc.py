"""The DC while nobody but this machine reaches it."""

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
from adpersist.telemetry import logger

_STOP_TIMEOUT_S: Final = 60.0
_ASK_EVERY_S: Final = 0.02

log = logger("boot")


class BootError(AdpersistError):
    """The DC could not be started, closed or at all. It stays closed."""

    exit_code = ExitCode.FAILURE


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
            BootError: The command cannot be started, or ends before the DC answers.
            DirectoryUnreachableError: It does not answer in time.
        """
        try:
            process = subprocess.Popen(
                isolated_command(self._command), start_new_session=True, env=_unannounced(os.environ)
            )
            self._process = process
        except OSError as error:
            raise BootError(f"{self._command[0]} cannot be started: {error.strerror}") from error
        log.info("dc.started_closed", pid=process.pid)
        return connections.connect(
            self._config, patience_s=self._patience_s, meanwhile=lambda: _require_running(process)
        )

    def require_running(self) -> None:
        """Make sure that it has not ended by itself. Raises: BootError."""
        if self._process is not None:
            _require_running(self._process)

    def restart(self) -> None:
        """Stop it and start it again, closed as before. Raises: as :meth:`start`."""
        self.stop()
        self.start().close()

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


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _unannounced(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the service manager's socket: a closed DC must not say that the service is up."""
    return {name: value for name, value in environment.items() if name != "NOTIFY_SOCKET"}


def _require_running(process: subprocess.Popen[bytes]) -> None:
    if (code := process.poll()) is not None:
        words = "this process may not make a network of its own (it takes CAP_SYS_ADMIN and CAP_NET_ADMIN)"
        raise BootError(
            words if code == CANNOT_ISOLATE else f"the command ended with {code} before the DC answered",
            hint="The DC stays closed; its own log says more.",
        )
