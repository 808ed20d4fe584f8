"""The DNS server inside of Samba, which asks for its zones when it starts, and when it hears that one came or went."""

from itertools import chain
from typing import Final

from adpersist.directory.ldap.operations import REFUSALS
from adpersist.directory.ldap.session import RootDse, Session
from adpersist.directory.wire.filters import equals
from adpersist.directory.wire.requests import MODIFY_REPLACE
from adpersist.telemetry import logger

_ZONE: Final = equals("objectClass", b"dnsZone")
_OF_NOBODY: Final = "dnsAllowXFR"
"""Reserved by the schema of dnsZone, which nobody has ever written ([MS-ADA1])."""

log = logger("directory")


def reload_zones(session: Session, dse: RootDse) -> None:
    """Have the DNS server ask again: of what comes from replication, or with rules relaxed, it hears nothing.

    Any other write to a zone over LDAP tells it; this one changes nothing, no stamp either.
    """
    without_zones = dse.schema, dse.configuration
    found = [session.search(nc, _ZONE, attributes=["1.1"]) for nc in dse.contexts if nc not in without_zones]
    for zone in list(chain.from_iterable(found)):
        try:
            session.modify(zone.dn, {_OF_NOBODY: [(MODIFY_REPLACE, ())]})
        except REFUSALS as refused:
            log.warning("zones.not_reloaded", zone=zone.dn, reason=refused.message)  # any other will do
        else:
            return
