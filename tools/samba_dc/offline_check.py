"""Checks what has changed in a stopped DC's database since an image that is right; run by Debian's python3.

Usage: offline_check.py PRIVATE_DIR PRIVATE_DIR_OF_THE_IMAGE. Prints what `samba-tool dbcheck --cross-ncs` prints and
ends with 1 when there are errors.

The checks are Samba's own, those of the whole database included. Passed over are objects whose record is byte for byte
what it was, links and their hidden states included, if the same is true of every object that it mentions and of every
one that mentions it, and its parent's name is still that of the same object: Samba looks no further for what could be
wrong with an object. The RID set is never passed over.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

# Only Debian's interpreter has these; the type checker's environment does not.
import ldb  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.dbchecker import dbcheck  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

_EVERYTHING = ["search_options:1:2", "show_deleted:1", "show_recycled:1", "extended_dn:1:1", "reveal_internals:0"]
_ATTRIBUTES = ["*", "replPropertyMetaData", "nTSecurityDescriptor"]
_GUID = re.compile(rb"<GUID=([0-9a-f-]+)>")

Record = tuple[str, list[tuple[str, list[bytes]]]]
"""The DN, and all values of all attributes."""


def _opened(private_dir: str) -> object:
    configuration = LoadParm()
    configuration.set("private dir", private_dir)
    return SamDB(url=f"tdb://{private_dir}/sam.ldb", lp=configuration, session_info=system_session(configuration))


def _records(database: object) -> Iterator[tuple[str, Record, set[str]]]:
    """objectGUID, record, and the objects that it mentions."""
    found = database.search(  # type: ignore[attr-defined]
        base="", scope=ldb.SCOPE_SUBTREE, expression="(objectClass=*)", attrs=_ATTRIBUTES, controls=_EVERYTHING
    )
    for entry in found:
        guid = _GUID.findall(entry.dn.extended_str().encode())[0].decode()
        values = sorted((name, [bytes(value) for value in entry[name]]) for name in entry if name != "dn")
        mentioned = {other.decode() for _, each in values for other in _GUID.findall(b"\0".join(each))}
        yield guid, (str(entry.dn), values), mentioned


def _unsettled(now: object, image: object) -> set[str]:
    """DNs of what is to be checked."""
    then = {guid: record for guid, record, _ in _records(image)}
    records, mentions = {}, {}
    for guid, record, mentioned in _records(now):
        records[guid], mentions[guid] = record, mentioned
    changed = {guid for guid in {*then, *records} if then.get(guid) != records.get(guid)}
    # of a parent, Samba asks only whether there is one
    places = {dn for dn, _ in _names(then) ^ _names(records)}
    mentioned = {other for guid in changed & mentions.keys() for other in mentions[guid]}
    return {
        dn
        for guid, (dn, _) in records.items()
        if guid in changed or guid in mentioned or mentions[guid] & changed or dn.partition(",")[2] in places
    }


def _names(records: dict[str, Record]) -> set[tuple[str, str]]:
    """DN and objectGUID of each."""
    return {(dn, guid) for guid, (dn, _) in records.items()}


class _Since(dbcheck):  # type: ignore[misc]
    """Samba's checker, for some objects."""

    unsettled: set[str]

    def check_object(self, dn: object, requested_attrs: object = None) -> int:
        if str(dn) not in self.unsettled:
            return 0
        return int(super().check_object(dn, requested_attrs=requested_attrs))


def main(private_dir: str, image_dir: str) -> int:
    """Number of errors."""
    database = _opened(private_dir)
    checker = _Since(database, samdb_schema=database, verbose=False, fix=False, yes=False, quiet=False)
    # where RIDs stand is compared with every SID, whoever changed
    checker.unsettled = _unsettled(database, _opened(image_dir)) | {str(checker.rid_set_dn), str(checker.rid_dn)}
    print(f"{len(checker.unsettled)} objects are not as in the image, or have to do with such")
    return int(
        checker.check_database(scope=ldb.SCOPE_SUBTREE, controls=["show_deleted:1", "search_options:1:2"], attrs=["*"])
    )


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], sys.argv[2]) else 0)
