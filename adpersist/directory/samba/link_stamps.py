"""Who made a link or took it away, and when: no search over LDAP shows that, only the DC's own database does."""

import re
from collections.abc import Iterable
from typing import Final

from adpersist.directory.ldap.session import Session
from adpersist.directory.samba.own_database import NotLocalError, own_database
from adpersist.directory.wire.extended_dn import reference
from adpersist.model.identity.ids import Guid, guid_from_text
from adpersist.model.objects.directory_time import unix_seconds
from adpersist.model.objects.link_stamps import LinkWrite, LinkWrites
from adpersist.telemetry import logger

_PART: Final = re.compile(rb"<(RMD_CHANGETIME|RMD_INVOCID)=([^>]*)>")
_TICKS: Final = 10_000_000
"""In a second."""

log = logger("links")


def read_links(session: Session, invocation: Guid, guids: Iterable[Guid]) -> dict[Guid, LinkWrites] | None:
    """The last writes to the links of some objects, those that are there; None: the database cannot be read from here.

    Args:
        session: At the DC.
        invocation: invocationID the DC shows over LDAP.
    """
    try:
        database = own_database(session, invocation)
    except NotLocalError as error:
        log.info("links.unstamped", reason=error.reason)
        return None
    try:
        return {
            guid: {name: dict(map(_write, values)) for name, values in database.links(guid).items()} for guid in guids
        }
    finally:
        database.close()


def _write(value: bytes) -> tuple[bytes, LinkWrite]:
    parts = dict(_PART.findall(value))
    # links from before Windows 2003 have no stamps, [MS-ADTS] 3.1.1.1.9
    time = unix_seconds(int(parts.get(b"RMD_CHANGETIME", 0)) // _TICKS)
    origin = guid_from_text(parts[b"RMD_INVOCID"].decode()) if b"RMD_INVOCID" in parts else Guid(bytes(16))
    return reference(value), LinkWrite(time=time, origin=origin)
