"""What administrators do to a directory, over the privileged socket and with ldap3 alone: nothing of adpersist."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import ldap3

from tools.samba_dc import SambaDC

SHOW_RECYCLED: Final = ("1.2.840.113556.1.4.2064", True, None)
RELAX: Final = ("1.3.6.1.4.1.4203.666.5.12", False, None)
_HASHES: Final = ("1.3.6.1.4.1.7165.4.3.12", False, None)
"""DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID."""

_NORMAL_ACCOUNT: Final = "512"
_WORKSTATION_ACCOUNT: Final = "4096"
_RECYCLE_BIN: Final = "766ddcd8-acd0-445e-f3b9-a7f9b6744f2a"
"""[MS-ADTS] 3.1.1.9.1."""

Value = str | bytes


def system_session(dc: SambaDC) -> Any:  # noqa: ANN401 - ldap3 ships no types
    """An ldap3 connection as SYSTEM. Opened, never bound: a bind would end the privilege."""
    server = ldap3.Server(dc.ldapi_url_quoted, get_info=ldap3.NONE)
    connection = ldap3.Connection(server, check_names=False, auto_encode=False, raise_exceptions=False)
    connection.open()
    return connection


class AtDc:
    """Whoever has a SYSTEM session at one DC, for as long as a block lasts."""

    def __init__(self, dc: SambaDC) -> None:
        self._ldap = system_session(dc)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ldap.strategy.close()


class Hands(AtDc):
    """Everything a test does to a directory."""

    def __init__(self, dc: SambaDC) -> None:
        super().__init__(dc)
        self.base = dc.base_dn
        self.users = f"CN=Users,{self.base}"
        self._dns_domain = dc.names.dns_domain

    # Making things; each returns the DN.

    def ou(self, name: str, parent: str = "") -> str:
        """An organizational unit."""
        return self.add(f"OU={name},{parent or self.base}", "organizationalUnit")

    def user(
        self, name: str, *, parent: str = "", password: str = "", attributes: Mapping[str, Value] | None = None
    ) -> str:
        """A user with an account of the same name; one without a password is disabled."""
        return self.add(
            f"CN={name},{parent or self.users}",
            "user",
            {
                "sAMAccountName": name,
                "userPrincipalName": f"{name}@{self._dns_domain}",
                "userAccountControl": _NORMAL_ACCOUNT if password else "514",
                **({"unicodePwd": _quoted(password)} if password else {}),
                **(attributes or {}),
            },
        )

    def group(self, name: str, members: Sequence[str] = (), *, parent: str = "") -> str:
        """A global security group."""
        dn = self.add(f"CN={name},{parent or self.users}", "group", {"sAMAccountName": name})
        if members:
            self.link(dn, *members)
        return dn

    def computer(self, name: str, *, parent: str = "", attributes: Mapping[str, Value] | None = None) -> str:
        """A workstation's account."""
        given = {"sAMAccountName": f"{name}$", "userAccountControl": _WORKSTATION_ACCOUNT, **(attributes or {})}
        return self.add(f"CN={name},{parent or f'CN=Computers,{self.base}'}", "computer", given)

    def trust_account(self, flat_name: str) -> str:
        """What the other side of a trust logs in with; only LSA and SYSTEM may make one, and set its password."""
        dn = f"CN={flat_name}$,{self.users}"
        given: dict[str, Value] = {"sAMAccountName": f"{flat_name}$", "userAccountControl": "2080"}
        given["unicodePwd"] = bytes(range(16))
        self._do("add", dn, "user", {name: [_bytes(value)] for name, value in given.items()}, controls=[RELAX, _HASHES])
        return dn

    def contact(self, name: str, *, parent: str = "") -> str:
        """A contact: an object without a SID."""
        return self.add(f"CN={name},{parent or self.users}", "contact", {"mail": "contact@example.org"})

    def add(self, dn: str, kind: str, attributes: Mapping[str, Value] | None = None) -> str:
        """Any object."""
        self._do("add", dn, kind, {name: [_bytes(value)] for name, value in (attributes or {}).items()})
        return dn

    # Changing things.

    def set(self, dn: str, **attributes: Value | Sequence[Value]) -> None:
        """Replace attributes; an empty sequence clears."""
        changes = {
            name: [(ldap3.MODIFY_REPLACE, [_bytes(v) for v in ([value] if isinstance(value, str | bytes) else value)])]
            for name, value in attributes.items()
        }
        self._do("modify", dn, changes, controls=[RELAX])

    def clear(self, dn: str, *attributes: str) -> None:
        """Remove attributes that are there; some are not to be replaced by nothing."""
        self._do("modify", dn, {name: [(ldap3.MODIFY_DELETE, [])] for name in attributes})

    def password(self, dn: str, password: str) -> None:
        """Set a password as an administrator does: all hashes and keys are made by the DC."""
        self.set(dn, unicodePwd=_quoted(password))

    def link(self, group: str, *members: str, attribute: str = "member") -> None:
        """Add link values."""
        self._do("modify", group, {attribute: [(ldap3.MODIFY_ADD, [_bytes(member) for member in members])]})

    def unlink(self, group: str, *members: str, attribute: str = "member") -> None:
        """Remove link values."""
        self._do("modify", group, {attribute: [(ldap3.MODIFY_DELETE, [_bytes(member) for member in members])]})

    def rename(self, dn: str, rdn: str, parent: str = "") -> str:
        """Rename, and move when a parent is given; returns the new DN."""
        parent = parent or dn.partition(",")[2]
        self._do("modify_dn", dn, rdn, new_superior=parent)
        return f"{rdn},{parent}"

    def delete(self, dn: str) -> None:
        """Turn into a tombstone."""
        self._do("delete", dn)

    def recycle(self) -> None:
        """Switch the AD Recycle Bin on, for good."""
        self.link("", f"CN=Partitions,CN=Configuration,{self.base}:{_RECYCLE_BIN}", attribute="enableOptionalFeature")

    def undelete(self, guid: uuid.UUID, dn: str, **attributes: Value) -> None:
        """Reanimate a tombstone."""
        changes: dict[str, Any] = {
            "isDeleted": [(ldap3.MODIFY_DELETE, [])],
            "distinguishedName": [(ldap3.MODIFY_REPLACE, [dn.encode()])],
            **{name: [(ldap3.MODIFY_REPLACE, [_bytes(value)])] for name, value in attributes.items()},
        }
        self._do("modify", f"<GUID={guid}>", changes, controls=[SHOW_RECYCLED])

    # Looking.

    def read(self, dn: str, *names: str) -> dict[str, list[bytes]]:
        """Attributes of one object that it has, raw; tombstones too."""
        self._do("search", dn, "(objectClass=*)", ldap3.BASE, attributes=list(names), controls=[SHOW_RECYCLED])
        raw = self._ldap.response[0]["raw_attributes"]
        return {name: list(raw[name]) for name in raw if raw[name]}

    def find(self, filter_text: str) -> list[str]:
        """DNs of the domain's living objects that fit."""
        self._do("search", self.base, filter_text, ldap3.SUBTREE, attributes=["1.1"])
        return [item["raw_dn"].decode() for item in self._ldap.response if item["type"] == "searchResEntry"]

    def guid(self, dn: str) -> uuid.UUID:
        """objectGUID."""
        return uuid.UUID(bytes_le=self.read(dn, "objectGUID")["objectGUID"][0])

    def rid(self, dn: str) -> int:
        """The last sub-authority of objectSid."""
        return int.from_bytes(self.read(dn, "objectSid")["objectSid"][0][-4:], "little")

    def usn(self) -> int:
        """highestCommittedUSN."""
        return int(self.read("", "highestCommittedUSN")["highestCommittedUSN"][0])

    def outlive_the_second(self) -> None:
        """Wait for the DC's next second: originating times count in whole ones."""
        time.sleep(1.05 - time.time() % 1)

    def _do(self, operation: str, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - ldap3 ships no types
        getattr(self._ldap, operation)(*arguments, **options)
        result = self._ldap.result
        assert result["result"] == 0, f"{operation} {arguments[0]}: {result['description']} {result['message']}"


def _bytes(value: Value) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _quoted(password: str) -> bytes:
    """unicodePwd as it is written, [MS-ADTS] 3.1.1.3.1.5.1."""
    return f'"{password}"'.encode("utf-16-le")


def extend_schema(hands: Hands) -> None:
    """A new attribute ``adpBadge`` and the auxiliary class that brings it."""
    schema, arc = f"CN=Schema,CN=Configuration,{hands.base}", "1.2.840.113556.1.8000.2554.4711"
    badge = {"attributeID": f"{arc}.1", "attributeSyntax": "2.5.5.12", "oMSyntax": "64", "isSingleValued": "TRUE"}
    hands.add(f"CN=adp-Badge,{schema}", "attributeSchema", {"lDAPDisplayName": "adpBadge", **badge})
    hands.set("", schemaUpdateNow="1")
    badged = {"governsID": f"{arc}.2", "objectClassCategory": "3", "subClassOf": "top", "mayContain": "adpBadge"}
    hands.add(f"CN=adp-Badged,{schema}", "classSchema", {"lDAPDisplayName": "adpBadged", **badged})
    hands.set("", schemaUpdateNow="1")


def wear_badge(hands: Hands, dn: str, badge: str) -> None:
    """Give a user a value of the new attribute."""
    hands.link(dn, "adpBadged", attribute="objectClass")
    hands.set(dn, adpBadge=badge)
