"""Puts people and groups into a stopped DC's database; run by Debian's python3, which has python3-samba.

Usage: fill.py PRIVATE_DIR BASE_DN PREFIX COUNT PASSWORDS(0|1)

COUNT users in units of 500, named PREFIX0 and so on, with a password each if asked for, and for every unit two groups
that hold all of its people. The database is written without waiting for the disk: this is furniture, not a measurement.
"""

from __future__ import annotations

import sys

# Only Debian's interpreter has these; the type checker's environment does not.
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

UNIT = 500
GROUPS = 2


def main(private_dir: str, base: str, prefix: str, count: int, passwords: bool) -> None:
    """Add them, a unit a transaction."""
    configuration = LoadParm()
    configuration.set("private dir", private_dir)
    database = SamDB(
        url=f"tdb://{private_dir}/sam.ldb",
        lp=configuration,
        session_info=system_session(configuration),
        options=["nosync:1"],
    )
    for first in range(0, count, UNIT):
        unit = f"OU={prefix}{first // UNIT},{base}"
        database.transaction_start()
        database.add({"dn": unit, "objectClass": "organizationalUnit"})
        people = [_person(database, f"{prefix}{n}", unit, passwords) for n in range(first, min(first + UNIT, count))]
        for number in range(GROUPS):
            name = f"{prefix}group{first // UNIT}-{number}"
            database.add(
                {
                    "dn": f"CN={name},{unit}",
                    "objectClass": "group",
                    "sAMAccountName": name,
                    "member": people,
                }
            )
        database.transaction_commit()


def _person(database: SamDB, name: str, unit: str, password: bool) -> str:
    dn = f"CN={name},{unit}"
    entry: dict[str, str | bytes] = {
        "dn": dn,
        "objectClass": "user",
        "sAMAccountName": name,
        "userPrincipalName": f"{name}@samdom.example.com",
        "givenName": name[:3],
        "sn": name,
        "mail": f"{name}@example.com",
        "telephoneNumber": "+49 30 1234567",
        "department": "Sales",
        "userAccountControl": "514",
    }
    if password:
        entry |= {"userAccountControl": "512", "unicodePwd": f'"Passw0rd.{name}"'.encode("utf-16-le")}
    database.add(entry)
    return dn


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5] == "1")
