"""replPropertyMetaData: who wrote each attribute last, and when.

Layout: version (4, =1), reserved (4), count (4), reserved (4), then ``count`` entries of 48 bytes: attribute id (4),
version (4), originating time (8, seconds since 1601), originating invocationID (16), originating USN (8) and local USN
(8).
Source: [MS-DRSR] PROPERTY_META_DATA_EXT_VECTOR; samba librpc/idl/drsblobs.idl (replPropertyMetaDataBlob).
"""

import struct
from collections.abc import Iterator

from adpersist.errors import DirectoryError
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.stamps import EVER, Written

_HEADER = struct.Struct("<IIII")
_ENTRY = struct.Struct("<IIq16sQQ")


def parse_replmeta(blob: bytes, *, after: Usn = EVER) -> Iterator[Written]:
    """The entries of one replPropertyMetaData value, those this database wrote after a USN.

    Raises:
        DirectoryError: The value is not of version 1 or is cut short.
    """
    if len(blob) < _HEADER.size:
        raise DirectoryError(f"replPropertyMetaData of {len(blob)} bytes is cut short")
    version, _, count, _ = _HEADER.unpack_from(blob)
    if version != 1 or len(blob) < _HEADER.size + count * _ENTRY.size:
        raise DirectoryError(f"replPropertyMetaData of version {version} with {count} entries cannot be read")
    for offset in range(_HEADER.size, _HEADER.size + count * _ENTRY.size, _ENTRY.size):
        attid, writes, time, origin, usn, local_usn = _ENTRY.unpack_from(blob, offset)
        if local_usn <= after:
            continue
        yield Written(
            attid=attid,
            stamp=Stamp(version=writes, time=max(time, 0), origin=Guid(origin), usn=Usn(usn)),
            local_usn=Usn(local_usn),
        )
