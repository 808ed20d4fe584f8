"""The schema's prefix map: attribute ids (ATTRTYP) from OIDs.

An attribute id is a prefix number in its high half and the last arc of the OID in its low half ([MS-ADTS] 3.1.1.2.6;
[MS-DRSR] 5.16.4, MakeAttid). Samba keeps the map in ``prefixMap`` of the schema's root: "DSDB", reserved (4), count
(4), pointer (4), count (4), then ``count`` times prefix number, length and pointer (4 each), then the OIDs, each with
its length (4) and padded to 4. Source: samba librpc/idl/drsblobs.idl (prefixMapBlob).
"""

import struct

from adpersist.errors import DirectoryError

PrefixMap = dict[bytes, int]


def parse_prefix_map(blob: bytes) -> PrefixMap:
    """BER-encoded OID prefix -> prefix number.

    Raises:
        DirectoryError: The value is cut short or of another kind.
    """
    try:
        if struct.unpack_from("<I", blob)[0] != 0x44534442:
            raise DirectoryError("the schema's prefixMap is of an unknown kind")
        count = struct.unpack_from("<I", blob, 8)[0]
        offset = 20 + 12 * count
        numbers = [struct.unpack_from("<I", blob, 20 + 12 * index)[0] for index in range(count)]
        prefixes: PrefixMap = {}
        for number in numbers:
            size = struct.unpack_from("<I", blob, offset)[0]
            oid = blob[offset + 4 : offset + 4 + size]
            if len(oid) != size:
                raise DirectoryError("the schema's prefixMap is cut short")
            prefixes[oid] = number
            offset += 4 + size + (-size % 4)
    except struct.error as error:
        raise DirectoryError("the schema's prefixMap is cut short") from error
    return prefixes


def attid(oid: str, prefixes: PrefixMap) -> int | None:
    """The attribute id of an OID; None when the map does not know its prefix."""
    arcs = [int(arc) for arc in oid.split(".")]
    encoded = bytearray([arcs[0] * 40 + arcs[1]])
    for arc in arcs[2:]:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        encoded += bytes(reversed(digits))
    last = arcs[-1]
    prefix = bytes(encoded[:-1] if last < 128 else encoded[:-2])
    number = prefixes.get(prefix)
    if number is None:
        return None
    low = last % 16384 + (32768 if last >= 16384 else 0)
    return number << 16 | low
