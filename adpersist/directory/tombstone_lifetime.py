"""How long the directory remembers what was deleted."""

from typing import Final

from adpersist.directory.ldap.session import RootDse, Session

_ATTRIBUTE: Final = "tombstoneLifetime"
_DEFAULT_DAYS: Final = 60
"""Where the attribute has no value, [MS-ADTS] 6.1.1.2.4.1.1."""


def tombstone_days(session: Session, dse: RootDse) -> int:
    """tombstoneLifetime of the forest."""
    service = f"CN=Directory Service,CN=Windows NT,CN=Services,{dse.configuration}"
    values = session.read(service, attributes=[_ATTRIBUTE]).attributes.get(_ATTRIBUTE, ())
    return int(values[0]) if values else _DEFAULT_DAYS
