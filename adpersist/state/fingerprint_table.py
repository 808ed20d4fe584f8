"""Traces in one piece of memory: as objects of Python's they take twice as much, and leave as much between them."""

import struct
from array import array
from collections.abc import Iterator, Mapping
from typing import Final, Generic, Protocol, TypeVar

from adpersist.model.identity.ids import GUID_BYTES, Guid
from adpersist.state.fingerprint import Fingerprint, LinkDigests, PackedLinks

T = TypeVar("T")

_HEAD: Final = struct.Struct("<16sIIHHB")
"""objectGUID; numbers of container, attributes and naming context; how many rows of links; whether it is deleted."""
_LINKS: Final = struct.Struct("<HBI")
"""Number of the attribute, whether they are there, have digests and lie apart, how many plain targets follow."""
_PRESENT: Final = 1
_DIGESTS: Final = 2
_APART: Final = 4
_LARGE: Final = 1 << 14
"""Bytes of links of one attribute: more of them lie apart, so that a large group that changes often leaves no holes."""
_DIGEST: Final = struct.Struct("q")
_DIGEST_BYTES: Final = _DIGEST.size
_FEWEST_SLOTS: Final = 1 << 14
_FREE: Final = 0
_GONE: Final = 1
"""In a slot: what was found here is gone, look on. Larger numbers tell where a row begins: see :func:`_start`."""
_UNIT: Final = 8
"""Rows begin at multiples of it: slots of four bytes reach 32 GB of them."""


class Rows(Protocol):
    """Bytes one behind the other: the place of a row is how many lie before it."""

    def __len__(self) -> int: ...

    def anew(self) -> "Rows":
        """Others of this kind, empty."""

    def add(self, row: bytes | bytearray) -> None:
        """Put a row behind all others."""

    def read(self, place: int, size: int) -> bytes:
        """So many bytes."""

    def write(self, place: int, content: bytes) -> None:
        """Put other bytes in the place of as many."""


class RowsInMemory:
    """Implements :class:`Rows`."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __len__(self) -> int:
        return len(self._bytes)

    def anew(self) -> "RowsInMemory":
        return RowsInMemory()

    def add(self, row: bytes | bytearray) -> None:
        self._bytes += row

    def read(self, place: int, size: int) -> bytes:
        return bytes(self._bytes[place : place + size])

    def write(self, place: int, content: bytes) -> None:
        self._bytes[place : place + len(content)] = content


class FingerprintTable:
    """Traces by objectGUID: rows one behind the other, and a table of open addresses that says where each begins.

    Args:
        rows: Where the rows lie; empty. None: in memory.
    """

    def __init__(self, rows: Rows | None = None) -> None:
        self._containers = _Numbers[Guid | None]()
        self._shapes = _Numbers[tuple[str, ...]]()
        self._contexts = _Numbers[str]()
        self._names = _Numbers[str]()
        self._rows: Rows = rows if rows is not None else RowsInMemory()
        self._odd: dict[int, dict[tuple[str, bool], LinkDigests]] = {}
        """References that are more than a target, by row and attribute."""
        self._apart: dict[int, dict[tuple[str, bool], tuple[bytes, bytes]]] = {}
        """Targets and digests of many links, by row and attribute."""
        self._slots = _slots(_FEWEST_SLOTS)
        self._count = self._used = self._dead = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Guid]:
        for found in self._slots:
            if found > _GONE:
                yield self._guid(_start(found))

    def __contains__(self, guid: object) -> bool:
        return isinstance(guid, bytes) and self._slots[self._slot(Guid(guid))] > _GONE

    def find(self, guid: Guid) -> Fingerprint | None:
        """The fingerprint; None: there is none."""
        found = self._slots[self._slot(guid)]
        return self._read(_start(found)) if found > _GONE else None

    def put(self, guid: Guid, fingerprint: Fingerprint) -> None:
        """Set a fingerprint."""
        slot = self._slot(guid)
        if self._slots[slot] > _GONE:
            self._forget(_start(self._slots[slot]))
        else:
            self._used += self._slots[slot] == _FREE
            self._count += 1
        self._slots[slot] = len(self._rows) // _UNIT + 2
        self._write(guid, fingerprint)
        if self._dead > self._count + _FEWEST_SLOTS:
            self._compact()
        elif 2 * self._used > len(self._slots):
            self._grow()

    def revise(self, guid: Guid, nc: str, digests: Mapping[str, int]) -> bool:
        """Set digests of an object in place; False, and nothing is set: it is not there, or not so.

        Args:
            guid: The object.
            nc: What its naming context is.
            digests: By attribute, of such as have one.
        """
        found = self._slots[self._slot(guid)]
        if found <= _GONE:
            return False
        start = _start(found)
        _, _, shape, context, _, _ = self._head(start)
        names = self._shapes[shape]
        if self._contexts[context] != nc or not all(map(names.__contains__, digests)):
            return False
        for name, digest in digests.items():
            self._rows.write(start + _HEAD.size + _DIGEST_BYTES * names.index(name), _DIGEST.pack(digest))
        return True

    def remove(self, guid: Guid) -> None:
        """Forget a fingerprint, if there is one."""
        slot = self._slot(guid)
        if self._slots[slot] > _GONE:
            self._forget(_start(self._slots[slot]))
            self._slots[slot] = _GONE
            self._count -= 1

    def _forget(self, start: int) -> None:
        self._dead += 1
        self._odd.pop(start, None)
        self._apart.pop(start, None)

    def _slot(self, guid: Guid) -> int:
        """Where its number stands, or is to stand."""
        slots, read = self._slots, self._rows.read
        mask = len(slots) - 1
        slot = hash(guid) & mask
        gone = -1
        while found := slots[slot]:
            if found == _GONE:
                gone = slot if gone < 0 else gone
            elif read(_start(found), GUID_BYTES) == guid:
                return slot
            slot = (slot + 1) & mask
        return slot if gone < 0 else gone

    def _grow(self) -> None:
        before, self._slots = self._slots, _slots(max(_FEWEST_SLOTS, 4 * self._count))
        for found in before:
            if found > _GONE:
                self._slots[self._slot(self._guid(_start(found)))] = found
        self._used = self._count

    def _compact(self) -> None:
        fresh = FingerprintTable(self._rows.anew())
        for guid in self:
            fingerprint = self.find(guid)
            if fingerprint is not None:
                fresh.put(guid, fingerprint)
        vars(self).update(vars(fresh))

    def _guid(self, start: int) -> Guid:
        return Guid(self._rows.read(start, GUID_BYTES))

    def _head(self, start: int) -> tuple[bytes, int, int, int, int, int]:
        return _HEAD.unpack(self._rows.read(start, _HEAD.size))

    def _write(self, guid: Guid, fingerprint: Fingerprint) -> None:
        start = len(self._rows)
        parent, shape = self._containers.of(fingerprint.parent), self._shapes.of(fingerprint.names)
        links = fingerprint.packed_links or {}
        nc = self._contexts.of(fingerprint.nc)
        row = bytearray(_HEAD.pack(guid, parent, shape, nc, len(links), fingerprint.deleted))
        row += fingerprint.packed_digests
        for (name, present), (plain, digests, odd) in links.items():
            is_large = len(plain) + len(digests) > _LARGE
            flags = _PRESENT * present | _DIGESTS * bool(digests) | _APART * is_large
            row += _LINKS.pack(self._names.of(name), flags, len(plain) // GUID_BYTES)
            if is_large:
                self._apart.setdefault(start, {})[name, present] = plain, digests
            else:
                row += plain
                row += digests
            if odd:
                self._odd.setdefault(start, {})[name, present] = odd
        self._rows.add(row.ljust(-(-len(row) // _UNIT) * _UNIT, b"\0"))

    def _read(self, start: int) -> Fingerprint:
        _, parent, shape, nc, count, deleted = self._head(start)
        names = self._shapes[shape]
        digests, at = self._bytes(start + _HEAD.size, _DIGEST_BYTES * len(names))
        links: dict[tuple[str, bool], PackedLinks] = {}
        for _ in range(count):
            number, flags, targets = _LINKS.unpack(self._rows.read(at, _LINKS.size))
            key = name, present = self._names[number], flags & _PRESENT > 0
            if flags & _APART:
                at += _LINKS.size
                plain, known = self._apart[start][key]
            else:
                plain, at = self._bytes(at + _LINKS.size, GUID_BYTES * targets)
                known, at = self._bytes(at, _DIGEST_BYTES * targets if flags & _DIGESTS else 0)
            links[name, present] = plain, known, self._odd.get(start, {}).get(key, {})
        return Fingerprint(
            self._contexts[nc], self._containers[parent], names, digests, links or None, deleted=deleted > 0
        )

    def _bytes(self, at: int, size: int) -> tuple[bytes, int]:
        """So many bytes, and where they end."""
        return self._rows.read(at, size), at + size


def _slots(least: int) -> "array[int]":
    return array("I", bytes(4 << (least - 1).bit_length()))


def _start(found: int) -> int:
    """Where the row begins that a slot tells of."""
    return (found - 2) * _UNIT


class _Numbers(Generic[T]):
    """Values that many share, each kept once and called by its number."""

    def __init__(self) -> None:
        self._values: list[T] = []
        self._numbers: dict[T, int] = {}

    def __getitem__(self, number: int) -> T:
        return self._values[number]

    def of(self, value: T) -> int:
        """The value's number."""
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self._values)
            self._values.append(value)
        return number
