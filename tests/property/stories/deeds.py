"""What happens, at random: each deed follows from the chance it is given."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "add", "delete", "undelete", "again", "move", "swap", "set", "link", "unlink", "primary", "password", "inherit",
    "grant", "own", "rule", "extend", "bin", "capture", "image",
]  # fmt: skip

_ODDS: Final[Mapping[Kind, float]] = {
    "add": 30,
    "delete": 8,
    "undelete": 4,
    "again": 3,
    "move": 11,
    "swap": 5,
    "set": 34,
    "link": 16,
    "unlink": 5,
    "primary": 3,
    "password": 5,
    "inherit": 3,
    "grant": 3,
    "own": 1,
    "rule": 1,
    "extend": 0.6,
    "bin": 0.3,
}

NAMES: Final = (
    *("ada", "bert", "Zoë", "a, b", "#x", "dora+", " led", "end ", 'q"d', "n" * 64),
    *("ADA", "Zoe\u0308", "straße", "😀", "tab\there"),
)
"""Among them such as differ in case, in accents, or in how these are written alone."""
CLASSES: Final[Mapping[str, int]] = {
    "user": 9,
    "group": 9,
    "organizationalUnit": 4,
    "computer": 3,
    "contact": 3,
    "inetOrgPerson": 3,
    "container": 2,
    "dnsNode": 2,
    "subnet": 1,
    "site": 1,
    "groupPolicyContainer": 1,
    "msDS-PasswordSettings": 2,
    "serviceConnectionPoint": 1,
    "volume": 1,
    "printQueue": 1,
    "document": 1,
    "msDS-AzAdminManager": 1,
}
_CONTROLS: Final = (512, 514, 544, 66048, 66050, 262656, 262658, 328192, 590336, 1049088, 4194816, 8389120, 16777728)
_GROUP_TYPES: Final = (2, 4, 8, -2147483646, -2147483644, -2147483640)
_LINKS: Final[Mapping[str, int]] = {
    "member": 12,
    "manager": 5,
    "managedBy": 5,
    "secretary": 2,
    "seeAlso": 2,
    "msDS-PSOAppliesTo": 3,
    "siteObject": 1,
    "otherWellKnownObjects": 2,
    "msDS-HostServiceAccount": 2,
    "assistant": 2,
}
RULES: Final[Mapping[str, Sequence[str]]] = {
    "minPwdLength": ("0", "7", "14"),
    "pwdHistoryLength": ("0", "24"),
    "lockoutThreshold": ("0", "5"),
    "maxPwdAge": ("-36288000000000", "-9223372036854775808"),
    "ms-DS-MachineAccountQuota": ("0", "10"),
}
"""What may be set on the domain itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that happens.

    Attributes:
        number: Its own number; what it makes is known by it.
        what: The kind.
        subject: Number of the object it is done to.
        other: Number of another object: where to, who.
        words: Names and values.
    """

    number: int
    what: Kind
    subject: int = -1
    other: int = -1
    words: tuple[str, ...] = ()


def deeds(chance: random.Random, count: int, *, first: int, known: Sequence[int]) -> list[Deed]:
    """So many random deeds; ``known`` are the numbers of objects that are there already."""
    made, done = list(known), []
    for number in range(first, first + count):
        subject, other = (chance.choice(made) if made else -1 for _ in range(2))
        (what,) = chance.choices([*_ODDS], [*_ODDS.values()])
        if not made:
            what = "add"
        if what in ("add", "again"):
            made.append(number)
        done.append(Deed(number=number, what=what, subject=subject, other=other, words=_words(chance, what)))
    return done


def _words(chance: random.Random, what: Kind) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    name = chance.choice(NAMES)
    match what:
        case "add":
            found = (*chance.choices([*CLASSES], [*CLASSES.values()]), name, chance.choice(NAMES))
        case "move":
            found = (name,)
        case "set":
            found = _value(chance)
        case "link" | "unlink":
            found = tuple(chance.choices([*_LINKS], [*_LINKS.values()]))
        case "password":
            found = (f"Passw0rd.{chance.randrange(1000)}",)
        case "rule":
            rule = chance.choice([*RULES])
            found = (rule, chance.choice(RULES[rule]))
        case "extend":
            found = (chance.choice(("text", "link", "number", "binary", "string")),)
    return found


def _value(chance: random.Random) -> tuple[str, ...]:
    name = chance.choice(NAMES)
    number = str(chance.randrange(3))
    return chance.choice(
        (
            ("description", number),
            ("description",),
            ("displayName", name),
            ("mail", f"{number}@example.org"),
            ("otherTelephone", *map(str, range(chance.randrange(4)))),
            ("info", "x" * chance.choice((0, 1, 1000))) if chance.random() < 0.5 else ("info",),
            ("jpegPhoto", chance.choice(("1", "100000"))),
            ("userParameters", number),
            ("sAMAccountName", name),
            ("userPrincipalName", f"{name}@samdom.example.com"),
            ("servicePrincipalName", *(f"{kind}/{name.strip()[:3]}" for kind in ("HOST", "HTTP")[: int(number)])),
            ("userAccountControl", str(chance.choice(_CONTROLS))),
            ("groupType", str(chance.choice(_GROUP_TYPES))),
            ("pwdLastSet", chance.choice(("0", "-1"))),
            ("accountExpires", chance.choice(("0", "133000000000000000"))),
            ("lockoutTime", chance.choice(("0", "133000000000000000"))),
            ("adminCount", number),
            ("gPLink", f"[LDAP://CN={number};0]"),
            ("gPOptions", number),
            ("versionNumber", number),
            ("location", name),
            ("dnsRecord", *map(str, range(1, 1 + int(number)))),
            ("dNSTombstoned", chance.choice(("TRUE", "FALSE"))),
            ("msDS-MinimumPasswordLength", number),
            ("dNSHostName", f"{number}.samdom.example.com"),
            ("isCriticalSystemObject", chance.choice(("TRUE", "FALSE"))),
            ("sIDHistory", number),
            ("logonHours", number),
            ("userCertificate", *("1", "2000")[: int(number)]),
            ("proxyAddresses", *(f"smtp:{each}@example.org" for each in range(chance.choice((0, 1, 2000))))),
            ("altSecurityIdentities", f"Kerberos:{number}@EXAMPLE.ORG"),
            ("msDS-SupportedEncryptionTypes", chance.choice(("24", "28", "2147483647"))),
            ("uidNumber", number),
            ("showInAdvancedViewOnly", chance.choice(("TRUE", "FALSE"))),
            ("postalAddress", name, number),
            ("url", f"http://{number}/{name}"),
            ("msDS-AllowedToActOnBehalfOfOtherIdentity", number),
        )
    )
