"""Changes many users of a running DC in one transaction; run by Debian's python3, which has python3-samba.

Usage: touch.py PRIVATE_DIR BASE_DN USERS MARK

User N of those `fill.py` made gets the description "MARK of N". The database's own locks make this safe beside Samba.
"""

from __future__ import annotations

import sys

# Only Debian's interpreter has these; the type checker's environment does not.
import ldb  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

_UNIT = 500  # as in fill.py


def main(private_dir: str, base_dn: str, users: int, mark: str) -> None:
    """Write, all or nothing."""
    configuration = LoadParm()
    configuration.set("private dir", private_dir)
    database = SamDB(url=f"tdb://{private_dir}/sam.ldb", lp=configuration, session_info=system_session(configuration))
    database.transaction_start()
    for number in range(users):
        change = ldb.Message(
            ldb.Dn(database, f"CN=Person {number:06d},OU=Unit{number // _UNIT:03d},OU=People,{base_dn}")
        )
        change["description"] = ldb.MessageElement(f"{mark} of {number}", ldb.FLAG_MOD_REPLACE, "description")
        database.modify(change)
    database.transaction_commit()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
