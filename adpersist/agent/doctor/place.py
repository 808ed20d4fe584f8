"""Where an embedded store lies: on which disk, and how full that is."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from adpersist.agent.doctor.finding import Finding, bad, ok, warning
from adpersist.directory.domain_controller import DomainController
from adpersist.errors import StoreError

ROOT: Final = Path("/")
DISK: Final = "store's disk"
SPACE: Final = "free space"
_FEW_BYTES: Final = 1 << 30
_NONE_BYTES: Final = 64 << 20
_ELSEWHERE: Final = (
    "Mount a disk of its own at {folder}, or use Azure Table Storage: `adpersist init --store azure://ACCOUNT/TABLE`."
)


def machine_of(dc: DomainController) -> list[Path]:
    """Directories that go back with the machine the DC runs on; none when it is another machine."""
    return [ROOT, dc.session.path.parent.parent] if dc.privileged else []


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
    path = Path("/" + rest.lstrip("/"))
    try:
        folder = next(each for each in path.parents if each.exists())
        device = folder.stat().st_dev
        together = [str(each) for each in machine if each.exists() and each.stat().st_dev == device]
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StoreError(f"{folder} cannot be looked at: {error.strerror}", hint="Run this as root.") from error
    if together:
        yield warning(
            DISK,
            f"{folder} lies on the disk of {' and '.join(together)}: what puts the domain controller back puts the "
            "journal back, too",
            _ELSEWHERE.format(folder=folder),
        )
    elif machine:
        yield ok(DISK, f"{folder} lies on another disk than {' and '.join(map(str, machine))}")
    else:
        yield ok(DISK, f"{folder} is not on the controller's machine")
    yield _room(folder, free)


def _room(folder: Path, free: int) -> Finding:
    says = f"{free / 1e9:.1f} GB are free at {folder}"
    if free < _NONE_BYTES:
        return bad(SPACE, says, "Free space, or `adpersist prune --keep 30d`, whose space is used again.")
    if free < _FEW_BYTES:
        return warning(SPACE, says, "Free space, or `adpersist prune --keep 30d`, whose space is used again.")
    return ok(SPACE, says)
