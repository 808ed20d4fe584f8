"""Whose Unix number is whose, by Samba's own allocator and its own database tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.samba_dc.programs import run
from tools.samba_dc.server import SambaDC

_ASK: Final = """
import sys
from samba.dcerpc import security
from samba.samba3 import param, passdb
conf, private, *sids = sys.argv[1:]
settings = param.get_context()
settings.load(conf)
settings.set("passdb backend", "samba_dsdb:tdb://" + private + "/sam.ldb")
accounts = passdb.PDB(settings.get("passdb backend"))
for sid in sids:
    print(accounts.sid_to_id(security.dom_sid(sid))[0])
"""


def unix_numbers(dc: SambaDC, sids: Sequence[str]) -> dict[str, int]:
    """The number of each SID; one that has none is given the next, in this order, as when its owner logs in over SMB.

    Raises:
        ProgramError: Samba's Python refused.
    """
    command = ["/usr/bin/python3", "-c", _ASK, str(dc.smb_conf), str(dc.private_dir), *sids]
    found = map(int, run(command, timeout_s=60).stdout.split())
    return dict(zip(sids, found, strict=True))


def kept_numbers(directory: Path) -> dict[str, int]:
    """Every number that the idmap.ldb of a stopped DC has given, by SID; ``CONFIG`` is the next one.

    Raises:
        ProgramError: ldbsearch refused.
    """
    command = ["ldbsearch", "-H", str(directory / "private" / "idmap.ldb"), "xidNumber=*", "cn", "xidNumber"]
    found: dict[str, int] = {}
    for entry in run(command, timeout_s=60).stdout.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in entry.splitlines() if ": " in line)
        if "xidNumber" in lines:
            found[lines["cn"]] = int(lines["xidNumber"])
    return found
