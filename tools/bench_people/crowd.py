"""The domain that is measured: so many people in three trees, and a group of half of them."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.bench_restore.memory import Peak
from tools.samba_dc import Golden
from tools.samba_dc.filling import fill
from tools.samba_dc.layout import copy_lasting
from tools.samba_dc.programs import SYSTEM_PYTHON

STAYING: Final = "People"
MOVED: Final = "Staff"
DELETED: Final = "Pupils"
EVERYONE: Final = "Everyone"
"""Has all of the first tree as members."""

SHARES: Final = {STAYING: 0.5, MOVED: 0.3, DELETED: 0.2}

_DEED: Final = Path(__file__).with_name("deed.py")
_TIMEOUT_S: Final = 3600.0


def crowd(place: Path, people: int, backend: str) -> Golden:
    """Its image; the one that is already there, if there is any."""
    directory = place / f"crowd-{backend}-{people}"
    if directory.exists():
        return Golden.load(directory)
    bare = Golden.provision(place / f"bare-{backend}", options=(f"--backend-store={backend}",))
    with tempfile.TemporaryDirectory(dir=place) as name:
        scratch = Path(name) / "dc"
        copy_lasting(bare.directory, scratch)
        for tree, share in SHARES.items():
            fill(scratch / "private", bare.names.base_dn, int(people * share), tree=tree)
        deed(scratch / "private", bare.names.base_dn, "group", EVERYONE, STAYING)
        return Golden.seal(scratch, directory, bare.names, admin_password=bare.admin_password)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What Samba's own code took for it.

    Attributes:
        took_s: Without its start.
        peak_bytes: The most memory it had.
    """

    took_s: float
    peak_bytes: int


def deed(private_dir: Path, base_dn: str, *words: str) -> Deed:
    """Have Samba's own code do it; see `deed.py` for what there is."""
    command = [SYSTEM_PYTHON, str(_DEED), str(private_dir), base_dn, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, Peak(process.pid) as memory:
        said, _ = process.communicate(timeout=_TIMEOUT_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Deed(took_s=float(said), peak_bytes=memory.most_bytes)
