"""What few directories have and every heal must bring back: odd classes, odd syntaxes, odd values, odd places."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from tests.integration.workload.extensions import ARC, DN_BINARY, DS_DN, define_attribute
from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

_REPLICA_LINK: Final = bytes.fromhex("2a864886f71401010106")
"""oMObjectClass, [MS-ADTS] 3.1.1.2.2.2."""

_SYNTAXES: Final[dict[str, tuple[str, str, dict[str, Any], list[str | bytes]]]] = {
    "Exact": ("2.5.5.3", "27", {}, ["Case", "case", "cASE"]),
    "Teletex": ("2.5.5.4", "20", {}, ["teletex"]),
    "Printable": ("2.5.5.5", "19", {}, ["printable (1)"]),
    "Ia5": ("2.5.5.5", "22", {}, ["ia5@example.org"]),
    "Numeric": ("2.5.5.6", "18", {}, ["0049 30 1234"]),
    "Boolean": ("2.5.5.8", "1", {}, ["FALSE"]),
    "Integer": ("2.5.5.9", "2", {}, ["-2147483648", "2147483647", "0"]),
    "Enumeration": ("2.5.5.9", "10", {}, ["-1"]),
    "Octets": ("2.5.5.10", "4", {}, [b"\0", b"\xff" * 3000, b"\0\0\0"]),
    "ReplicaLink": ("2.5.5.10", "127", {"oMObjectClass": _REPLICA_LINK}, [bytes(range(256))]),
    "UtcTime": ("2.5.5.11", "23", {}, ["700101000001Z", "491231235959Z"]),
    "Time": ("2.5.5.11", "24", {}, ["16010101000001.0Z", "20381231235959.0Z", "30000101000000.0Z"]),
    "Unicode": ("2.5.5.12", "64", {}, ["Zoë", "Zoe\u0308", "\U0001f600", "a\nb\tc", " led and trailed "]),
    "Descriptor": ("2.5.5.15", "66", {"isSingleValued": "TRUE"}, []),
    "Large": ("2.5.5.16", "65", {}, ["-9223372036854775808", "9223372036854775807"]),
    "Sid": ("2.5.5.17", "4", {}, []),
}
"""By the attribute's name: attributeSyntax, oMSyntax, what else it is defined with, values."""


@image
def oddities_of_the_image(domain: Domain) -> None:
    """Somebody, and a place."""
    domain.ou("Odd")
    at = f"OU=Odd,{domain.base}"
    for name in ("odd-one", "odd-two", "odd-three"):
        domain.user(name, at=at, password="Passw0rd.odd")
    domain.group("odd-group", f"CN=odd-one,{at}", at=at)
    domain.group("odd-doomed", f"CN=odd-one,{at}", f"CN=odd-two,{at}", at=at)
    domain.add(f"CN=odd-pc,{at}", "computer", sAMAccountName="odd-pc$", userAccountControl="4096")


@change
def every_syntax(domain: Domain) -> None:
    """An attribute of each, with values at its ends."""
    for number, (name, (syntax, om_syntax, more, _)) in enumerate(_SYNTAXES.items(), 30):
        define_attribute(domain, number, f"odd{name}", syntax, om_syntax, **more)
    define_attribute(domain, 90, "odd-With-Hyphens", "2.5.5.12", "64", searchFlags="136", rangeUpper="100000")
    define_attribute(domain, 91, "oddForward", "2.5.5.1", "127", oMObjectClass=DS_DN, linkID="1.2.840.113556.1.2.50")
    domain.reload_schema()
    define_attribute(domain, 92, "oddBack", "2.5.5.1", "127", oMObjectClass=DS_DN, linkID="oddForward")
    define_attribute(domain, 93, "oddBinaryForward", "2.5.5.7", "127", oMObjectClass=DN_BINARY,
               linkID="1.2.840.113556.1.2.50")  # fmt: skip
    domain.reload_schema()
    used = [*(f"odd{name}" for name in _SYNTAXES), "odd-With-Hyphens", "oddForward", "oddBack", "oddBinaryForward"]
    domain.add(
        f"CN=oddAux,{domain.schema}", "classSchema", lDAPDisplayName="oddAux", governsID=f"{ARC}.2.30",
        objectClassCategory="3", subClassOf="top", mayContain=used,
    )  # fmt: skip
    domain.reload_schema()
    at = f"OU=Odd,{domain.base}"
    one, two = f"CN=odd-one,{at}", f"CN=odd-two,{at}"
    for dn in (one, two):
        domain.give(dn, objectClass="oddAux")
    ends: dict[str, Any] = {f"odd{name}": values for name, (*_, values) in _SYNTAXES.items() if values}
    domain.set(one, **ends)
    domain.set(one, oddDescriptor=domain.descriptor("O:BAG:BAD:(A;;GA;;;WD)"),
               oddSid=[domain.sid("S-1-5-32-544"), domain.sid("S-1-5-21-1-2-3-4")],
               odd_With_Hyphens="x" * 100_000)  # fmt: skip
    domain.link(one, two, attribute="oddForward")
    domain.link(one, f"B:8:00000001:{two}", f"B:8:00000002:{two}", attribute="oddBinaryForward")
    domain.unlink(one, f"B:8:00000001:{two}", attribute="oddBinaryForward")


@change
def values_in_another_order_and_other_letters(domain: Domain) -> None:
    """Equal to a server that compares, and another write all the same."""
    at = f"CN=odd-two,OU=Odd,{domain.base}"
    domain.set(at, description="Written Once", otherTelephone=["1", "2", "3"])
    domain.set(at, description="WRITTEN ONCE", otherTelephone=["3", "1", "2"])
    domain.set(at, info="a", url=["a", "b"])
    domain.set(at, info=[], url=[])
    domain.set(at, info="a", url=["b"])
    domain.set(at, wWWHomePage="http://example.org/" + "ä" * 1000)


@change
def class_with_a_naming_attribute_of_its_own(domain: Domain) -> None:
    """Objects that are called by neither cn nor ou."""
    define_attribute(domain, 101, "oddName", "2.5.5.12", "64", isSingleValued="TRUE")
    domain.reload_schema()
    domain.add(
        f"CN=oddNamed,{domain.schema}", "classSchema", lDAPDisplayName="oddNamed", governsID=f"{ARC}.2.31",
        objectClassCategory="1", subClassOf="top", mustContain="oddName", mayContain=["description", "member"],
        rDNAttID="oddName", possSuperiors=["container", "organizationalUnit"],
    )  # fmt: skip
    domain.reload_schema()
    at = f"OU=Odd,{domain.base}"
    named = domain.add(f"oddName=first\\, of its kind,{at}", "oddNamed", description="named")
    domain.move(named, f"oddName=renamed,{at}")
    domain.add(f"oddName=second,{at}", "oddNamed")
    domain.delete(f"oddName=second,{at}")


@change
def places_of_x500(domain: Domain) -> None:
    """Countries, organizations, localities and what else the standard knows."""
    at = domain.add(f"O=Organization,{domain.base}", "organization")
    domain.add(f"C=DE,{domain.base}", "country")
    domain.add(f"L=Bärlin #1,{at}", "locality")
    domain.add(f"CN=role,{at}", "organizationalRole", roleOccupant=f"CN=odd-one,OU=Odd,{domain.base}")


@change
def unix_things(domain: Domain) -> None:
    """Accounts and maps of Unix machines."""
    at = f"OU=Odd,{domain.base}"
    domain.set(f"CN=odd-one,{at}", uidNumber="10000", gidNumber="10000", loginShell="/bin/sh",
               unixHomeDirectory="/home/odd", gecos="odd", msSFU30Name="odd", msSFU30NisDomain="odd")  # fmt: skip
    domain.set(f"CN=odd-group,{at}", gidNumber="10000", memberUid=["odd", "ghost"])
    domain.add(f"CN=netgroup,{at}", "nisNetgroup", nisNetgroupTriple=["(host,user,domain)", "(,,)"])
    nis = domain.add(f"CN=map,{at}", "nisMap", nisMapName="auto.master")
    domain.add(f"CN=/home,{nis}", "nisObject", nisMapName="auto.master", nisMapEntry="-rw server:/home")


@change
def published_things(domain: Domain) -> None:
    """Printers, shares, services, file systems, keys of encrypted disks."""
    at = f"OU=Odd,{domain.base}"
    pc = f"CN=odd-pc,{at}"
    domain.add(f"CN=printer,{pc}", "printQueue", uNCName="\\\\odd-pc\\printer", versionNumber="4",
               serverName="odd-pc", printerName="printer", shortServerName="odd-pc", printColor="TRUE")  # fmt: skip
    domain.add(f"CN=share,{at}", "volume", uNCName="\\\\odd-pc\\share", keywords=["one", "two"])
    domain.add(f"CN=service,{pc}", "serviceConnectionPoint", serviceBindingInformation=["a", "b"],
               serviceClassName="odd", keywords="odd")  # fmt: skip
    domain.add(f"CN=2026-11-28T00:00:00-00:00{{{uuid.UUID(int=7)}}},{pc}", "msFVE-RecoveryInformation",
               msFVE_RecoveryGuid=uuid.UUID(int=7).bytes_le, msFVE_RecoveryPassword="1-2-3")  # fmt: skip
    dfs = domain.add(f"CN=dfs,CN=Dfs-Configuration,{domain.system}", "fTDfs", pKT=bytes(300), pKTGuid=bytes(16),
                     remoteServerName=["*"])  # fmt: skip
    domain.set(dfs, remoteServerName=["\\\\odd-pc\\dfs", "*"])
    domain.add(f"CN=ipsec,CN=IP Security,{domain.system}", "ipsecPolicy", ipsecID="{odd}", ipsecData=bytes(5000))


@change
def certification(domain: Domain) -> None:
    """Authorities, their lists and templates."""
    keys = domain.container(f"CN=Public Key Services,CN=Services,{domain.configuration}")
    for name in ("AIA", "CDP", "Certificate Templates"):
        domain.container(f"CN={name},{keys}")
    blob = b"\x30\x82" + bytes(range(256)) * 120
    authority: dict[str, Any] = {"cACertificate": [blob, blob + b"2"], "authorityRevocationList": blob}
    domain.add(f"CN=Odd CA,CN=AIA,{keys}", "certificationAuthority", certificateRevocationList=blob, **authority)
    domain.add(f"CN=Odd CA,CN=CDP,{keys}", "cRLDistributionPoint", certificateRevocationList=blob,
               deltaRevocationList=blob)  # fmt: skip
    domain.add(f"CN=OddTemplate,CN=Certificate Templates,{keys}", "pKICertificateTemplate", flags="131680",
               pKIExpirationPeriod=bytes.fromhex("0040396fd95fdbff"), pKIKeyUsage=b"\x86\0",
               msPKI_Cert_Template_OID="1.3.6.1.4.1.311.21.8.1")  # fmt: skip
    domain.set(f"CN=odd-three,OU=Odd,{domain.base}", userCertificate=[blob + bytes([n]) for n in range(40)],
               thumbnailPhoto=bytes(range(256)) * 300,
               altSecurityIdentities=["X509:<I>CN=a<S>CN=b", "Kerberos:a@B"])  # fmt: skip


@change
def claims_and_silos(domain: Domain) -> None:
    """Authentication policies, and who they hold for."""
    services = f"CN=Services,{domain.configuration}"
    root = domain.container(f"CN=AuthN Policy Configuration,{services}")
    policies = domain.container(f"CN=AuthN Policies,{root}", "msDS-AuthNPolicies")
    silos = domain.container(f"CN=AuthN Silos,{root}", "msDS-AuthNPolicySilos")
    policy = domain.add(f"CN=odd,{policies}", "msDS-AuthNPolicy", msDS_AuthNPolicyEnforced="TRUE",
                        msDS_UserTGTLifetime="36000000000")  # fmt: skip
    silo = domain.add(f"CN=odd,{silos}", "msDS-AuthNPolicySilo", msDS_AuthNPolicySiloEnforced="FALSE",
                      msDS_UserAuthNPolicy=policy)  # fmt: skip
    user = f"CN=odd-one,OU=Odd,{domain.base}"
    domain.link(silo, user, attribute="msDS-AuthNPolicySiloMembers")
    domain.set(user, msDS_AssignedAuthNPolicySilo=silo)


@change
def delegation(domain: Domain) -> None:
    """Who may act for whom."""
    pc = f"CN=odd-pc,OU=Odd,{domain.base}"
    domain.set(pc, userAccountControl=str(4096 + 0x1000000), msDS_AllowedToDelegateTo=["cifs/odd", "http/odd"],
               msDS_AllowedToActOnBehalfOfOtherIdentity=domain.descriptor("O:BAG:BAD:(A;;GA;;;WD)"))  # fmt: skip
    domain.link(f"CN=odd-one,OU=Odd,{domain.base}", pc, attribute="msDS-PrimaryComputer")


@change
def password_in_the_clear(domain: Domain) -> None:
    """Kept reversibly, as the account asks for."""
    user = f"CN=odd-three,OU=Odd,{domain.base}"
    domain.set(user, userAccountControl=str(512 + 0x80))
    domain.password(user, "Passw0rd.in the clear ä€")


@change
def read_only_controller(domain: Domain) -> None:
    """Its krbtgt, its computer account, and whose passwords it may keep."""
    krbtgt = domain.user("krbtgt_4711", showInAdvancedViewOnly="TRUE")
    pc = domain.add(f"CN=rodc,OU=Domain Controllers,{domain.base}", "computer", relax=True, sAMAccountName="rodc$",
                    userAccountControl=str(0x1000 | 0x4000000 | 0x1000000), msDS_KrbTgtLink=krbtgt)  # fmt: skip
    domain.link(pc, f"CN=odd-group,OU=Odd,{domain.base}", attribute="msDS-RevealOnDemandGroup")
    domain.link(pc, f"CN=Domain Admins,{domain.users}", attribute="msDS-NeverRevealGroup")
    domain.set(pc, managedBy=f"CN=odd-one,OU=Odd,{domain.base}")


@change
def holder_of_administrators_rights(domain: Domain) -> None:
    """AdminSDHolder, and quotas."""
    everyone = "(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)"
    domain.redescribe(f"CN=AdminSDHolder,{domain.system}", "(A;", f"{everyone}(A;")
    domain.add(f"CN=odd,CN=NTDS Quotas,{domain.base}", "msDS-QuotaControl", msDS_QuotaAmount="10",
               msDS_QuotaTrustee=domain.sid("S-1-5-21-7-7-7-1000"))  # fmt: skip


@change
def forest_wide_settings(domain: Domain) -> None:
    """Suffixes, heuristics, query policies, extended rights, display specifiers."""
    partitions = f"CN=Partitions,{domain.configuration}"
    domain.set(partitions, uPNSuffixes=["odd.example", "other.example"], msDS_SPNSuffixes="odd.example")
    service = f"CN=Directory Service,CN=Windows NT,CN=Services,{domain.configuration}"
    domain.set(service, tombstoneLifetime="200", sPNMappings="host=alerter,odd", dSHeuristics="0000000001")
    query = f"CN=Query-Policies,{service}"
    domain.add(f"CN=odd,{domain.container(query)}", "queryPolicy",
               lDAPAdminLimits=["MaxPageSize=2000", "MaxConnections=9"])  # fmt: skip
    domain.add(f"CN=Odd-Right,CN=Extended-Rights,{domain.configuration}", "controlAccessRight",
               rightsGuid=str(uuid.UUID(int=4711)), appliesTo="bf967aba-0de6-11d0-a285-00aa003049e2",
               validAccesses="256")  # fmt: skip
    domain.set(f"CN=user-Display,CN=409,CN=DisplaySpecifiers,{domain.configuration}", adminContextMenu=["1,{odd}"])


@change
def well_known_members(domain: Domain) -> None:
    """Everybody and Authenticated Users come and go; a foreign principal is deleted and comes back."""
    domain.link(f"CN=odd-group,OU=Odd,{domain.base}", f"CN=odd-three,OU=Odd,{domain.base}")
    users = f"CN=S-1-5-11,CN=ForeignSecurityPrincipals,{domain.base}"
    local = domain.group("odd-local", at=f"OU=Odd,{domain.base}", kind=-0x80000000 + 4)
    domain.link(local, users, "<SID=S-1-1-0>", "<SID=S-1-5-21-6-6-6-1000>")
    domain.unlink(local, users)
    domain.delete(f"CN=S-1-5-21-6-6-6-1000,CN=ForeignSecurityPrincipals,{domain.base}")
    domain.link(local, "<SID=S-1-5-21-6-6-6-1000>")
    domain.unlink(f"CN=Pre-Windows 2000 Compatible Access,CN=Builtin,{domain.base}", users)


@change
def deleted_group_and_its_members(domain: Domain) -> None:
    """Links of a tombstone, from it and to it."""
    at = f"OU=Odd,{domain.base}"
    domain.link(f"CN=odd-doomed,{at}", f"CN=odd-three,{at}")
    domain.set(f"CN=odd-doomed,{at}", managedBy=f"CN=odd-one,{at}")
    domain.link(f"CN=odd-group,{at}", f"CN=odd-doomed,{at}")
    guid = domain.guid(f"CN=odd-doomed,{at}")
    domain.delete(f"CN=odd-doomed,{at}")
    domain.undelete(guid, f"CN=odd-doomed,{at}")
    domain.link(f"CN=odd-doomed,{at}", f"CN=odd-two,{at}")


@change
def names_with_escapes(domain: Domain) -> None:
    """With everything that must be escaped."""
    at = f"OU=Odd,{domain.base}"
    for name in ("\\#lead", "trail\\ ", "nul\\00byte", "new\\0Aline", '\\,\\+\\"\\\\\\<\\>\\;\\=', "\U0001f600", "/"):
        domain.add(f"CN={name},{at}", "container", description="odd")


@change
def zone_in_three_places(domain: Domain) -> None:
    """In the forest's partition, in the system container; names and owners of records."""
    for parent in (f"DC=ForestDnsZones,{domain.base}", domain.system):
        dns = domain.container(f"CN=MicrosoftDNS,{parent}") if parent == domain.system else f"CN=MicrosoftDNS,{parent}"
        zone = domain.add(f"DC=odd.test,{dns}", "dnsZone", managedBy=f"CN=odd-one,OU=Odd,{domain.base}")
        for host in ("@", "*", "_ldap._tcp", "xn--br-mia"):
            domain.add(f"DC={host},{zone}", "dnsNode", dnsRecord=domain.dns_record(5, "www.odd.test"))
        domain.set(f"DC=*,{zone}", dnsRecord=[], dNSTombstoned="TRUE")


@change
def own_server_moved(domain: Domain) -> None:
    """The DC goes to another site."""
    sites = f"CN=Sites,{domain.configuration}"
    site = domain.add(f"CN=Odd-Site,{sites}", "site")
    domain.add(f"CN=Servers,{site}", "serversContainer")
    # named already: else Samba's own topology service writes it, sooner or later
    generator = domain.own_settings
    domain.add(f"CN=NTDS Site Settings,{site}", "nTDSSiteSettings", interSiteTopologyGenerator=generator)
    domain.move(domain.own_settings.partition(",")[2], f"CN=DC1,CN=Servers,{site}")
    domain.set(f"CN=NTDS Settings,CN=DC1,CN=Servers,{site}", options="1")
