"""The schema extended, and used at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

ARC = "1.3.6.1.4.1.99999"
DS_DN, DN_BINARY, DN_STRING = (
    bytes.fromhex(oid) for oid in ("2b0c0287731c00854a", "2a864886f7140101010b", "2a864886f7140101010c")
)
"""oMObjectClass of the three DN syntaxes, [MS-ADTS] 3.1.1.2.2.2."""


def define_attribute(domain: Domain, number: int, name: str, syntax: str, om_syntax: str, **more: str | bytes) -> None:
    """An attribute of our own; ``number`` is the last part of its OID."""
    given: dict[str, Any] = {"isSingleValued": "FALSE", "lDAPDisplayName": name, "adminDisplayName": name, **more}
    domain.add(
        f"CN={name},{domain.schema}", "attributeSchema",
        attributeID=f"{ARC}.1.{number}", attributeSyntax=syntax, oMSyntax=om_syntax, **given,
    )  # fmt: skip


@image
def extensions_of_the_image(domain: Domain) -> None:
    """Somebody who will wear what is defined later."""
    domain.user("wearer")
    domain.add(f"CN=showroom,{domain.base}", "container")
    define_attribute(domain, 10, "adpPassedOn", "2.5.5.12", "64")
    _passed_on_class(domain, 10, "adpPassedOnClass")


@change
def attributes_classes_and_objects(domain: Domain) -> None:
    """Indexed, linked, DN-with-binary and DN-with-string attributes; two classes; uses of all."""
    define_attribute(domain, 1, "adpText", "2.5.5.12", "64", searchFlags="1")
    define_attribute(domain, 2, "adpLink", "2.5.5.1", "127", oMObjectClass=DS_DN, linkID="1.2.840.113556.1.2.50")
    define_attribute(domain, 3, "adpNumber", "2.5.5.16", "65", isSingleValued="TRUE", rangeLower="0", rangeUpper="99")
    define_attribute(domain, 4, "adpDnBinary", "2.5.5.7", "127", oMObjectClass=DN_BINARY)
    define_attribute(domain, 5, "adpDnString", "2.5.5.14", "127", oMObjectClass=DN_STRING)
    define_attribute(domain, 6, "adpUnlinked", "2.5.5.1", "127", oMObjectClass=DS_DN)
    domain.reload_schema()
    used = ["adpText", "adpLink", "adpNumber", "adpDnBinary", "adpDnString", "adpUnlinked"]
    domain.add(
        f"CN=adpAux,{domain.schema}", "classSchema", lDAPDisplayName="adpAux", governsID=f"{ARC}.2.1",
        objectClassCategory="3", subClassOf="top", mayContain=used,
    )  # fmt: skip
    domain.reload_schema()
    domain.add(
        f"CN=adpThing,{domain.schema}", "classSchema", lDAPDisplayName="adpThing", governsID=f"{ARC}.2.2",
        objectClassCategory="1", subClassOf="top", mayContain="description", rDNAttID="cn", auxiliaryClass="adpAux",
        possSuperiors=["container", "organizationalUnit"],
    )  # fmt: skip
    domain.reload_schema()
    wearer = f"CN=wearer,{domain.users}"
    domain.add(
        f"CN=thing,CN=showroom,{domain.base}", "adpThing", adpText=["v1", "v2"], adpLink=wearer, adpNumber="42",
        adpDnBinary=f"B:8:DEADBEEF:{wearer}", adpDnString=f"S:5:a:b c:{wearer}", adpUnlinked=wearer,
    )  # fmt: skip
    domain.give(wearer, objectClass="adpAux")
    domain.set(wearer, adpText="on a user", adpNumber="7", adpLink=f"CN=thing,CN=showroom,{domain.base}")


@change
def class_of_the_image_extended(domain: Domain) -> None:
    """An attribute Microsoft defined is indexed, a class gets one more."""
    domain.set(f"CN=Employee-ID,{domain.schema}", searchFlags="1")
    domain.give(f"CN=Contact,{domain.schema}", mayContain="employeeID")
    domain.reload_schema()
    domain.add(f"CN=numbered,{domain.users}", "contact", employeeID="4711")


@change
def names_of_definitions_passed_on(domain: Domain) -> None:
    """What is called otherwise now, and new definitions by the names that it had."""
    for name in ("adpPassedOn", "adpPassedOnClass"):
        domain.set(f"CN={name},{domain.schema}", lDAPDisplayName=f"{name}Old")
    domain.reload_schema()
    new = {"lDAPDisplayName": "adpPassedOn", "adminDisplayName": "adpPassedOn"}
    define_attribute(domain, 11, "adpPassedOnNew", "2.5.5.12", "64", **new)
    domain.reload_schema()
    _passed_on_class(domain, 11, "adpPassedOnClassNew")
    domain.reload_schema()
    domain.add(f"CN=passed-on,CN=showroom,{domain.base}", "adpPassedOnClass", adpPassedOn="of the new")


def _passed_on_class(domain: Domain, number: int, cn: str) -> None:
    domain.add(
        f"CN={cn},{domain.schema}", "classSchema", lDAPDisplayName="adpPassedOnClass", governsID=f"{ARC}.2.{number}",
        objectClassCategory="1", subClassOf="top", mayContain="adpPassedOn", rDNAttID="cn", possSuperiors="container",
    )  # fmt: skip


@change
def attribute_defunct(domain: Domain) -> None:
    """Switched off again, as far as a schema ever forgets."""
    define_attribute(domain, 9, "adpDefunct", "2.5.5.12", "64")
    domain.reload_schema()
    domain.set(f"CN=adpDefunct,{domain.schema}", isDefunct="TRUE")
    domain.reload_schema()
