"""Group policies whose files are older than their container: Samba replicates the one, and not the other."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adpersist.files.reading import NotCapturableError, open_to_read
from adpersist.reading.file_events import policy_place
from adpersist.state.state import State

_VERSION: Final = re.compile(rb"^\s*version\s*=\s*(\d+)", re.IGNORECASE | re.MULTILINE)
_LARGEST_INI_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class StalePolicy:
    """One of them.

    Attributes:
        dn: The container.
        container: Its versionNumber.
        files: What GPT.INI says; None: it is not there, or says nothing.
    """

    dn: str
    container: int
    files: int | None


def stale_policies(state: State, sysvol: Path) -> list[StalePolicy]:
    """Those whose newer files another DC has, or somebody is about to write.

    Args:
        state: The directory as it is.
        sysvol: The share's directory.
    """
    found = []
    for item in state.values():
        place = policy_place(state, item.guid) if not item.deleted else None
        version = b"".join(item.values.get("versionNumber", ()))
        if place is None or not version.isdigit():
            continue
        files = _version(sysvol, f"{place}/GPT.INI")
        if int(version) > (files or 0):
            found.append(StalePolicy(dn=state.dn(item.guid), container=int(version), files=files))
    return sorted(found, key=lambda each: each.dn)


def _version(sysvol: Path, path: str) -> int | None:
    try:
        opened = open_to_read(_there(sysvol, path))
    except (OSError, NotCapturableError):
        return None  # nobody can read it: that is what is told
    try:
        match = _VERSION.search(os.read(opened, _LARGEST_INI_BYTES))
    except OSError:
        return None
    finally:
        os.close(opened)
    return int(match[1]) if match else None


def _there(sysvol: Path, path: str) -> Path:
    """A path as it is spelt on the disk: clients match names without case. Raises: OSError."""
    found = sysvol
    for name in path.split("/"):
        spelt = next((each.name for each in found.iterdir() if each.name.lower() == name.lower()), name)
        found /= spelt
    return found
