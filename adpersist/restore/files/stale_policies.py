"""Group policies whose files and containers are of two versions: Samba replicates the one, and not the other; and
whoever edits a policy writes first the one and then the other."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adpersist.files.looking.reading import NotCapturableError, open_to_read
from adpersist.journal.journal import Journal
from adpersist.model.files.file_state import Place
from adpersist.model.identity.ids import Guid
from adpersist.reading.file_events import policy_place
from adpersist.restore.wanted import WantedState
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
    found = _versions(state, lambda path: _here(sysvol, path))
    return [each for each in found if each.container > (each.files or 0)]


def half_policies(journal: Journal, wanted: WantedState) -> list[StalePolicy]:
    """Those that a point has half of: it lies between the two writes of whatever edited them.

    None at all where nobody had looked at files by then.

    Raises:
        DamagedError: The journal is not what was written.
    """
    files, root = journal.files(wanted.target), wanted.scope.root
    if not files:
        return []
    told = {path.lower(): state for (place, path), state in files.items() if place is Place.SYSVOL}
    inis = {path: state.pieces[:1] for path, state in told.items() if path.endswith("/gpt.ini")}
    pieces = dict(journal.content(wanted.target, {piece for each in inis.values() for piece in each}))

    def version(path: str) -> int | None:
        return _version(b"".join(pieces[piece] for piece in inis.get(path.lower(), ())))

    found = _versions(wanted.state, version, only=root)
    return [each for each in found if each.container != (each.files or 0)]


def _versions(state: State, of_files: Callable[[str], int | None], *, only: Guid | None = None) -> list[StalePolicy]:
    found = []
    for item in state.values():
        if only is not None and item.guid != only:
            continue
        place = policy_place(state, item.guid) if not item.deleted else None
        version = b"".join(item.values.get("versionNumber", ()))
        if place is not None and version.isdigit():
            ini = f"{place}/GPT.INI"
            found.append(StalePolicy(dn=state.dn(item.guid), container=int(version), files=of_files(ini)))
    return sorted(found, key=lambda each: each.dn)


def _here(sysvol: Path, path: str) -> int | None:
    try:
        opened = open_to_read(_there(sysvol, path))
    except (OSError, NotCapturableError):
        return None  # nobody can read it: that is what is told
    try:
        return _version(os.read(opened, _LARGEST_INI_BYTES))
    except OSError:
        return None
    finally:
        os.close(opened)


def _version(ini: bytes) -> int | None:
    match = _VERSION.search(ini[:_LARGEST_INI_BYTES])
    return int(match[1]) if match else None


def _there(sysvol: Path, path: str) -> Path:
    """A path as it is spelt on the disk: clients match names without case. Raises: OSError."""
    found = sysvol
    for name in path.split("/"):
        spelt = next((each.name for each in found.iterdir() if each.name.lower() == name.lower()), name)
        found /= spelt
    return found
