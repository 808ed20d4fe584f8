"""Facts about attributes, read from the DC's own schema; no list of attributes stands in this project."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from adpersist.directory.ldap.session import Session
from adpersist.directory.wire.filters import equals
from adpersist.directory.wire.messages import SearchScope
from adpersist.directory.wire.prefix_map import PrefixMap, attid, parse_prefix_map
from adpersist.model.identity.reference import REFERENCE_SYNTAXES

_NOT_REPLICATED: Final = 0x1
_CONSTRUCTED: Final = 0x4


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attributeSchema object ([MS-ADTS] 3.1.1.2.3).

    Attributes:
        name: lDAPDisplayName.
        attid: The id replication uses; None when the prefix map does not know the OID.
        is_reference: Values are DNs, or DNs with a binary or string part.
        link_id: linkID; 0 for none.
        single_valued: At most one value.
        replicated: It travels between DCs, and so in the feed.
        system_only: Nobody but the system changes it.
        oid_attid: The id made of its OID; another one where the attribute was made in this forest.
    """

    name: str
    attid: int | None
    is_reference: bool
    link_id: int
    single_valued: bool
    replicated: bool
    system_only: bool = False
    oid_attid: int | None = None

    @property
    def is_link(self) -> bool:
        """A forward link: values are added and removed one by one."""
        return self.link_id > 0 and self.link_id % 2 == 0

    @property
    def is_backlink(self) -> bool:
        """The other end of the link whose linkID is one less, never written."""
        return self.link_id > 0 and self.link_id % 2 == 1


class Schema:
    """The attributes this DC knows, by lDAPDisplayName and by id."""

    def __init__(self, attributes: Iterable[Attribute]) -> None:
        self._by_name = {attribute.name: attribute for attribute in attributes}
        # objects of the schema itself may have an attribute's other id ([MS-ADTS] 3.1.1.2.6)
        self._by_attid = {attribute.oid_attid: attribute.name for attribute in self._by_name.values()}
        self._by_attid |= {attribute.attid: attribute.name for attribute in self._by_name.values()}

    @classmethod
    def load(cls, session: Session, schema_nc: str) -> "Schema":
        """Read every attributeSchema object; about 0.15 s on a small DC."""
        root = session.read(schema_nc, attributes=["prefixMap"]).attributes
        prefixes = parse_prefix_map(root["prefixMap"][0]) if "prefixMap" in root else {}
        wanted = (
            "lDAPDisplayName",
            "attributeID",
            "attributeSyntax",
            "linkID",
            "systemFlags",
            "isSingleValued",
            "msDS-IntId",
            "systemOnly",
        )
        defined = equals("objectClass", b"attributeSchema")
        entries = session.search(schema_nc, defined, scope=SearchScope.LEVEL, attributes=wanted)
        return cls(
            _attribute({name: values[0].decode() for name, values in entry.attributes.items()}, prefixes)
            for entry in entries
        )

    def __getitem__(self, name: str) -> Attribute:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def meant(self, name: str) -> Attribute | None:
        """The attribute that a person means, in any case of its letters; None: there is none."""
        folded = name.casefold()
        return self._by_name.get(name) or next(
            (each for each in self._by_name.values() if each.name.casefold() == folded), None
        )

    def forward_of(self, backlink: Attribute) -> str:
        """What the written end of a link is called (``member`` of ``memberOf``); empty where there is none."""
        return next((each.name for each in self._by_name.values() if each.link_id == backlink.link_id - 1), "")

    def names(self, attribute_id: int) -> bool:
        """There is a name for an attribute id."""
        return attribute_id in self._by_attid

    def name_of(self, attribute_id: int) -> str:
        """lDAPDisplayName of an attribute id; the id in hexadecimal when the schema does not name it."""
        return self._by_attid.get(attribute_id, f"0x{attribute_id:08x}")

    @property
    def told_of(self) -> list[str]:
        """Names of all that a look at everything shows of objects."""
        return [each.name for each in self._by_name.values() if each.replicated and not each.is_backlink]

    @property
    def system_only(self) -> frozenset[str]:
        """Names of the attributes only the system changes."""
        return frozenset(name for name, attribute in self._by_name.items() if attribute.system_only)

    @property
    def links(self) -> frozenset[str]:
        """Names of the forward links."""
        return frozenset(name for name, attribute in self._by_name.items() if attribute.is_link)

    @property
    def single_links(self) -> frozenset[str]:
        """Names of the forward links that have one value at the most."""
        return frozenset(name for name in self.links if self._by_name[name].single_valued)

    @property
    def without_references(self) -> frozenset[str]:
        """Names of the attributes whose values are no references."""
        return frozenset(name for name, fact in self._by_name.items() if not fact.is_reference)


def _attribute(facts: dict[str, str], prefixes: PrefixMap) -> Attribute:
    flags = int(facts.get("systemFlags", "0"))
    # an attribute made in this forest has a random id of its own ([MS-ADTS] 3.1.1.2.6)
    oid_id = attid(facts["attributeID"], prefixes)
    own_id = int(facts["msDS-IntId"]) & 0xFFFFFFFF if "msDS-IntId" in facts else oid_id
    return Attribute(
        name=facts["lDAPDisplayName"],
        attid=own_id,
        is_reference=facts["attributeSyntax"] in REFERENCE_SYNTAXES,
        link_id=int(facts.get("linkID", "0")),
        single_valued=facts.get("isSingleValued") == "TRUE",
        replicated=not flags & (_NOT_REPLICATED | _CONSTRUCTED),
        system_only=facts.get("systemOnly") == "TRUE",
        oid_attid=oid_id,
    )
