"""The DirSync cookie, as far as it can be read, and one for any position of a DC.

The cookie is opaque by contract; Windows and Samba both begin it alike, and its USN is evidence: a cookie that goes
backwards means that the database did. Layout after the "MSDS" mark: version (4), time (8), two words (4 each), length
of the vector (4), then the high-water mark: three USNs of 8 bytes, the last of them "highest"; the invocationID whose
USNs they are (16); and the vector: version, zero, count, zero (4 each), then an invocationID and a USN for each
database whose writes are known up to there. Source: samba librpc/idl/drsblobs.idl (ldapControlDirSyncCookie) and
drsuapi.idl (replUpToDateVectorCtr1).
"""

import struct
from typing import Final

from adpersist.model.identity.ids import Guid, Usn

_HEAD: Final = struct.Struct("<4sIQIIIQQQ16s")
_VECTOR: Final = struct.Struct("<IIII16sQ")
_VERSION: Final = 3


def cookie_usn(cookie: bytes) -> Usn | None:
    """The USN up to which the cookie's owner has seen; None when the cookie has another form."""
    if len(cookie) < 52 or cookie[:4] != b"MSDS":
        return None
    return Usn(struct.unpack_from("<Q", cookie, 44)[0])


def cookie_at(usn: Usn, invocation: Guid) -> bytes:
    """The cookie of somebody who has seen a DC's writes up to a USN, and of other DCs' what they told it until then."""
    head = _HEAD.pack(b"MSDS", _VERSION, 0, 0, 0, _VECTOR.size, usn, 0, usn, invocation)
    return head + _VECTOR.pack(1, 0, 1, 0, invocation, usn)
