"""Makes what two LDIF files say through Samba's own library, in one transaction of a stopped DC's database, and nothing
else; run by Debian's python3. Prints the seconds that took, opening and reading not counted.

Usage: library.py PRIVATE_DIR ADD_FILE MODIFY_FILE
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

# Only Debian's interpreter has these; the type checker's environment does not.
import ldb  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

_CONTROLS = ["relax:0", "local_oid:1.3.6.1.4.1.7165.4.3.12:0"]  # identities and hashes are taken as they are given


def main(private_dir: str, add: Path, modify: Path) -> None:
    """Make the writes."""
    settings = LoadParm()
    settings.set("private dir", private_dir)
    database = SamDB(
        url=f"tdb://{private_dir}/sam.ldb",
        lp=settings,
        session_info=system_session(settings),
        # else every operation of a transaction copies each index of the directory
        options=["batch_mode:1"],
    )
    writes = [message for path in (add, modify) for message in database.parse_ldif(path.read_text())]
    began = time.perf_counter()
    database.transaction_start()
    for kind, message in writes:
        if kind == ldb.CHANGETYPE_MODIFY:
            database.modify(message, controls=_CONTROLS)
        else:
            database.add(message, controls=_CONTROLS)
    database.transaction_commit()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
