"""Prints the replication stamps in a stopped DC's database as JSON lines; run by Debian's python3 with python3-samba.

Usage: offline_stamps.py PRIVATE_DIR

Each line is one object, tombstones included: its objectGUID, DN, the stamps of its attributes by name and the stamps of
its links by attribute and target. A stamp is a list of version, originating time, invocationID and originating USN; a
link's begins with whether it is there. Everything is decoded by Samba's own code.
"""

from __future__ import annotations

import json
import re
import sys

# Only Debian's interpreter has these; the type checker's environment does not.
import ldb  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.dcerpc import drsblobs, misc  # type: ignore[import-not-found]
from samba.ndr import ndr_unpack  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

_EVERYTHING = ["search_options:1:2", "show_deleted:1", "show_recycled:1", "extended_dn:1:1", "reveal_internals:0"]
_PART = re.compile(r"<(RMD_[A-Z_]+)=([^>]*)>;?")


def _attributes(database: object, blob: bytes) -> dict[str, list[object]]:
    entries = ndr_unpack(drsblobs.replPropertyMetaDataBlob, blob).ctr.array
    return {
        database.get_lDAPDisplayName_by_attid(each.attid): [  # type: ignore[attr-defined]
            each.version,
            each.originating_change_time,
            str(each.originating_invocation_id),
            each.originating_usn,
        ]
        for each in entries
    }


def _link(value: str) -> tuple[str, list[object]]:
    parts = dict(_PART.findall(value))
    there = not int(parts.get("RMD_FLAGS", "0")) & 1
    stamp = [int(parts.get("RMD_VERSION", "0")), int(parts.get("RMD_CHANGETIME", "0"))]
    # a DN changes with its target's name, the GUID in it does not
    target = re.sub(r"(<GUID=[^>]*>).*", r"\1", _PART.sub("", value))
    return target, [there, *stamp, parts.get("RMD_INVOCID", ""), int(parts.get("RMD_ORIGINATING_USN", "0"))]


def main(private_dir: str) -> None:
    """Print all partitions."""
    configuration = LoadParm()
    configuration.set("private dir", private_dir)
    database = SamDB(
        url=f"tdb://{private_dir}/sam.ldb",
        lp=configuration,
        session_info=system_session(configuration),
        flags=ldb.FLG_RDONLY,
    )
    found = database.search(
        base="",
        scope=ldb.SCOPE_SUBTREE,
        expression="(objectClass=*)",
        attrs=["*", "replPropertyMetaData"],
        controls=_EVERYTHING,
    )
    for entry in found:
        if "replPropertyMetaData" not in entry:
            continue  # CN=Aggregate of the schema, which is made when it is asked for
        links = {
            name: dict(map(_link, map(str, entry[name])))
            for name in entry
            if name != "dn" and (number := database.get_linkId_from_lDAPDisplayName(name)) > 0 and number % 2 == 0
        }
        print(
            json.dumps(
                {
                    "guid": str(misc.GUID(bytes(entry["objectGUID"][0]))),
                    "dn": str(entry.dn),
                    "attributes": _attributes(database, bytes(entry["replPropertyMetaData"][0])),
                    "links": links,
                }
            )
        )


if __name__ == "__main__":
    main(sys.argv[1])
