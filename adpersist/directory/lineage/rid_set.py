"""The DC's RIDs: the pool it hands out from, and the domain's store of pools ([MS-ADTS] 3.1.1.1.11, 3.1.1.5.2.4)."""

from typing import Final

from adpersist.directory.exemptions import own_computer
from adpersist.directory.ldap.session import RootDse, Session
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.rid_set import Pool, RidSet

_NO_POOL: Final = Pool(first=0, last=0)
"""Where no RID was given out yet: Samba writes it so for a DC that has just joined."""


def read_rids(session: Session, dse: RootDse, server: Guid) -> RidSet | None:
    """The RID set of the DC with these NTDS Settings, as it is; None while the DC has none yet."""
    computer = session.read(own_computer(session, server), attributes=["rIDSetReferences"]).attributes
    references = computer.get("rIDSetReferences", ())
    if not references:
        return None
    dn = references[0].decode()
    wanted = ("objectGUID", "rIDNextRID", "rIDPreviousAllocationPool", "rIDAllocationPool")
    found = session.read(dn, attributes=wanted).attributes
    manager_dn = f"CN=RID Manager$,CN=System,{dse.domain}"
    manager = session.read(manager_dn, attributes=["objectGUID", "rIDAvailablePool"]).attributes
    following = Pool.parse(found["rIDAllocationPool"][0])
    # neither is there before the first RID has been given out
    current = Pool.parse(found["rIDPreviousAllocationPool"][0]) if "rIDPreviousAllocationPool" in found else _NO_POOL
    return RidSet(
        guid=Guid(found["objectGUID"][0]),
        dn=dn,
        last_given=int(found["rIDNextRID"][0]) if "rIDNextRID" in found else 0,
        current=current,
        following=following,
        manager=Guid(manager["objectGUID"][0]),
        manager_dn=manager_dn,
        available=Pool.parse(manager["rIDAvailablePool"][0]),
    )
