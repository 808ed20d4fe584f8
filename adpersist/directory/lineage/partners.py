"""The domain's other DCs, and what they know this one by.

Partners remember how far they have read each DC by its invocationID and USN. A DC that was put back hands out USNs
again that they have read already, and they ignore what it writes under them: it must go on under another invocationID
([MS-ADTS] 3.1.1.1.9, [MS-DRSR] 4.1.10.5).
"""

import struct
from collections.abc import Iterable

from adpersist.directory.ldap.session import RootDse, Session
from adpersist.directory.wire.filters import equals
from adpersist.directory.wire.requests import MODIFY_REPLACE
from adpersist.model.identity.ids import Guid, guid_text

NTDS_SETTINGS = "nTDSDSA"
"""Class of a DC's NTDS Settings object; a read-only DC's is derived from it."""

_LAST_SUCCESS_AT, _LAST_SUCCESS = 16, struct.Struct("<Q")
"""After version, reserved, size and failures; seconds since 1601."""


def partners(session: Session, dse: RootDse, own: Guid) -> frozenset[Guid]:
    """invocationIDs of the DCs that the one with these NTDS Settings knows."""
    settings = equals("objectClass", NTDS_SETTINGS.encode())
    found = session.search(f"CN=Sites,{dse.configuration}", settings, attributes=["objectGUID", "invocationId"])
    others = [entry.attributes for entry in found if Guid(entry.attributes["objectGUID"][0]) != own]
    return frozenset(Guid(each["invocationId"][0]) for each in others if "invocationId" in each)


def last_success(session: Session, contexts: Iterable[str]) -> int:
    """When the DC last took from a partner all that it had, in any naming context: seconds since 1601; 0: never.

    Also where that was nothing. ([MS-ADTS] 3.1.1.1.13, repsFrom, in the form in which Samba keeps it.)
    """
    found = (session.read(nc, attributes=["repsFrom"]).attributes.get("repsFrom", ()) for nc in contexts)
    whole = (blob for blobs in found for blob in blobs if len(blob) >= _LAST_SUCCESS_AT + _LAST_SUCCESS.size)
    times = (_LAST_SUCCESS.unpack_from(blob, _LAST_SUCCESS_AT)[0] for blob in whole)
    return max(times, default=0)


def renew_invocation(session: Session, own: Guid, fresh: Guid) -> None:
    """Go on under another invocationID. Samba takes it on a new connection; its replication service at a restart."""
    session.modify(f"<GUID={guid_text(own)}>", {"invocationId": [(MODIFY_REPLACE, (bytes(fresh),))]})
