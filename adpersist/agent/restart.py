"""Restarting a running DC, by the command its administrator gave."""

import shlex
import subprocess
from typing import Final

from adpersist.errors import AdpersistError, ConfigError
from adpersist.system.secrecy import environment_for_others
from adpersist.telemetry import logger

_TIMEOUT_S: Final = 120

log = logger("restart")


def restart(command: str) -> None:
    """Run the command and wait for its end.

    Raises:
        ConfigError: It is no command line.
        AdpersistError: It failed, or did not end in two minutes.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"[restore] restart_command is no command line: {error}") from error
    log.info("dc.restarting", command=words)
    try:
        subprocess.run(words, check=True, capture_output=True, timeout=_TIMEOUT_S, env=environment_for_others())
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None)
        reason = said.decode(errors="replace").strip().splitlines()[-1] if said else str(error)
        raise AdpersistError(
            f"the domain controller is healed, and could not be restarted: {reason}",
            hint="Restart Samba by hand: until then its replication partners ignore what it writes.",
        ) from error
