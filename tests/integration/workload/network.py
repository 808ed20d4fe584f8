"""Sites, subnets, links between sites, and DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

A, CNAME, TXT = 1, 5, 16


def _zone(domain: Domain, name: str, partition: str = "DomainDnsZones") -> str:
    return f"DC={name},CN=MicrosoftDNS,DC={partition},{domain.base}"


@image
def network_of_the_image(domain: Domain) -> None:
    """A site, and zones with records."""
    domain.add(f"CN=Bonn,CN=Sites,{domain.configuration}", "site")
    for name in ("doomed.test", "replaced.test", "changed.test"):
        zone = domain.add(
            _zone(domain, name), "dnsZone", dNSProperty=bytes.fromhex("0100000000000000000000000100000000000000")
        )
        for host in ("@", "www", "mail"):
            domain.add(f"DC={host},{zone}", "dnsNode", dnsRecord=domain.dns_record(A, "10.0.0.1"))


@change
def sites_subnets_and_links(domain: Domain) -> None:
    """New ones, in the configuration."""
    sites = f"CN=Sites,{domain.configuration}"
    berlin = domain.add(f"CN=Berlin,{sites}", "site")
    domain.add(f"CN=Servers,{berlin}", "serversContainer")
    domain.add(f"CN=NTDS Site Settings,{berlin}", "nTDSSiteSettings", options="1")
    domain.add(f"CN=10.1.0.0/16,CN=Subnets,{sites}", "subnet", siteObject=berlin)
    domain.add(
        f"CN=link1,CN=IP,CN=Inter-Site Transports,{sites}", "siteLink", cost="100", replInterval="180",
        siteList=[berlin, f"CN=Default-First-Site-Name,{sites}"], schedule=bytes(188),
    )  # fmt: skip


@change
def site_of_the_image_renamed(domain: Domain) -> None:
    """With a subnet that moved to it."""
    sites = f"CN=Sites,{domain.configuration}"
    domain.add(f"CN=10.2.0.0/16,CN=Subnets,{sites}", "subnet", siteObject=f"CN=Bonn,{sites}")
    domain.move(f"CN=Bonn,{sites}", f"CN=Bonn-Beuel,{sites}")


@change
def zone_and_records(domain: Domain) -> None:
    """In both application partitions; several records on a name, a tombstoned one."""
    for partition in ("DomainDnsZones", "ForestDnsZones"):
        zone = domain.add(_zone(domain, "new.test", partition), "dnsZone")
        records = [domain.dns_record(A, f"10.0.0.{number}") for number in range(1, 9)]
        domain.add(f"DC=www,{zone}", "dnsNode", dnsRecord=records)
        domain.add(f"DC=alias,{zone}", "dnsNode", dnsRecord=domain.dns_record(CNAME, "www.new.test"))
        domain.add(f"DC=*,{zone}", "dnsNode", dnsRecord=domain.dns_record(A, "10.9.9.9"))
        domain.add(f"DC=gone,{zone}", "dnsNode", dnsRecord=records[0], dNSTombstoned="TRUE")
        domain.add(f"DC={'l' * 63}.{'m' * 63}.{'n' * 63},{zone}", "dnsNode", dnsRecord=records[0])


@change
def records_of_the_image_changed(domain: Domain) -> None:
    """Another address, one name gone, one more."""
    zone = _zone(domain, "changed.test")
    domain.set(f"DC=www,{zone}", dnsRecord=[domain.dns_record(A, "10.0.0.2"), domain.dns_record(A, "10.0.0.3")])
    domain.delete(f"DC=mail,{zone}")
    domain.add(f"DC=ftp,{zone}", "dnsNode", dnsRecord=domain.dns_record(A, "10.0.0.4"))


@change
def zone_deleted(domain: Domain) -> None:
    """With its records."""
    domain.delete(_zone(domain, "doomed.test"), subtree=True)


@change
def zone_deleted_and_made_again(domain: Domain) -> None:
    """Under the same name, with other records."""
    zone = _zone(domain, "replaced.test")
    domain.delete(zone, subtree=True)
    domain.add(zone, "dnsZone")
    for host in ("@", "new"):
        domain.add(f"DC={host},{zone}", "dnsNode", dnsRecord=domain.dns_record(A, "10.0.0.7"))
