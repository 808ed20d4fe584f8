"""Somebody who does deeds at a DC."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import ldap3

from tests.descriptors import descriptor
from tests.integration.hands import RELAX, SHOW_RECYCLED, AtDc
from tests.property.stories import birth
from tests.property.stories.deeds import Deed
from tools.samba_dc import SambaDC

_TREE_DELETE: Final = ("1.2.840.113556.1.4.805", False, None)
_SD_ALL: Final = ("1.2.840.113556.1.4.801", False, bytes.fromhex("300302010f"))
_RECYCLE_BIN: Final = "766ddcd8-acd0-445e-f3b9-a7f9b6744f2a"
_WELL_KNOWN: Final = "B:32:0123456789ABCDEF0123456789ABCDEF:"
_SINGLE: Final = ("manager", "managedBy", "siteObject", "assistant")
_OF_USERS: Final = ("pwdLastSet", "unicodePwd")
"""On anything but a user Samba 4.17 dies of these two."""

_OF_RIGHTS: Final = ("inherit", "own")

Changes = Mapping[str, list[tuple[str, list[bytes]]]]


@dataclass(slots=True)
class Known:
    """What the deeds made.

    Attributes:
        guids: objectGUID by the number of the deed.
        sids: Every objectSid there ever was, for nobody to get again.
    """

    guids: dict[int, uuid.UUID] = field(default_factory=dict)
    sids: set[bytes] = field(default_factory=set)

    def copy(self) -> Known:
        """As of now; SIDs are remembered in both."""
        return Known(dict(self.guids), self.sids)


class Player(AtDc):
    """Does deeds at one DC, over its privileged socket."""

    def __init__(self, dc: SambaDC, known: Known) -> None:
        super().__init__(dc)
        self._base = dc.base_dn
        self._zone = dc.names.dns_domain
        self._ground = f"OU=Play,{dc.base_dn}"
        self._known = known

    def prepare(self) -> None:
        """Make the ground everything happens on."""
        self._ldap.add(self._ground, "organizationalUnit")

    def fresh_sid(self) -> bytes:
        """Of a user made now."""
        dn = f"CN=newcomer,{self._ground}"
        assert self._ldap.add(dn, "user", {"sAMAccountName": [b"newcomer"]}), self._ldap.result
        (sid,) = self.read(dn, "objectSid")["objectSid"]
        self._ldap.delete(dn)
        return sid

    def do(self, deed: Deed) -> bool:
        """Do it; False when the DC refused, or what it refers to is not there."""
        match deed.what:
            case "add":
                return self._add(deed)
            case "bin":
                feature = f"CN=Partitions,CN=Configuration,{self._base}:{_RECYCLE_BIN}"
                return self._modify("", {"enableOptionalFeature": [(ldap3.MODIFY_ADD, [feature.encode()])]})
            case "rule":
                name, value = deed.words
                return self._modify(self._base, {name: [(ldap3.MODIFY_REPLACE, [value.encode()])]})
            case "grant" if deed.number % 3:  # to everything in the domain, or in what happens here
                return self._grant(self._base if deed.number % 3 == 1 else self._ground, deed)
        subject, other = (self._known.guids.get(number) for number in (deed.subject, deed.other))
        if subject is None:
            return False
        return self._do_to(f"<GUID={subject}>", f"<GUID={other}>" if other is not None else "", deed)

    def _do_to(self, at: str, to: str, deed: Deed) -> bool:
        done = False
        match deed.what:
            case "undelete":
                done = self._undelete(at, deed)
            case "delete":
                done = self._ldap.delete(at, controls=[_TREE_DELETE] if deed.number % 2 else None)
            case "again":
                done = self._again(at, deed)
            case "move":
                rdn = birth.rdn(self._kind(at), deed.words[0], deed.number)
                done = self._ldap.modify_dn(at, rdn, new_superior=self._place(self._known.guids.get(deed.other)))
            case "swap":
                done = bool(to) and at != to and self._swap(at, to)
            case "extend":
                done = self._extend(at, to, deed)
            case "grant":
                done = self._grant(at, deed)
            case _:
                changes = self._changes(at, to, deed)
                control = _SD_ALL if deed.what in _OF_RIGHTS else RELAX
                done = bool(changes) and self._modify(at, changes, [control])
        return done

    def read(self, dn: str, *names: str) -> dict[str, list[bytes]]:
        """Attributes of one object that it has; nothing when it is not there."""
        controls = [SHOW_RECYCLED, _SD_ALL] if "nTSecurityDescriptor" in names else [SHOW_RECYCLED]
        self._ldap.search(dn, "(objectClass=*)", ldap3.BASE, attributes=list(names), controls=controls)
        for item in self._ldap.response or []:
            if item["type"] == "searchResEntry":
                raw = item["raw_attributes"]
                return {name: list(raw[name]) for name in raw if raw[name]}
        return {}

    # What is done.

    def _changes(self, at: str, to: str, deed: Deed) -> Changes:
        """Attributes, as ldap3 takes them; empty when the deed makes no sense."""
        name, *words = deed.words or ("",)
        if not to and deed.what not in ("set", "password"):
            return {}
        way, values = ldap3.MODIFY_REPLACE, [to.encode()]
        match deed.what:
            case "set":
                way, values = (way if words else ldap3.MODIFY_DELETE), [_written(name, word) for word in words]
            case "password":
                name, values = "unicodePwd", [birth.quoted(name)]
            case "link" | "unlink":
                way = ldap3.MODIFY_DELETE if deed.what == "unlink" else way if name in _SINGLE else ldap3.MODIFY_ADD
                values = [(_WELL_KNOWN + to).encode()] if name == "otherWellKnownObjects" else values
            case "primary":
                rid = int.from_bytes(self.read(to, "objectSid").get("objectSid", [bytes(4)])[0][-4:], "little")
                name, values = "primaryGroupID", [str(rid).encode()]
            case "inherit":
                name = "nTSecurityDescriptor"
                values = self.read(to, name).get(name, [])
            case "own":
                name = "nTSecurityDescriptor"
                owner = self.read(to, "objectSid").get("objectSid", [])
                values = [birth.owned(each, sid) for each in self.read(at, name).get(name, []) for sid in owner]
        if name in _OF_USERS and b"user" not in self._classes(at):
            return {}
        return {name: [(way, values)]}

    def _add(self, deed: Deed) -> bool:
        kind, name, account = deed.words
        at = birth.place(kind, self._base, self._zone) or self._place(self._known.guids.get(deed.other))
        dn = f"{birth.rdn(kind, name, deed.number)},{at}"
        return self._make(deed, dn, kind, birth.attributes(kind, account, deed.number))

    def _make(self, deed: Deed, dn: str, kind: str, given: birth.Attributes) -> bool:
        if not self._ldap.add(dn, kind, dict(given)):
            return False
        made = self.read(dn, "objectGUID", "objectSid")
        self._known.guids[deed.number] = uuid.UUID(bytes_le=made["objectGUID"][0])
        self._known.sids.update(made.get("objectSid", ()))
        return True

    def _again(self, at: str, deed: Deed) -> bool:
        """Deleted and made again under the same names: somebody else."""
        found = self.read(at, "distinguishedName", "sAMAccountName", "isDeleted")
        if not found or "isDeleted" in found or not self._ldap.delete(at, controls=[_TREE_DELETE]):
            return False
        kind = self._kind(at)
        given = {**birth.attributes(kind, "again", deed.number)}
        if "sAMAccountName" in found:
            given["sAMAccountName"] = found["sAMAccountName"]
        return self._make(deed, found["distinguishedName"][0].decode(), kind, given)

    def _swap(self, at: str, to: str) -> bool:
        """Two objects exchange their names, and their account names."""
        one, other = (self.read(each, "distinguishedName", "sAMAccountName", "isDeleted") for each in (at, to))
        if not one or not other or "isDeleted" in {*one, *other} or self._kind(at) != self._kind(to):
            return False
        places = [each["distinguishedName"][0].decode() for each in (one, other)]
        if places[0].endswith("," + places[1]) or places[1].endswith("," + places[0]):
            return False
        attribute = places[0].partition("=")[0]
        (first, there), (second, here) = (_parted(place) for place in places)
        done = [
            self._ldap.modify_dn(at, f"{attribute}=swapping", new_superior=there),
            self._ldap.modify_dn(to, first, new_superior=there),
            self._ldap.modify_dn(at, second, new_superior=here),
        ]
        accounts = [each.get("sAMAccountName", []) for each in (one, other)]
        if all(accounts) and all(done):
            for dn, account in ((at, [b"swapping"]), (to, accounts[0]), (at, accounts[1])):
                self._modify(dn, {"sAMAccountName": [(ldap3.MODIFY_REPLACE, account)]}, [RELAX])
        return all(done)

    def _extend(self, at: str, to: str, deed: Deed) -> bool:
        """A new attribute, an auxiliary class that brings it, and somebody who has both."""
        (sort,) = deed.words
        schema, name, arc = f"CN=Schema,CN=Configuration,{self._base}", f"adp{deed.number}", "1.3.6.1.4.1.99999.7"
        if sort not in ("text", "number") and not to:
            return False
        syntax = {key: [value] for key, value in _SYNTAXES[sort].items()}
        known = {"lDAPDisplayName": [name.encode()], "isSingleValued": [b"FALSE"]}
        attribute = {"attributeID": [f"{arc}.1.{deed.number}".encode()], **known, **syntax}
        brings = {
            "lDAPDisplayName": [f"{name}Aux".encode()],
            "governsID": [f"{arc}.2.{deed.number}".encode()],
            "objectClassCategory": [b"3"],
            "subClassOf": [b"top"],
            "mayContain": [name.encode()],
        }
        values = {"text": "words", "number": "7", "link": to, "binary": f"B:4:BEEF:{to}", "string": f"S:3:a:b:{to}"}
        reload: Changes = {"schemaUpdateNow": [(ldap3.MODIFY_ADD, [b"1"])]}
        return (
            self._ldap.add(f"CN={name},{schema}", "attributeSchema", attribute)
            and self._modify("", reload)
            and self._ldap.add(f"CN={name}Aux,{schema}", "classSchema", brings)
            and self._modify("", reload)
            and self._modify(at, {"objectClass": [(ldap3.MODIFY_ADD, [f"{name}Aux".encode()])]})
            and self._modify(at, {name: [(ldap3.MODIFY_ADD, [values[sort].encode()])]})
        )

    def _grant(self, at: str, deed: Deed) -> bool:
        """A right more on an object, and on those below it."""
        name = "nTSecurityDescriptor"
        values = [birth.granted(each, deed.number) for each in self.read(at, name).get(name, [])]
        return bool(values) and self._modify(at, {name: [(ldap3.MODIFY_REPLACE, values)]}, [_SD_ALL])

    def _undelete(self, at: str, deed: Deed) -> bool:
        found = self.read(at, "objectClass", "isDeleted", "sAMAccountName")
        if found.get("isDeleted") != [b"TRUE"] or self._has_successor(found):
            return False
        dn = f"{birth.rdn(self._kind(at), f'back{deed.number}', deed.number)},{self._ground}"
        changes = {
            "isDeleted": [(ldap3.MODIFY_DELETE, [])],
            "distinguishedName": [(ldap3.MODIFY_REPLACE, [dn.encode()])],
        }
        return self._modify(at, changes, [SHOW_RECYCLED])

    def _has_successor(self, tombstone: Mapping[str, list[bytes]]) -> bool:
        """Somebody has its account name now. Samba reanimates it all the same, and takes two such from nobody else."""
        for name in tombstone.get("sAMAccountName", []):
            escaped = "".join(f"\\{byte:02x}" for byte in name)
            self._ldap.search(self._base, f"(sAMAccountName={escaped})", attributes=["1.1"])
            if any(item["type"] == "searchResEntry" for item in self._ldap.response or []):
                return True
        return False

    def _classes(self, at: str) -> list[bytes]:
        return self.read(at, "objectClass").get("objectClass", [])

    def _kind(self, at: str) -> str:
        """The most special structural class, which stands last; of ours none has an auxiliary one behind it."""
        structural = [each.decode() for each in self._classes(at) if not each.startswith(b"adp")]
        return structural[-1] if structural else ""

    def _place(self, guid: uuid.UUID | None) -> str:
        """An organizational unit's DN if it is one, else the ground's."""
        if guid is not None:
            found = self.read(f"<GUID={guid}>", "objectClass", "isDeleted", "distinguishedName")
            if b"organizationalUnit" in found.get("objectClass", []) and "isDeleted" not in found:
                return found["distinguishedName"][0].decode()
        return self._ground

    def _modify(self, dn: str, changes: Mapping[str, Any], controls: Sequence[Any] = ()) -> bool:
        return bool(self._ldap.modify(dn, changes, controls=list(controls) or None))


_DN_OBJECT, _DN_BINARY, _DN_STRING = (
    bytes.fromhex(oid) for oid in ("2b0c0287731c00854a", "2a864886f7140101010b", "2a864886f7140101010c")
)
"""oMObjectClass of the three DN syntaxes, [MS-ADTS] 3.1.1.2.2.2."""

_SYNTAXES: Final[Mapping[str, Mapping[str, bytes]]] = {
    "text": {"attributeSyntax": b"2.5.5.12", "oMSyntax": b"64", "searchFlags": b"1"},
    "number": {"attributeSyntax": b"2.5.5.9", "oMSyntax": b"2"},
    "link": {
        "attributeSyntax": b"2.5.5.1", "oMSyntax": b"127", "oMObjectClass": _DN_OBJECT,
        "linkID": b"1.2.840.113556.1.2.50",
    },
    "binary": {"attributeSyntax": b"2.5.5.7", "oMSyntax": b"127", "oMObjectClass": _DN_BINARY},
    "string": {"attributeSyntax": b"2.5.5.14", "oMSyntax": b"127", "oMObjectClass": _DN_STRING},
}  # fmt: skip


_WRITTEN: Final[Mapping[str, Callable[[int], bytes]]] = {
    "dnsRecord": birth.address,
    "jpegPhoto": bytes,
    "sIDHistory": birth.foreign_sid,
    "logonHours": lambda number: bytes((number,)) * 21,
    "userCertificate": lambda number: b"\x30" + bytes(number),
    "msDS-AllowedToActOnBehalfOfOtherIdentity": lambda number: birth.granted(descriptor(), number),
}
"""What stands for a number."""


def _written(name: str, word: str) -> bytes:
    return _WRITTEN[name](int(word)) if name in _WRITTEN else word.encode()


def _parted(dn: str) -> tuple[str, str]:
    """The first component and the rest; a comma in a name has a backslash before it."""
    at = next(at for at, character in enumerate(dn) if character == "," and dn[at - 1] != "\\")
    return dn[:at], dn[at + 1 :]
