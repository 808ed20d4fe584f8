"""Domains with many people in them, for measurements: a thousand users a second."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from tools.samba_dc.golden import Golden
from tools.samba_dc.layout import copy_lasting
from tools.samba_dc.programs import SYSTEM_PYTHON, run

_FILL: Final = Path(__file__).with_name("fill.py")
_TIMEOUT_S: Final = 3600.0


def fill(private_dir: Path, base_dn: str, users: int, *, tree: str = "People") -> None:
    """Put so many users, with secrets and groups, below a new OU of the domain of a stopped DC (see `fill.py`)."""
    run([SYSTEM_PYTHON, str(_FILL), str(private_dir), base_dn, tree, str(users)], timeout_s=_TIMEOUT_S)


def filled(bare: Golden, directory: Path, users: int) -> Golden:
    """An image of a domain with so many users more; the one that is already in the directory, if there is any."""
    if directory.exists():
        return Golden.load(directory)
    with tempfile.TemporaryDirectory(dir=directory.parent) as name:
        scratch = Path(name) / "dc"
        copy_lasting(bare.directory, scratch)
        fill(scratch / "private", bare.names.base_dn, users)
        return Golden.seal(scratch, directory, bare.names, admin_password=bare.admin_password)
