"""replPropertyMetaData: who wrote each attribute last, and when.

Layout: version (4, =1), reserved (4), count (4), reserved (4), then ``count`` entries of 48 bytes: attribute id (4),
version (4), originating time (8, seconds since 1601), originating invocationID (16), originating USN (8) and local USN
(8).
Source: [MS-DRSR] PROPERTY_META_DATA_EXT_VECTOR; samba librpc/idl/drsblobs.idl (replPropertyMetaDataBlob).
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from adpersist.errors import DirectoryError
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.rows.stamp_row import Write
from adpersist.model.objects.stamps import EVER, Written

_HEADER = struct.Struct("<IIII")
_ENTRY = struct.Struct("<IIq16sQQ")
_WRITE = struct.Struct("<I36sQ")
"""The same, with what replication compares in one piece."""


class PackedWrites(NamedTuple):
    """The entries of one value, in columns, and each stamp as it is kept by the hundred thousand.

    Attributes:
        attids: Attribute ids.
        writes: Their stamps.
        usns: Local USNs.
    """

    attids: tuple[int, ...] = ()
    writes: tuple[Write, ...] = ()
    usns: tuple[int, ...] = ()

    def through(self, usn: Usn) -> "PackedWrites":
        """Those that this database wrote up to a USN."""
        kept = [each for each in zip(*self, strict=True) if each[-1] <= usn]
        return PackedWrites(*zip(*kept, strict=True))


def packed_writes(blob: bytes) -> PackedWrites:
    """The entries of one replPropertyMetaData value.

    Raises:
        DirectoryError: As :func:`parse_replmeta`.
    """
    entries = _entries(blob)
    return PackedWrites(*zip(*_WRITE.iter_unpack(memoryview(blob)[entries.start : entries.stop]), strict=True))


def parse_replmeta(blob: bytes, *, after: Usn = EVER) -> Iterator[Written]:
    """The entries of one replPropertyMetaData value, those this database wrote after a USN.

    Raises:
        DirectoryError: The value is not of version 1 or is cut short.
    """
    for offset in _entries(blob):
        attid, writes, time, origin, usn, local_usn = _ENTRY.unpack_from(blob, offset)
        if local_usn <= after:
            continue
        yield Written(
            attid=attid,
            stamp=Stamp(version=writes, time=max(time, 0), origin=Guid(origin), usn=Usn(usn)),
            local_usn=Usn(local_usn),
        )


def restamped(blob: bytes, stamps: Mapping[int, tuple[Stamp | None, Stamp]]) -> bytes:
    """The value with other stamps; local USNs stay, and what had no stamp has the newest of the others'.

    Args:
        stamps: By attribute id the write that is there, None for none, and whose stamp it is to have; another write
            keeps its own.

    Raises: as :func:`parse_replmeta`.
    """
    found = {entry[0]: entry for entry in (_ENTRY.unpack_from(blob, offset) for offset in _entries(blob))}
    newest = max((local_usn for *_, local_usn in found.values()), default=0)
    new = dict(found)
    for attid, (had, stamp) in stamps.items():
        if _is_seen(found.get(attid), had):
            local_usn = found[attid][-1] if attid in found else newest
            new[attid] = attid, stamp.version, stamp.time, bytes(stamp.origin), stamp.usn, local_usn
    # in the order of their ids, as Samba wants them
    entries = [_ENTRY.pack(*new[attid]) for attid in (sorted(new) if new.keys() != found.keys() else new)]
    version, reserved, _, more = _HEADER.unpack_from(blob)
    return _HEADER.pack(version, reserved, len(entries), more) + b"".join(entries)


def _is_seen(entry: tuple[int, int, int, bytes, int, int] | None, had: Stamp | None) -> bool:
    """There is the write that was seen, or there is none, as was seen."""
    if entry is None or had is None:
        return entry is None and had is None
    _, version, time, origin, usn, _ = entry
    return had.is_same_write(Stamp(version=version, time=max(time, 0), origin=Guid(origin), usn=Usn(usn)))


def _entries(blob: bytes) -> range:
    """Where the entries begin."""
    if len(blob) < _HEADER.size:
        raise DirectoryError(f"replPropertyMetaData of {len(blob)} bytes is cut short")
    version, _, count, _ = _HEADER.unpack_from(blob)
    end = _HEADER.size + count * _ENTRY.size
    if version != 1 or len(blob) < end:
        raise DirectoryError(f"replPropertyMetaData of version {version} with {count} entries cannot be read")
    return range(_HEADER.size, end, _ENTRY.size)
