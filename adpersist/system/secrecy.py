"""What a process of ours keeps to itself: the credentials in its environment, the keys in its memory."""

import ctypes
import os
import resource
from collections.abc import Mapping
from typing import Final

from adpersist.telemetry import logger

_OURS: Final = ("ADPERSIST_", "AZURE_", "IDENTITY_", "MSI_", "CREDENTIALS_DIRECTORY")
"""How variables begin that hold a key, a credential, or the way to one."""

_PR_SET_DUMPABLE: Final = 4

log = logger("system")


def environment_for_others(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a program that is not ours: a child of Samba's that runs as a user reads its own."""
    return {name: value for name, value in environment.items() if not name.startswith(_OURS)}


def leave_no_core() -> None:
    """From now on this process leaves no core dump, nor does another one of the same user look into its memory.

    A child gets the limit, which it may raise again; what it runs is dumpable as ever.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:  # the limit does not hold where dumps are piped to a program
        log.warning("memory.dumpable", reason=os.strerror(ctypes.get_errno()))
