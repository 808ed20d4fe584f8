"""Who people are to services and files: what has to be the same after a restore for anybody to go on working."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.samba_dc.programs import run

_ASKED = ("objectGUID", "objectSid", "unicodePwd", "msDS-KeyVersionNumber")


@dataclass(frozen=True, slots=True)
class Account:
    """One account, as it is in the database.

    Attributes:
        guid, sid: Who it is to the directory, and to files.
        secret: The password's hash.
        number: The key version number that keytabs and tickets name.
    """

    guid: str
    sid: str
    secret: str
    number: str


def accounts(sam_ldb: Path, base_dn: str) -> dict[str, Account]:
    """All accounts of a DC by sAMAccountName, read from its files."""
    words = ["ldbsearch", "-H", f"tdb://{sam_ldb}", "-b", base_dn, "(&(objectClass=user)(sAMAccountName=*))"]
    found = run([*words, "sAMAccountName", *_ASKED], timeout_s=600).stdout.replace("\n ", "")
    said = (dict(_pairs(record)) for record in found.split("\n\n") if "sAMAccountName: " in record)
    return {each["sAMAccountName"]: Account(*(each.get(name, "") for name in _ASKED)) for each in said}


def _pairs(record: str) -> list[tuple[str, str]]:
    lines = (line.partition(":") for line in record.splitlines() if ":" in line and not line.startswith("#"))
    return [(name, value.lstrip(": ")) for name, _, value in lines]
