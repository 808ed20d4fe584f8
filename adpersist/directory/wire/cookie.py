"""The DirSync cookie, as far as it can be read.

The cookie is opaque by contract; Windows and Samba both begin it alike, and its USN is evidence: a cookie that goes
backwards means that the database did. Layout after the "MSDS" mark: version (4), time (8), two words (4 each), length
of the vector (4), then the high-water mark: three USNs of 8 bytes, the last of them "highest". Source: samba
librpc/idl/drsblobs.idl (ldapControlDirSyncCookie).
"""

import struct

from adpersist.model.ids import Usn


def cookie_usn(cookie: bytes) -> Usn | None:
    """The USN up to which the cookie's owner has seen; None when the cookie has another form."""
    if len(cookie) < 52 or cookie[:4] != b"MSDS":
        return None
    return Usn(struct.unpack_from("<Q", cookie, 44)[0])
