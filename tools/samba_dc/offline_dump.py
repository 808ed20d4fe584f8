"""Prints every object of a stopped DC's database as JSON lines; run by Debian's python3, which has python3-samba.

Usage: offline_dump.py PRIVATE_DIR DELETED(0|1) ATTRIBUTE...

Each line is one object: {"attribute": ["base64 of the raw value", ...], ...}. The database is opened read-only through
Samba's own modules, which decrypt the secrets with the key that lies beside the database. ldbsearch would do the same
but print GUIDs, SIDs and security descriptors in their readable form, not as they are.
"""

from __future__ import annotations

import base64
import json
import sys

# Only Debian's interpreter has these; the type checker's environment does not.
import ldb  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]


def main(private_dir: str, deleted: bool, attributes: list[str]) -> None:
    """Print all partitions below the rootDSE."""
    configuration = LoadParm()
    configuration.set("private dir", private_dir)
    database = SamDB(
        url=f"tdb://{private_dir}/sam.ldb",
        lp=configuration,
        session_info=system_session(configuration),
        flags=ldb.FLG_RDONLY,
    )
    # search_options 2: SEARCH_FLAG_PHANTOM_ROOT, all naming contexts at once ([MS-ADTS] 3.1.1.3.4.1.12).
    controls = ["search_options:1:2"] + (["show_deleted:1", "show_recycled:1"] if deleted else [])
    found = database.search(
        base="", scope=ldb.SCOPE_SUBTREE, expression="(objectClass=*)", attrs=attributes, controls=controls
    )
    for entry in found:
        values = {
            name: [base64.b64encode(bytes(value)).decode() for value in entry[name]] for name in entry if name != "dn"
        }
        print(json.dumps(values))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "1", sys.argv[3:])
