"""One large deed in the database of a DC, as an administrator's tool beside a running Samba; run by Debian's python3.

In batch mode: outside of it ldb copies each index for each operation, and Samba 4.17 moves some ten thousand people
with memberships in the 300 s that it gives any operation.

Usage: deed.py PRIVATE_DIR BASE_DN DEED...

    group NAME TREE          make a group of everybody below OU=TREE
    rights                   one right at the domain's root that is handed down to everything
    move TREE TARGET         make OU=TARGET, and move OU=TREE into it, under the name "TREE moved"
    delete TREE              delete OU=TREE and all below it
    members NAME COUNT       take so many members out of a group and put others in, 100 a write

Prints the seconds each write took, its commit included.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

# Only Debian's interpreter has these; the type checker's environment does not.
import ldb  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.dcerpc import security  # type: ignore[import-not-found]
from samba.ndr import ndr_pack, ndr_unpack  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

_TREE_DELETE = "tree_delete:1"
_DACL_ONLY = "sd_flags:1:4"
_A_WRITE = 100
_CONTROL_ACCESS = 0x100


def main(private_dir: str, base_dn: str, deed: str, *given: str) -> None:
    """Do it."""
    configuration = LoadParm()
    configuration.set("private dir", private_dir)
    database = SamDB(
        url=f"tdb://{private_dir}/sam.ldb",
        lp=configuration,
        session_info=system_session(configuration),
        options=["batch_mode:1"],
    )
    deeds: dict[str, Callable[..., None]] = {
        "group": _group, "rights": _rights, "move": _move, "delete": _delete, "members": _members,
    }  # fmt: skip
    began = time.monotonic()
    deeds[deed](database, base_dn, *given)
    print(time.monotonic() - began)


def _people(database: SamDB, base: str) -> list[str]:
    found = database.search(base, ldb.SCOPE_SUBTREE, "(sAMAccountType=805306368)", attrs=["name"])
    return [str(each.dn) for each in found]


def _group(database: SamDB, base_dn: str, name: str, tree: str) -> None:
    database.add(
        {
            "dn": f"CN={name},{base_dn}",
            "objectClass": "group",
            "sAMAccountName": name,
            "member": _people(database, f"OU={tree},{base_dn}"),
        }
    )


def _rights(database: SamDB, base_dn: str) -> None:
    (root,) = database.search(base_dn, ldb.SCOPE_BASE, attrs=["nTSecurityDescriptor"], controls=[_DACL_ONLY])
    descriptor = ndr_unpack(security.descriptor, root["nTSecurityDescriptor"][0])
    entry = security.ace()
    entry.type = security.SEC_ACE_TYPE_ACCESS_ALLOWED
    entry.flags = security.SEC_ACE_FLAG_CONTAINER_INHERIT
    entry.access_mask = _CONTROL_ACCESS
    entry.trustee = security.dom_sid("S-1-5-32-551")
    descriptor.dacl_add(entry)
    change = ldb.Message(root.dn)
    change["rights"] = ldb.MessageElement(ndr_pack(descriptor), ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
    database.modify(change, controls=[_DACL_ONLY])


def _move(database: SamDB, base_dn: str, tree: str, target: str) -> None:
    database.add({"dn": f"OU={target},{base_dn}", "objectClass": "organizationalUnit"})
    database.rename(f"OU={tree},{base_dn}", f"OU={tree} moved,OU={target},{base_dn}")


def _delete(database: SamDB, base_dn: str, tree: str) -> None:
    root = f"OU={tree},{base_dn}"
    # unit by unit: one transaction of all of it takes longer than ldb waits for any operation
    for unit in database.search(root, ldb.SCOPE_ONELEVEL, attrs=["name"]):
        database.delete(unit.dn, controls=[_TREE_DELETE])
    database.delete(root)


def _members(database: SamDB, base_dn: str, name: str, count: str) -> None:
    group = f"CN={name},{base_dn}"
    everybody = _people(database, base_dn)
    inside = {str(dn) for dn in database.search(group, ldb.SCOPE_BASE, attrs=["member"])[0]["member"]}
    out = sorted(inside)[: int(count) // 2]
    others = sorted(set(everybody) - inside)[: int(count) - len(out)]
    for flag, whom in ((ldb.FLAG_MOD_DELETE, out), (ldb.FLAG_MOD_ADD, others)):
        for first in range(0, len(whom), _A_WRITE):
            change = ldb.Message(ldb.Dn(database, group))
            change["member"] = ldb.MessageElement(whom[first : first + _A_WRITE], flag, "member")
            database.modify(change)


if __name__ == "__main__":
    main(*sys.argv[1:])
