"""Where objects of each class are made, and with what."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from typing import Final

from adpersist.reading.text.descriptor import CONTAINER_INHERIT
from tests.descriptors import may

Attributes = Mapping[str, list[bytes]]

ACCOUNTS: Final = ("user", "group", "computer", "inetOrgPerson")
_PEOPLE: Final = ("user", "inetOrgPerson")
_PARTITION: Final = "DomainDnsZones"
_MUST_HAVE: Final[Mapping[str, Mapping[str, str]]] = {
    "msDS-PasswordSettings": {
        "msDS-PasswordSettingsPrecedence": "10",
        "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
        "msDS-PasswordHistoryLength": "5",
        "msDS-PasswordComplexityEnabled": "TRUE",
        "msDS-MinimumPasswordLength": "7",
        "msDS-MinimumPasswordAge": "-864000000000",
        "msDS-MaximumPasswordAge": "-9223372036854775808",
        "msDS-LockoutThreshold": "3",
        "msDS-LockoutObservationWindow": "-18000000000",
        "msDS-LockoutDuration": "-18000000000",
    },
    "volume": {"uNCName": "\\\\dc1\\share"},
    "printQueue": {
        "uNCName": "\\\\dc1\\printer",
        "printerName": "printer",
        "serverName": "dc1",
        "shortServerName": "dc1",
        "versionNumber": "4",
    },
}
"""What classes must have beside their names; of password settings [MS-ADTS] 3.1.1.5.2.2 says it."""


def rdn(kind: str, name: str, number: int) -> str:
    """The first component of an object's DN."""
    match kind:
        case "organizationalUnit":
            return f"OU={escaped(name)}"
        case "dnsNode":
            return f"DC={escaped(name)}"
        case "subnet":
            return f"CN=10.{number % 250}.0.0/16"
        case "groupPolicyContainer":
            return f"CN={{{uuid.UUID(int=number)}}}".upper()
        case _:
            return f"CN={escaped(name)}"


def place(kind: str, base: str, zone: str) -> str:
    """The one container a class has; empty for those that may lie anywhere."""
    match kind:
        case "dnsNode":
            return f"DC={zone},CN=MicrosoftDNS,DC={_PARTITION},{base}"
        case "subnet":
            return f"CN=Subnets,CN=Sites,CN=Configuration,{base}"
        case "site":
            return f"CN=Sites,CN=Configuration,{base}"
        case "groupPolicyContainer":
            return f"CN=Policies,CN=System,{base}"
        case "msDS-PasswordSettings":
            return f"CN=Password Settings Container,CN=System,{base}"
        case _:
            return ""


def attributes(kind: str, account: str, number: int) -> Attributes:
    """What it is made with."""
    given: dict[str, list[bytes]] = {}
    if kind in ACCOUNTS:
        account = account.strip() + (str(number) if number % 2 else "") + ("$" if kind == "computer" else "")
        given["sAMAccountName"] = [account.replace("+", "").replace(", ", "").replace('"', "")[:20].strip().encode()]
    if kind in _PEOPLE and number % 3:
        given |= {"unicodePwd": [quoted("Passw0rd.made")], "userAccountControl": [b"512"]}
    if kind == "dnsNode":
        given["dnsRecord"] = [address(number)]
    if kind == "groupPolicyContainer":
        given |= {"displayName": [account.encode()], "versionNumber": [b"1"], "flags": [b"0"]}
    given |= {name: [value.encode()] for name, value in _MUST_HAVE.get(kind, {}).items()}
    return given


def address(number: int) -> bytes:
    """A dnsRecord of type A, [MS-DNSP] 2.3.2.2."""
    return struct.pack("<HHBBHIIII", 4, 1, 5, 240, 0, 1, 900 << 24 & 0xFFFFFFFF, 0, 0) + bytes((10, 0, 0, number % 250))


def foreign_sid(number: int) -> bytes:
    """Somebody of another domain, [MS-DTYP] 2.4.2."""
    return struct.pack("<BB6s5I", 1, 5, b"\0\0\0\0\0\x05", 21, 1, 2, 3, 2000 + number)


def quoted(password: str) -> bytes:
    """unicodePwd as it is written, [MS-ADTS] 3.1.1.3.1.5.1."""
    return f'"{password}"'.encode("utf-16-le")


def escaped(name: str) -> str:
    """A name as it stands in a DN."""
    text = "".join(f"\\{character}" if character in ',+"\\<>;#=' else character for character in name)
    text = "".join(f"\\{ord(character):02x}" if ord(character) < 32 else character for character in text)
    text = f"{text[:-1]}\\20" if text.endswith(" ") else text
    return f"\\{text}" if text.startswith(" ") else text


def granted(descriptor: bytes, number: int) -> bytes:
    """A security descriptor with one right more, for what is below, too; [MS-DTYP] 2.4.5, 2.4.6."""
    right = may(f"S-1-5-32-{544 + number % 8}", 0x10 << number % 2, flags=CONTAINER_INHERIT)
    at = struct.unpack_from("<I", descriptor, 16)[0]
    revision, size, count = struct.unpack_from("<HHH", descriptor, at)
    rights = struct.pack("<HHH", revision, size + len(right), count + 1) + descriptor[at + 6 : at + 8]
    offsets = [each + len(right) * (each > at) for each in struct.unpack_from("<4I", descriptor, 4)]
    body = descriptor[20:at] + rights + right + descriptor[at + 8 :]
    return descriptor[:4] + struct.pack("<4I", *offsets) + body


def owned(descriptor: bytes, owner: bytes) -> bytes:
    """A security descriptor with another owner, whose SID lies behind all else."""
    return descriptor[:4] + struct.pack("<I", len(descriptor)) + descriptor[8:] + owner
