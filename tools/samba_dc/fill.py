"""Fills the database of a stopped DC with users, quickly; run by Debian's python3, which has python3-samba.

Usage: fill.py PRIVATE_DIR BASE_DN TREE USERS; :func:`tools.samba_dc.filling.fill` calls it so.

Users come in organizational units of 500 below OU=TREE, with two groups of all of them in each. They have the secrets
an account with a password has, with random content and without the cost of deriving Kerberos keys. Nothing is synced
before the end: a machine that stops half-way leaves a database for the bin.
"""

from __future__ import annotations

import os
import struct
import sys

# Only Debian's interpreter has these; the type checker's environment does not.
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.dcerpc import drsblobs  # type: ignore[import-not-found]
from samba.ndr import ndr_pack  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

UNIT = 500
GROUPS = ("Team", "Floor")
_OPTIONS = ["nosync:true", "batch_mode:1"]
"""Outside batch mode, ldb copies every index for every single add, so as to be able to take that one back."""
_BYPASS = "local_oid:1.3.6.1.4.1.7165.4.3.12:0"  # DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID
_KEY_TYPES = ((18, 32), (17, 16), (3, 8), (1, 8))  # AES-256, AES-128, DES-CBC-MD5, DES-CBC-CRC


def main(private_dir: str, base_dn: str, tree: str, users: int) -> None:
    """Add the users, one transaction for each unit."""
    configuration = LoadParm()
    configuration.set("private dir", private_dir)
    database = SamDB(
        url=f"tdb://{private_dir}/sam.ldb",
        lp=configuration,
        session_info=system_session(configuration),
        options=_OPTIONS,
    )
    root = f"OU={tree},{base_dn}"
    database.add({"dn": root, "objectClass": "organizationalUnit"})
    realm = base_dn.replace(",DC=", ".").removeprefix("DC=").lower()
    for first in range(0, users, UNIT):
        database.transaction_start()
        unit = f"OU=Unit{first // UNIT:03d},{root}"
        database.add({"dn": unit, "objectClass": "organizationalUnit"})
        members = []
        for number in range(first, min(first + UNIT, users)):
            name = f"{tree.lower()}{number:06d}"
            members.append(f"CN=Person {number:06d},{unit}")
            database.add(_user(members[-1], name, number, realm), [_BYPASS])
        for group in GROUPS:
            name = f"{tree} {group} {first // UNIT:03d}"
            database.add({"dn": f"CN={name},{unit}", "objectClass": "group", "sAMAccountName": name, "member": members})
        database.transaction_commit()


def _user(dn: str, name: str, number: int, realm: str) -> dict[str, object]:
    return {
        "dn": dn,
        "objectClass": "user",
        "sAMAccountName": name,
        "userPrincipalName": f"{name}@{realm}",
        "userAccountControl": "512",
        "givenName": "Person",
        "sn": f"{number:06d}",
        "displayName": f"Person {number:06d}",
        "mail": f"{name}@{realm}",
        "telephoneNumber": f"+49 30 {number:07d}",
        "title": ("Clerk", "Engineer", "Nurse", "Teacher")[number % 4],
        "department": f"Department {number % 37}",
        "company": "Example",
        "streetAddress": f"Main Street {number % 211}",
        "l": ("Berlin", "Hamburg", "Munich")[number % 3],
        "postalCode": f"{10000 + number % 5000}",
        "description": f"Hired as number {number}",
        "unicodePwd": os.urandom(16),
        "ntPwdHistory": os.urandom(16),
        "pwdLastSet": str(134_000_000_000_000_000 + number),
        "supplementalCredentials": _credentials(f"{realm.upper()}{name}"),
    }


def _credentials(salt: str) -> bytes:
    """Kerberos keys in the form a domain controller stores them, [MS-SAMR] 2.2.10."""
    digests = struct.pack("<BBBB12x", 0x31, 0, 1, 29) + os.urandom(16 * 29)
    packages = [
        _package("Primary:Kerberos-Newer-Keys", _keys(4, salt)),
        _package("Primary:Kerberos", _keys(3, salt)),
        _package("Packages", "Kerberos-Newer-Keys\0Kerberos\0WDigest".encode("utf-16-le")),
        _package("Primary:WDigest", digests),
    ]
    inner = drsblobs.supplementalCredentialsSubBlob()
    inner.prefix, inner.signature = (
        drsblobs.SUPPLEMENTAL_CREDENTIALS_PREFIX,
        drsblobs.SUPPLEMENTAL_CREDENTIALS_SIGNATURE,
    )
    inner.packages, inner.num_packages = packages, len(packages)
    whole = drsblobs.supplementalCredentialsBlob()
    whole.sub = inner
    return bytes(ndr_pack(whole))


def _keys(version: int, salt: str) -> bytes:
    kinds = _KEY_TYPES if version == 4 else _KEY_TYPES[2:]
    keys = []
    for kind, size in kinds:
        key = getattr(drsblobs, f"package_PrimaryKerberosKey{version}")()
        key.keytype, key.value, key.value_len = kind, os.urandom(size), size
        keys.append(key)
    salted = drsblobs.package_PrimaryKerberosString()
    salted.string = salt
    content = getattr(drsblobs, f"package_PrimaryKerberosCtr{version}")()
    content.num_keys, content.keys, content.salt = len(keys), keys, salted
    blob = drsblobs.package_PrimaryKerberosBlob()
    blob.version, blob.ctr = version, content
    return bytes(ndr_pack(blob))


def _package(name: str, content: bytes) -> object:
    package = drsblobs.supplementalCredentialsPackage()
    package.name, package.name_len = name, len(name)
    package.data = content.hex().upper()
    package.data_len = len(package.data)
    return package


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
