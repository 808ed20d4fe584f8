"""On which disks store and witness lie, and how full the store's is."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from adpersist.agent.doctor.finding import Finding, bad, note, ok, warning
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.ldap.connection import is_socket, socket_path
from adpersist.errors import StoreError
from adpersist.stores.registry import exposed_parts
from adpersist.system.files.real_path import real

ROOT: Final = Path("/")
DISK: Final = "store's disk"
WITNESS: Final = "witness"
PRIVACY: Final = "store's files"
SPACE: Final = "free space"
_FEW_BYTES: Final = 1 << 30
_NONE_BYTES: Final = 64 << 20
_ELSEWHERE: Final = (
    "Have it on a disk of its own, or in Azure Table Storage; one that is there is moved by `adpersist copy --to URL "
    "--move`, then set [store] url."
)


def machine_of(dc: DomainController) -> list[Path]:
    """Directories that go back with the machine the DC runs on; none when it is another machine."""
    return [ROOT, dc.session.path.parent.parent] if dc.privileged else []


def machine_behind(directory: str) -> list[Path]:
    """The same, as far as the directory's URL tells, of a DC that is not asked."""
    return [ROOT, socket_path(directory).parent.parent] if is_socket(directory) else []


def examine_place(store: str, machine: Sequence[Path]) -> Iterator[Finding]:
    """Whether what puts the DC back puts the store back with it, and whether there is room.

    Args:
        store: The store's URL.
        machine: Directories that go back with the machine, those that exist of them: Samba's own, the root.

    Raises:
        StoreError: Its directory cannot be looked at.
    """
    scheme, _, rest = store.partition("://")
    if scheme == "memory":
        yield bad(DISK, "a memory store ends with its process", "Set [store] url to sqlite:// or azure://.")
        return
    if scheme != "sqlite":
        yield ok(DISK, f"{store} is not on this machine")
        return
    folder, together = _together(Path("/" + rest.lstrip("/")), machine)
    if together:
        yield warning(
            DISK,
            f"{folder} lies on the disk of {' and '.join(together)}: what puts the domain controller back puts the "
            "journal back, too",
            _ELSEWHERE,
        )
    elif machine:
        yield ok(DISK, f"{folder} lies on another disk than {' and '.join(map(str, machine))}")
    else:
        yield ok(DISK, f"{folder} is not on the controller's machine")
    for each in exposed_parts(store):
        yield warning(PRIVACY, each.says, each.mend)
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        yield bad(
            SPACE,
            f"{folder} is mounted read-only, as the kernel does with a disk that fails: nothing is captured",
            "See `dmesg`; then `mount -o remount,rw`, and the agent goes on by itself.",
        )
        return
    yield _room(folder, shutil.disk_usage(folder).free)


def examine_witness(witness: Path | None, store: str, machine: Sequence[Path]) -> Iterator[Finding]:
    """Whether somebody could tell that store and DC were put back together.

    Args:
        witness: The file outside of both; None: none is configured.
        store: The store's URL.
        machine: As for :func:`examine_place`.

    Raises:
        StoreError: Its directory cannot be looked at.
    """
    mend = "Set [journal] witness to a file on a disk that goes back with neither: docs/lineage.md."
    if witness is None:
        yield note(WITNESS, "there is none: nobody could tell that store and controller were put back together", mend)
        return
    scheme, _, rest = store.partition("://")
    beside = [*machine, *([real(Path("/" + rest.lstrip("/"))).parent] if scheme == "sqlite" else [])]
    folder, together = _together(witness, beside)
    if together:
        yield warning(WITNESS, f"{folder} lies on the disk of {' and '.join(together)}, and goes back with it", mend)
    else:
        yield ok(WITNESS, f"{folder} lies on a disk of its own")


def _together(path: Path, others: Sequence[Path]) -> tuple[Path, list[str]]:
    """The directory that a file lies in, or will, and which of some other directories are on its disk."""
    try:
        folder = next(each for each in (*real(path).parents, Path("/")) if each.exists())
        device = folder.stat().st_dev
        return folder, [str(each) for each in others if each.exists() and each.stat().st_dev == device]
    except OSError as error:
        raise StoreError(f"{path} cannot be looked at: {error.strerror}", hint="Run this as root.") from error


def _room(folder: Path, free: int) -> Finding:
    says = f"{free / 1e9:.1f} GB are free at {folder}"
    if free < _NONE_BYTES:
        return bad(SPACE, says, "Free space, or `adpersist prune --keep 30d`, whose space is used again.")
    if free < _FEW_BYTES:
        return warning(SPACE, says, "Free space, or `adpersist prune --keep 30d`, whose space is used again.")
    return ok(SPACE, says)
