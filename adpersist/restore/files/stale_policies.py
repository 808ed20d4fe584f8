"""Group policies whose files and containers do not fit together: Samba replicates the one, and not the other; and
whoever edits a policy writes first the one and then the other."""

import os
from dataclasses import dataclass
from pathlib import Path

from adpersist.files.looking.reading import NotCapturableError, open_to_read
from adpersist.journal.journal import Journal
from adpersist.model.files.file_changes import FileChanges
from adpersist.reading.policies.folders import LARGEST_INI_BYTES, PolicyFolders, policy_named, version_in
from adpersist.reading.policies.halves import HalfPolicy, container_version, half_policies
from adpersist.reading.policies.places import is_policy, place_of
from adpersist.restore.wanted import WantedState
from adpersist.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class StalePolicy:
    """One whose container is newer than its files.

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
        if item.deleted or not is_policy(item) or (place := place_of(item)) is None:
            continue
        version, files = container_version(item), _here(sysvol, f"{place}/GPT.INI")
        if version > (files or 0):
            found.append(StalePolicy(dn=state.dn(item.guid), container=version, files=files))
    return sorted(found, key=lambda each: each.dn)


def halves_at(journal: Journal, wanted: WantedState) -> list[HalfPolicy]:
    """Those of what is wanted that the point has half of: it lies between two writes of whatever edited them.

    None at all where nobody had looked at files by then.

    Raises:
        DamagedError: The journal is not what was written.
    """
    files, want, scope = journal.files(wanted.target), wanted.state, wanted.scope
    if not files:
        return []
    folders = PolicyFolders().after(FileChanges(states=tuple(files.values())))
    wanted_pieces = {piece for each in folders.inis.values() for piece in each[:1]}
    versions = {piece: version_in(content) for piece, content in journal.content(wanted.target, wanted_pieces)}
    if scope.is_everything or not scope.roots:
        return half_policies(want.values(), folders, versions)
    objects = scope.objects(want, want)
    names = {policy_named(want[guid].rdn.partition("=")[2]) for guid in objects if guid in want}
    return half_policies(want.values(), folders, versions, named={name for name in names if name is not None})


def _here(sysvol: Path, path: str) -> int | None:
    try:
        opened = open_to_read(_there(sysvol, path))
    except (OSError, NotCapturableError, ValueError):  # the last of a place with a zero byte in it
        return None  # nobody can read it: that is what is told
    try:
        return version_in(os.read(opened.descriptor, LARGEST_INI_BYTES))
    except OSError:
        return None
    finally:
        os.close(opened.descriptor)


def _there(sysvol: Path, path: str) -> Path:
    """A path as it is spelt on the disk: clients match names without case. Raises: OSError."""
    found = sysvol
    for name in path.split("/"):
        spelt = next((each.name for each in found.iterdir() if each.name.lower() == name.lower()), name)
        found /= spelt
    return found
