"""Random directories and random changes to them, as data that can be replayed and cut down.

A deed refers to objects by the number of the deed that made them, so that any part of a list of deeds is a list of
deeds too: what refers to something that is not there does nothing. What the DC refuses is not done; that is its right.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Self

import ldap3

from tools.samba_dc import SambaDC

Kind = Literal[
    "add", "delete", "undelete", "move", "set", "link", "unlink", "primary", "password", "inherit", "bin",
    "capture", "image",
]  # fmt: skip

_SHOW_RECYCLED: Final = ("1.2.840.113556.1.4.2064", True, None)
_RELAX: Final = ("1.3.6.1.4.1.4203.666.5.12", False, None)
_TREE_DELETE: Final = ("1.2.840.113556.1.4.805", False, None)
_SD_ALL: Final = ("1.2.840.113556.1.4.801", False, bytes.fromhex("300302010f"))

_NAMES: Final = ("ada", "bert", "Zoë", "a, b", "#x", "dora+")
_CLASSES: Final = (
    "user",
    "user",
    "user",
    "group",
    "group",
    "organizationalUnit",
    "computer",
    "contact",
    "inetOrgPerson",
)
_CONTROLS: Final = (512, 514, 544, 66048, 66050, 262656, 262658, 328192, 590336, 1049088, 4194816, 8389120, 16777728)
_GROUP_TYPES: Final = (2, 4, 8, -2147483646, -2147483644, -2147483640)
_LINKS: Final = ("member", "manager", "managedBy")


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
        what: Kind = chance.choices(
            ("add", "delete", "undelete", "move", "set", "link", "unlink", "primary", "password", "inherit", "bin"),
            (30, 8, 4, 12, 34, 16, 5, 3, 5, 3, 0.3),
        )[0]
        if not made or what == "add":
            what = "add"
            made.append(number)
        words = _words(chance, what)
        done.append(Deed(number=number, what=what, subject=subject, other=other, words=words))
    return done


def _words(chance: random.Random, what: Kind) -> tuple[str, ...]:
    name = chance.choice(_NAMES)
    match what:
        case "add":
            return chance.choice(_CLASSES), name, chance.choice(_NAMES)
        case "move":
            return (name,)
        case "set":
            return _value(chance)
        case "link" | "unlink":
            return (chance.choice(_LINKS) if chance.random() < 0.9 else "secretary",)
        case "password":
            return (f"Passw0rd.{chance.randrange(1000)}",)
    return ()


def _value(chance: random.Random) -> tuple[str, ...]:
    name = chance.choice(_NAMES)
    number = str(chance.randrange(3))
    return chance.choice(
        (
            ("description", number),
            ("description",),
            ("mail", f"{number}@example.org"),
            ("otherTelephone", *map(str, range(chance.randrange(4)))),
            ("info", "x" * chance.choice((0, 1, 1000))) if chance.random() < 0.5 else ("info",),
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
            ("dNSHostName", f"{number}.samdom.example.com"),
            ("isCriticalSystemObject", chance.choice(("TRUE", "FALSE"))),
        )
    )


@dataclass(slots=True)
class Known:
    """Which object each deed made."""

    guids: dict[int, uuid.UUID] = field(default_factory=dict)

    def copy(self) -> Known:
        """As of now."""
        return Known(dict(self.guids))


class Player:
    """Does deeds at one DC, over its privileged socket."""

    def __init__(self, dc: SambaDC, known: Known) -> None:
        self._base = dc.base_dn
        self._ground = f"OU=Play,{dc.base_dn}"
        self._known = known
        server = ldap3.Server(dc.ldapi_url_quoted, get_info=ldap3.NONE)
        self._ldap: Any = ldap3.Connection(server, check_names=False, auto_encode=False, raise_exceptions=False)
        self._ldap.open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ldap.strategy.close()

    def prepare(self) -> None:
        """Make the ground everything happens on."""
        self._ldap.add(self._ground, "organizationalUnit")

    def do(self, deed: Deed) -> bool:
        """Do it; False when the DC refused, or what it refers to is not there."""
        if deed.what == "add":
            return self._add(deed)
        if deed.what == "bin":
            feature = f"CN=Partitions,CN=Configuration,{self._base}:766ddcd8-acd0-445e-f3b9-a7f9b6744f2a"
            return self._modify("", {"enableOptionalFeature": [(ldap3.MODIFY_ADD, [feature.encode()])]})
        subject, other = (self._known.guids.get(number) for number in (deed.subject, deed.other))
        if subject is None:
            return False
        at, to = f"<GUID={subject}>", f"<GUID={other}>" if other is not None else ""
        if deed.what in ("delete", "undelete", "move"):
            return self._relocate(at, deed, other)
        changes = self._changes(at, to, deed)
        return bool(changes) and self._modify(at, changes, [_SD_ALL if deed.what == "inherit" else _RELAX])

    def _relocate(self, at: str, deed: Deed, other: uuid.UUID | None) -> bool:
        if deed.what == "undelete":
            return self._undelete(at, deed)
        if deed.what == "delete":
            return bool(self._ldap.delete(at, controls=[_TREE_DELETE] if deed.number % 2 else None))
        unit = b"organizationalUnit" in self._classes(at)
        rdn = f"{'OU' if unit else 'CN'}={_escaped(deed.words[0])}"
        return bool(self._ldap.modify_dn(at, rdn, new_superior=self._place(other)))

    def _changes(self, at: str, to: str, deed: Deed) -> dict[str, list[tuple[str, list[bytes]]]]:
        """Attributes, as ldap3 takes them; empty when the deed makes no sense."""
        name, *words = deed.words or ("",)
        if not to and deed.what not in ("set", "password"):
            return {}
        # on anything but a user Samba 4.17 dies of these two
        if (deed.what == "password" or name == "pwdLastSet") and b"user" not in self._classes(at):
            return {}
        way, values = ldap3.MODIFY_REPLACE, [to.encode()]
        match deed.what:
            case "set":
                way, values = (way if words else ldap3.MODIFY_DELETE), [word.encode() for word in words]
            case "password":
                name, values = "unicodePwd", [f'"{name}"'.encode("utf-16-le")]
            case "link":
                way = way if name == "manager" else ldap3.MODIFY_ADD
            case "unlink":
                way = ldap3.MODIFY_DELETE
            case "primary":
                rid = int.from_bytes(self._read(to, "objectSid").get("objectSid", [bytes(4)])[0][-4:], "little")
                name, values = "primaryGroupID", [str(rid).encode()]
            case "inherit":
                name = "nTSecurityDescriptor"
                values = self._read(to, name).get(name, [])
        return {name: [(way, values)]}

    def _classes(self, at: str) -> list[bytes]:
        return self._read(at, "objectClass").get("objectClass", [])

    def _add(self, deed: Deed) -> bool:
        kind, name, account = deed.words
        attribute = "OU" if kind == "organizationalUnit" else "CN"
        dn = f"{attribute}={_escaped(name)},{self._place(self._known.guids.get(deed.other))}"
        given: dict[str, list[bytes]] = {}
        if kind in ("user", "group", "computer", "inetOrgPerson"):
            account += "$" if kind == "computer" else ""
            given["sAMAccountName"] = [account.replace("+", "").replace(", ", "").encode()]
        if kind in ("user", "inetOrgPerson") and deed.number % 3:
            given |= {"unicodePwd": ['"Passw0rd.made"'.encode("utf-16-le")], "userAccountControl": [b"512"]}
        if not self._ldap.add(dn, kind, given):
            return False
        self._known.guids[deed.number] = uuid.UUID(bytes_le=self._read(dn, "objectGUID")["objectGUID"][0])
        return True

    def _undelete(self, at: str, deed: Deed) -> bool:
        found = self._read(at, "objectClass", "isDeleted", "sAMAccountName")
        if found.get("isDeleted") != [b"TRUE"] or self._has_successor(found):
            return False
        attribute = "OU" if b"organizationalUnit" in found["objectClass"] else "CN"
        dn = f"{attribute}=back{deed.number},{self._ground}"
        changes = {
            "isDeleted": [(ldap3.MODIFY_DELETE, [])],
            "distinguishedName": [(ldap3.MODIFY_REPLACE, [dn.encode()])],
        }
        return self._modify(at, changes, [_SHOW_RECYCLED])

    def _has_successor(self, tombstone: Mapping[str, list[bytes]]) -> bool:
        """Somebody has its account name now. Samba reanimates it all the same, and takes two such from nobody else."""
        for name in tombstone.get("sAMAccountName", []):
            escaped = "".join(f"\\{byte:02x}" for byte in name)
            self._ldap.search(self._base, f"(sAMAccountName={escaped})", attributes=["1.1"])
            if any(item["type"] == "searchResEntry" for item in self._ldap.response or []):
                return True
        return False

    def _place(self, guid: uuid.UUID | None) -> str:
        """An organizational unit's DN if it is one, else the ground's."""
        if guid is not None:
            found = self._read(f"<GUID={guid}>", "objectClass", "isDeleted", "distinguishedName")
            if b"organizationalUnit" in found.get("objectClass", []) and "isDeleted" not in found:
                return found["distinguishedName"][0].decode()
        return self._ground

    def _modify(self, dn: str, changes: Mapping[str, Any], controls: Sequence[Any] = ()) -> bool:
        return bool(self._ldap.modify(dn, changes, controls=list(controls) or None))

    def _read(self, dn: str, *names: str) -> dict[str, list[bytes]]:
        controls = [_SHOW_RECYCLED, _SD_ALL] if "nTSecurityDescriptor" in names else [_SHOW_RECYCLED]
        self._ldap.search(dn, "(objectClass=*)", ldap3.BASE, attributes=list(names), controls=controls)
        for item in self._ldap.response or []:
            if item["type"] == "searchResEntry":
                raw = item["raw_attributes"]
                return {name: list(raw[name]) for name in raw if raw[name]}
        return {}


def _escaped(name: str) -> str:
    return "".join(f"\\{character}" if character in ',+"\\<>;#=' else character for character in name)
