"""A naming context that comes; made in the files of a stopped DC, as Samba's own tools do it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from tests.integration.workload.register import change

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

_CONTAINERS: Final = (
    ("Deleted Objects", "container", "18E2EA80684F11D2B9AA00C04F79F805"),
    ("LostAndFound", "lostAndFound", "AB8153B7768811D1ADED00C04FD8D5CD"),
    ("Infrastructure", "infrastructureUpdate", "2FBAC1870ADE11D297C400C04FD8D5CD"),
    ("NTDS Quotas", "msDS-QuotaContainer", "6227F0AF1FC2410D8E3BB10615BB5B0F"),
)
"""Of every partition: name, class, and the GUID it is known by ([MS-ADTS] 6.1.1.4)."""


@change
def partition_of_its_own(domain: Domain) -> None:
    """An application partition that the image has nothing of, with links into the domain and from the configuration."""
    root, settings = f"DC=apps,{domain.base}", domain.own_settings
    critical: dict[str, Any] = {"isCriticalSystemObject": "TRUE", "systemFlags": "-1946157056"}
    with domain.at_once():
        domain.add(root, "domainDNS", instanceType="13", description="of an application")
        for name, kind, _ in _CONTAINERS:
            own = critical | ({"isDeleted": "TRUE"} if name == "Deleted Objects" else {})
            domain.add(f"CN={name},{root}", kind, relax=True, **own)
        known = [f"B:32:{key}:CN={name},{root}" for name, _, key in _CONTAINERS]
        domain.give(root, relax=True, wellKnownObjects=known)
        domain.set(f"CN=Infrastructure,{root}", fSMORoleOwner=settings)
        domain.add(
            f"CN={uuid.UUID(int=13)},CN=Partitions,{domain.configuration}", "crossRef", relax=True, nCName=root,
            dnsRoot=f"apps.{domain.dns_domain}", systemFlags="5", msDS_NC_Replica_Locations=settings,
        )  # fmt: skip
        domain.link(settings, root, attribute="msDS-hasMasterNCs")
        domain.link(settings, f"B:8:0000000D:{root}", attribute="msDS-HasInstantiatedNCs")
    at = domain.add(f"OU=Apps,{root}", "organizationalUnit", managedBy=f"CN=Administrator,{domain.users}")
    domain.add(f"CN=thing,{at}", "container", description="in a partition of its own")
    for number in range(6):  # each may come in before the container it lies in then
        domain.delete(domain.add(f"CN=gone-{number},{at}", "container"))
