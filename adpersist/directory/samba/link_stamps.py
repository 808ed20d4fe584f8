"""Who made a link or took it away, and when: no search over LDAP shows that, only the DC's own database does."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from adpersist.directory.ldap.session import Session
from adpersist.directory.wire.extended_dn import reference
from adpersist.directory.write.engine import NotLocalError, own_database
from adpersist.model.identity.ids import Guid, guid_from_text
from adpersist.model.objects.directory_time import unix_seconds
from adpersist.telemetry import logger

_PART: Final = re.compile(rb"<(RMD_CHANGETIME|RMD_INVOCID)=([^>]*)>")
_TICKS: Final = 10_000_000
"""In a second."""

log = logger("links")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWrite:
    """The last write to a link.

    Attributes:
        time: Unix seconds, whole ones.
        origin: invocationID of the database that wrote.
    """

    time: int
    origin: Guid


LinkWrites = Mapping[str, Mapping[bytes, LinkWrite]]
"""By attribute and reference; links that were taken away are among them."""


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
