"""Writes what a database holds of the lost people as LDIF for ldbadd and ldbmodify; run by Debian's python3.

Usage: ldif.py PRIVATE_DIR TREE ADD_FILE MODIFY_FILE

The first file makes the objects of fill.py with all they had: identity, secrets, descriptor, members. The second gives
them their whenCreated, which no add can.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

# Only Debian's interpreter has these; the type checker's environment does not.
import ldb  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.dcerpc import security  # type: ignore[import-not-found]
from samba.ndr import ndr_unpack  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

SECRETS = ("unicodePwd", "supplementalCredentials", "ntPwdHistory")
MADE_BY_THE_SERVER = frozenset({
    *("dn", "distinguishedName", "name", "cn", "ou", "instanceType", "objectCategory", "sAMAccountType", "memberOf"),
    *("whenCreated", "whenChanged", "uSNCreated", "uSNChanged", "replPropertyMetaData"),
    *("accountExpires", "badPasswordTime", "badPwdCount", "codePage", "countryCode"),
    *("lastLogoff", "lastLogon", "logonCount"),
})  # fmt: skip
KINDS = ("organizationalUnit", "user", "group")
"""In the order in which they can be made."""


def main(private_dir: str, tree: str, add: Path, modify: Path) -> None:
    """Write both files."""
    settings = LoadParm()
    settings.set("private dir", private_dir)
    database = SamDB(
        url=f"tdb://{private_dir}/sam.ldb", lp=settings, session_info=system_session(settings), flags=ldb.FLG_RDONLY
    )
    root = f"OU={tree},{database.domain_dn()}"
    found = database.search(root, expression="(objectClass=*)", attrs=["*", *SECRETS, "nTSecurityDescriptor"])
    lost = sorted(found, key=_rank)
    with add.open("w") as making, modify.open("w") as dating:
        for entry in lost:
            making.write(f"dn: {entry.dn}\n")
            for name in entry:
                if name not in MADE_BY_THE_SERVER:
                    making.writelines(_line(name, bytes(value)) for value in entry[name])
            making.write("\n")
            dating.write(f"dn: {entry.dn}\nchangetype: modify\nreplace: whenCreated\n")
            dating.write(f"whenCreated: {entry['whenCreated']}\n-\n\n")


def _rank(entry: Any) -> tuple[int, int]:  # noqa: ANN401 - ldb ships no types
    return KINDS.index(str(entry["objectClass"][-1])), len(entry.dn)


def _line(name: str, value: bytes) -> str:
    if name == "objectClass":
        return f"{name}: {value.decode()}\n"
    if name == "objectSid":  # ldbadd reads this one in words only
        return f"{name}: {ndr_unpack(security.dom_sid, value)}\n"
    return f"{name}:: {base64.b64encode(value).decode()}\n"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
