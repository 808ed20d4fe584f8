"""What a client cannot write back, and a replication partner gives by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.workload.extensions import ARC, DS_DN
from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

COMPUTERS = "AA312825768811D1ADED00C04FD8D5CD"
"""GUID_COMPUTERS_CONTAINER_W, [MS-ADTS] 6.1.1.4."""


@image
def replication_of_the_image(domain: Domain) -> None:
    """Accounts, a group, and two places with other rights."""
    domain.user("service", password="Passw0rd.service")
    domain.user("mover", password="Passw0rd.mover")
    domain.user("repeater", password="Passw0rd.repeater")
    domain.group("rota", f"CN=service,{domain.users}")
    for name in ("Strict", "Lax", "Workstations"):
        domain.ou(name)
    domain.add(f"CN=adpNarrow,{domain.schema}", "classSchema", lDAPDisplayName="adpNarrow", governsID=f"{ARC}.2.20",
               objectClassCategory="1", subClassOf="top", mayContain=["description", "info"], rDNAttID="cn",
               possSuperiors=["container", "organizationalUnit"])  # fmt: skip
    server = f"CN=Gone,CN=Servers,CN=Default-First-Site-Name,CN=Sites,{domain.configuration}"
    domain.add(server, "server")


@change
def password_set_several_times(domain: Domain) -> None:
    """The key version number counts them, and a keytab holds it."""
    for number in range(4):
        domain.password(f"CN=service,{domain.users}", f"Passw0rd.service-{number}")


@change
def password_set_to_what_it_was(domain: Domain) -> None:
    """Only the version tells."""
    domain.password(f"CN=repeater,{domain.users}", "Passw0rd.repeater")


@change
def krbtgt_changed_twice(domain: Domain) -> None:
    """Tickets from before are good for one more change."""
    for _ in range(2):
        domain.password(f"CN=krbtgt,{domain.users}", "Ignored.the-server-draws-its-own")


@change
def computers_redirected(domain: Domain) -> None:
    """New computers go elsewhere: the domain points to another container, and to Deleted Objects as ever."""
    domain.take(domain.base, wellKnownObjects=f"B:32:{COMPUTERS}:CN=Computers,{domain.base}")
    domain.give(domain.base, wellKnownObjects=f"B:32:{COMPUTERS}:OU=Workstations,{domain.base}")


@change
def moved_between_rights(domain: Domain) -> None:
    """What an account inherits changes with its place."""
    domain.redescribe(f"OU=Strict,{domain.base}", "(A;", "(D;CI;WP;;;AU)(A;")
    domain.redescribe(f"OU=Lax,{domain.base}", "(A;", "(A;CI;RP;;;AU)(A;")
    domain.move(f"CN=mover,{domain.users}", f"CN=mover,OU=Strict,{domain.base}")
    domain.move(f"CN=mover,OU=Strict,{domain.base}", f"CN=mover,OU=Lax,{domain.base}")


@change
def schema_narrowed(domain: Domain) -> None:
    """A value that its class no longer allows."""
    domain.add(f"CN=narrow,{domain.users}", "adpNarrow", info="allowed once")
    domain.take(f"CN=adpNarrow,{domain.schema}", mayContain="info")
    domain.reload_schema()


@change
def class_switched_off(domain: Domain) -> None:
    """Objects of a class that is no more."""
    domain.add(f"CN=adpOff,{domain.schema}", "classSchema", lDAPDisplayName="adpOff", governsID=f"{ARC}.2.21",
               objectClassCategory="1", subClassOf="top", mayContain="description", rDNAttID="cn",
               possSuperiors=["container", "organizationalUnit"])  # fmt: skip
    domain.reload_schema()
    domain.add(f"CN=off,{domain.users}", "adpOff", description="of a class that was switched off")
    domain.set(f"CN=adpOff,{domain.schema}", isDefunct="TRUE")
    domain.reload_schema()


@change
def attribute_defined_and_used(domain: Domain) -> None:
    """Its id is drawn at random, and stands in the metadata of every object that has it."""
    text, link = {"attributeSyntax": "2.5.5.12", "oMSyntax": "64"}, {"attributeSyntax": "2.5.5.1", "oMSyntax": "127"}
    for number, name, syntax in ((22, "adpBadge", text), (23, "adpSeats", {**link, "oMObjectClass": DS_DN})):
        linked: dict[str, Any] = {"linkID": "1.2.840.113556.1.2.50"} if name == "adpSeats" else {}
        domain.add(
            f"CN={name},{domain.schema}", "attributeSchema", lDAPDisplayName=name, adminDisplayName=name,
            attributeID=f"{ARC}.1.{number}", isSingleValued="FALSE", **syntax, **linked,
        )  # fmt: skip
    domain.reload_schema()
    domain.give(f"CN=User,{domain.schema}", mayContain=["adpBadge", "adpSeats"])
    domain.reload_schema()
    domain.set(f"CN=repeater,{domain.users}", adpBadge="A-1", adpSeats=[f"CN=service,{domain.users}"])


@change
def prefixes_in_an_order_of_their_own(domain: Domain) -> None:
    """Each database numbers the prefixes of OIDs as it meets them; attributes without a drawn id go by that."""
    text: dict[str, Any] = {"attributeSyntax": "2.5.5.12", "oMSyntax": "64", "isSingleValued": "TRUE"}
    last: dict[str, Any] = {"governsID": "2.16.840.1.99999.7.1", "objectClassCategory": "3", "subClassOf": "top"}
    domain.add(f"CN=adpLast,{domain.schema}", "classSchema", lDAPDisplayName="adpLast", **last)
    oids = {
        "adpDrawn": "1.3.6.1.4.1.99998.3.1",
        "adpLong": "1.3.6.1.4.1.99996.2.300",
        "adpLonger": "1.3.6.1.4.1.99996.2.70000",
        "adpEarly": "1.2.840.99997.5.9",
    }
    for name, oid in oids.items():
        # with this control, as where an administrator extends a schema for a newer server, no msDS-IntId is drawn
        domain.add(f"CN={name},{domain.schema}", "attributeSchema", relax=name != "adpDrawn", lDAPDisplayName=name,
                   attributeID=oid, **text)  # fmt: skip
    domain.reload_schema()
    domain.give(f"CN=adpLast,{domain.schema}", mayContain=[*oids])
    domain.give(f"CN=Contact,{domain.schema}", auxiliaryClass="adpLast")
    domain.reload_schema()
    values: dict[str, Any] = {name: f"by {oid}" for name, oid in oids.items()}
    domain.add(f"CN=prefixed,{domain.users}", "contact", **values)


@change
def schema_version_raised(domain: Domain) -> None:
    """As where a schema was made ready for a newer server since: the image is of the one before."""
    domain.set(domain.schema, relax=True, objectVersion="4711")


@change
def managed_by_a_foreigner(domain: Domain) -> None:
    """A link other than member to somebody of another domain."""
    domain.link(f"CN=rota,{domain.users}", "<SID=S-1-5-21-8-8-8-4321>")
    foreign = f"CN=S-1-5-21-8-8-8-4321,CN=ForeignSecurityPrincipals,{domain.base}"
    domain.set(f"CN=rota,{domain.users}", managedBy=foreign)


@change
def connection_to_a_server_that_is_gone(domain: Domain) -> None:
    """Its partner was deleted, the connection was not."""
    gone = f"CN=Gone,CN=Servers,CN=Default-First-Site-Name,CN=Sites,{domain.configuration}"
    # of file replication: those between DCs the KCC clears away
    settings = domain.add(f"CN=Old Replication,{domain.system}", "nTFRSSettings")
    replica_set = domain.add(f"CN=Volume,{settings}", "nTFRSReplicaSet")
    domain.add(f"CN=orphan,{replica_set}", "nTDSConnection", relax=True, fromServer=gone, enabledConnection="TRUE",
               options="0")  # fmt: skip
    domain.delete(gone)


@change
def made_and_deleted(domain: Domain) -> None:
    """Nothing is left of it but a tombstone, whose SID nobody else may get."""
    domain.user("mayfly", password="Passw0rd.mayfly")
    domain.delete(f"CN=mayfly,{domain.users}")


@change
def links_made_and_taken_away(domain: Domain) -> None:
    """Also several times: each leaves a stamp."""
    rota = f"CN=rota,{domain.users}"
    domain.unlink(rota, f"CN=service,{domain.users}")
    domain.link(rota, f"CN=repeater,{domain.users}")
    domain.link(rota, f"CN=service,{domain.users}")
    domain.unlink(rota, f"CN=repeater,{domain.users}")


@change
def rights_of_deleted_objects(domain: Domain) -> None:
    """Somebody may look at what was deleted."""
    domain.redescribe(f"CN=Deleted Objects,{domain.base}", "(A;", "(A;;LCRP;;;BO)(A;")


@change
def site_renamed(domain: Domain) -> None:
    """The DC's own objects lie in it. Last: the others name them by DN."""
    sites = f"CN=Sites,{domain.configuration}"
    domain.move(f"CN=Default-First-Site-Name,{sites}", f"CN=Headquarters,{sites}")
