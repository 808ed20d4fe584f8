"""One domain, reached with Samba's own bindings; the only module here that needs them."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

# Only Debian's interpreter has these; the type checker's environment does not.
import ldb  # type: ignore[import-not-found]
import samba  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.dcerpc import dnsp, security  # type: ignore[import-not-found]
from samba.ndr import ndr_pack, ndr_unpack  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

Value = str | bytes
Values = Value | Sequence[Value]

RELAX: Final = ("relax:0",)
HASHES: Final = ("local_oid:1.3.6.1.4.1.7165.4.3.12:0",)
"""DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID."""
_TRUST_CLEAR: Final = 2
"""TRUST_AUTH_TYPE_CLEAR, [MS-LSAD] 2.2.7.17."""
_RECYCLED: Final = ("show_recycled:1",)
_EVERYWHERE: Final = (*_RECYCLED, "search_options:1:2")


class Domain:
    """Administrator's hands, with all of SYSTEM's rights.

    Args:
        url: ``ldapi://...`` of a running DC, or ``tdb://.../sam.ldb`` of a stopped one.
        smb_conf: The DC's configuration.
        options: Of ldb, for files.
    """

    def __init__(self, url: str, smb_conf: str, options: Sequence[str] = ()) -> None:
        configuration = LoadParm()
        configuration.load(smb_conf)
        session = system_session(configuration) if url.startswith("tdb:") else None
        # with the default flags Samba makes no file for a partition, and waits for ever
        self.db: Any = SamDB(url=url, lp=configuration, session_info=session, options=list(options), flags=0)
        self.base = str(self.db.domain_dn())
        self.users = f"CN=Users,{self.base}"
        self.system = f"CN=System,{self.base}"
        self.configuration = str(self.db.get_config_basedn())
        self.schema = str(self.db.get_schema_basedn())

    @property
    def draws_gmsas(self) -> bool:
        """Whether this Samba draws a gMSA's SID and password itself, and takes neither from an add."""
        return tuple(int(part) for part in samba.version.split(".")[:2]) >= (4, 21)

    @property
    def own_settings(self) -> str:
        """DN of the DC's NTDS Settings, wherever they are by now."""
        return str(self.db.get_dsServiceName())

    @property
    def dns_domain(self) -> str:
        """The domain's name in DNS."""
        return str(self.db.domain_dns_name())

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """All of it, or nothing: one transaction of a database file."""
        self.db.transaction_start()
        try:
            yield
        except BaseException:
            self.db.transaction_cancel()
            raise
        self.db.transaction_commit()

    # Making and changing.

    def add(self, dn: str, kind: str, *, relax: bool = False, hashes: bool = False, **attributes: Values) -> str:
        """Make an object; returns its DN. Underscores in attribute names stand for hyphens.

        Args:
            hashes: A password is given as its hash, as only LSA and replication can.
        """
        message = {"dn": dn, "objectClass": kind, **{k.replace("_", "-"): _list(v) for k, v in attributes.items()}}
        controls = [*(RELAX if relax or hashes else ()), *(HASHES if hashes else ())]
        self.db.add(message, controls=controls or None)
        return dn

    def user(self, name: str, *, at: str = "", password: str = "", rdn: str = "", **attributes: Values) -> str:
        """A user; enabled when there is a password."""
        secret: dict[str, Values] = {}
        if password:
            secret = {"unicodePwd": quoted(password), "userAccountControl": "512"}
        given: dict[str, Any] = {"sAMAccountName": name, **secret, **attributes}
        return self.add(f"CN={rdn or name},{at or self.users}", "user", **given)

    def group(self, name: str, *members: str, at: str = "", kind: int = -0x80000000 + 2) -> str:
        """A group; a global security group unless ``kind`` says otherwise."""
        dn = self.add(f"CN={name},{at or self.users}", "group", sAMAccountName=name, groupType=str(kind))
        if members:
            self.link(dn, *members)
        return dn

    def ou(self, name: str, at: str = "") -> str:
        """An organizational unit."""
        return self.add(f"OU={name},{at or self.base}", "organizationalUnit")

    def container(self, dn: str, kind: str = "container") -> str:
        """A container, unless this Samba makes it with every domain; returns its DN."""
        parent = dn.partition(",")[2]
        if not self.db.search(parent, ldb.SCOPE_ONELEVEL, f"(distinguishedName={dn})", attrs=[]):
            self.add(dn, kind)
        return dn

    def set(self, dn: str, *, relax: bool = False, **attributes: Values) -> None:
        """Replace attributes; an empty sequence clears."""
        self._modify(dn, ldb.FLAG_MOD_REPLACE, attributes, relax=relax)

    def give(self, dn: str, *, relax: bool = False, **attributes: Values) -> None:
        """Add values."""
        self._modify(dn, ldb.FLAG_MOD_ADD, attributes, relax=relax)

    def take(self, dn: str, **attributes: Values) -> None:
        """Remove values."""
        self._modify(dn, ldb.FLAG_MOD_DELETE, attributes)

    def link(self, dn: str, *targets: str, attribute: str = "member") -> None:
        """Add links."""
        self._modify(dn, ldb.FLAG_MOD_ADD, {attribute: targets})

    def unlink(self, dn: str, *targets: str, attribute: str = "member") -> None:
        """Remove links."""
        self._modify(dn, ldb.FLAG_MOD_DELETE, {attribute: targets})

    def password(self, dn: str, password: str) -> None:
        """Set a password as an administrator does."""
        self.set(dn, unicodePwd=quoted(password))

    def move(self, dn: str, to: str) -> str:
        """Rename or move to another DN."""
        self.db.rename(dn, to)
        return to

    def delete(self, dn: str, *, subtree: bool = False) -> None:
        """Delete, with everything below if asked."""
        self.db.delete(dn, controls=["tree_delete:1"] if subtree else None)

    def undelete(self, guid: uuid.UUID, dn: str) -> None:
        """Reanimate. With the Recycle Bin on, Samba 4.17 manages that only with some help."""
        try:
            self._reanimate(guid, dn)
        except ldb.LdbError as error:
            if error.args[0] != ldb.ERR_NO_SUCH_ATTRIBUTE:
                raise
            self.db.delete(f"<GUID={guid}>", controls=[*_RECYCLED, *RELAX])
            message = ldb.Message(ldb.Dn(self.db, f"<GUID={guid}>"))
            message["isRecycled"] = ldb.MessageElement("FALSE", ldb.FLAG_MOD_REPLACE, "isRecycled")
            self.db.modify(message, controls=[*_RECYCLED, *RELAX])
            self._reanimate(guid, dn)

    def _reanimate(self, guid: uuid.UUID, dn: str) -> None:
        message = ldb.Message(ldb.Dn(self.db, f"<GUID={guid}>"))
        message["isDeleted"] = ldb.MessageElement([], ldb.FLAG_MOD_DELETE, "isDeleted")
        message["distinguishedName"] = ldb.MessageElement(dn, ldb.FLAG_MOD_REPLACE, "distinguishedName")
        self.db.modify(message, controls=list(_RECYCLED))

    def reload_schema(self) -> None:
        """Make what was defined usable."""
        self.give("", schemaUpdateNow="1")

    def enable_recycle_bin(self) -> None:
        """Turn the Recycle Bin feature on, for good."""
        feature = "766ddcd8-acd0-445e-f3b9-a7f9b6744f2a"
        self.give("", enableOptionalFeature=f"CN=Partitions,{self.configuration}:{feature}")

    def _modify(self, dn: str, flag: int, attributes: dict[str, Any], *, relax: bool = False) -> None:
        message = ldb.Message(ldb.Dn(self.db, dn))
        for name, values in attributes.items():
            spelled = name.replace("_", "-")
            message[spelled] = ldb.MessageElement(_list(values), flag, spelled)
        self.db.modify(message, controls=list(RELAX) if relax else None)

    # Looking.

    def read(self, dn: str, attribute: str) -> bytes:
        """The first value of an attribute, tombstones included."""
        found = self.db.search(dn, scope=ldb.SCOPE_BASE, attrs=[attribute], controls=list(_RECYCLED))
        return bytes(found[0][attribute][0])

    def guid(self, dn: str) -> uuid.UUID:
        """objectGUID."""
        return uuid.UUID(bytes_le=self.read(dn, "objectGUID"))

    def rid(self, dn: str) -> int:
        """The last part of objectSid."""
        return int.from_bytes(self.read(dn, "objectSid")[-4:], "little")

    def usn(self) -> int:
        """highestCommittedUSN, the next one of a database file."""
        return int(self.db.sequence_number(ldb.SEQ_HIGHEST_SEQ)) if self._is_file else self._committed()

    @property
    def _is_file(self) -> bool:
        return bool(str(self.db.url).startswith("tdb:"))

    def _committed(self) -> int:
        return int(self.read("", "highestCommittedUSN"))

    def written_since(self, usn: int) -> list[str]:
        """objectGUIDs, as text, of everything written after a USN, tombstones included."""
        found = self.db.search(
            "",
            scope=ldb.SCOPE_SUBTREE,
            expression=f"(uSNChanged>={usn + 1})",
            attrs=["objectGUID"],
            controls=list(_EVERYWHERE),
        )
        return sorted(str(uuid.UUID(bytes_le=bytes(entry["objectGUID"][0]))) for entry in found)

    # Values of Microsoft's structures.

    def sid(self, text: str) -> bytes:
        """A SID's binary form."""
        return bytes(ndr_pack(security.dom_sid(text)))

    def descriptor(self, sddl: str) -> bytes:
        """A security descriptor's binary form."""
        return bytes(ndr_pack(security.descriptor.from_sddl(sddl, self._domain_sid)))

    def redescribe(self, dn: str, old: str, new: str) -> None:
        """Rewrite an object's security descriptor, in SDDL: owner, group, DACL and SACL together."""
        found = ndr_unpack(security.descriptor, self.read(dn, "nTSecurityDescriptor")).as_sddl(self._domain_sid)
        assert old in found, found
        message = ldb.Message(ldb.Dn(self.db, dn))
        value = self.descriptor(found.replace(old, new, 1))
        message["nTSecurityDescriptor"] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
        self.db.modify(message, controls=["sd_flags:1:15"])

    @property
    def _domain_sid(self) -> Any:  # noqa: ANN401 - Samba's bindings have no types
        return security.dom_sid(self.db.get_domain_sid())

    def dns_record(self, kind: int, value: str, *, ttl_s: int = 900) -> bytes:
        """A dnsRecord, [MS-DNSP] 2.3.2.2."""
        record = dnsp.DnssrvRpcRecord()
        record.wType, record.data, record.dwTtlSeconds, record.dwSerial, record.rank = kind, value, ttl_s, 1, 240
        return bytes(ndr_pack(record))

    def trust_secret(self, password: str) -> bytes:
        """trustAuthIncoming or trustAuthOutgoing, [MS-ADTS] 6.1.6.9.1: one password in clear, as trusts keep it."""
        # Samba's binding packs an empty union, so that the one entry is written out: time, type, length, secret
        secret = password.encode("utf-16-le")
        entry = struct.pack("<QII", 133_000_000_000_000_000, _TRUST_CLEAR, len(secret)) + secret
        entry += bytes(-len(entry) % 4)
        return struct.pack("<III", 1, 12, 12 + len(entry)) + entry


def quoted(password: str) -> bytes:
    """unicodePwd as it is written, [MS-ADTS] 3.1.1.3.1.5.1."""
    return f'"{password}"'.encode("utf-16-le")


def _list(values: Values) -> list[Value]:
    return [values] if isinstance(values, str | bytes) else list(values)
