"""What is kept of one object to see that it changed: its place, a digest for each attribute and each link."""

import struct
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Final

from adpersist.model.identity.ids import GUID_BYTES, Guid
from adpersist.model.identity.reference import refs, targets

LinkDigests = Mapping[bytes, int]
"""By reference: the digest of its stamp; :data:`UNKNOWN` where nobody knows one."""
PackedLinks = tuple[bytes, bytes, LinkDigests]
"""The targets of plain references in a row; 8 bytes for each, or nothing where none is known; the other references."""
AllPackedLinks = Mapping[tuple[str, bool], PackedLinks]
"""By attribute, and whether they are there or were taken away."""
Shapes = dict[tuple[str, ...], tuple[str, ...]]

UNKNOWN: Final = 0
_NONE: Final[LinkDigests] = {}


class Fingerprint:
    """One object.

    Attributes:
        nc: DN of its naming context.
        parent: Its container; None for a root.
        names: Its attributes, the place among them, in their order.
        packed_digests: 8 bytes for each of them.
        packed_links: None for no links.
        deleted: It is a tombstone.
    """

    __slots__ = ("deleted", "names", "nc", "packed_digests", "packed_links", "parent")

    def __init__(
        self,
        nc: str,
        parent: Guid | None,
        names: tuple[str, ...],
        packed_digests: bytes,
        packed_links: AllPackedLinks | None,
        *,
        deleted: bool,
    ) -> None:
        self.nc = nc
        self.parent = parent
        self.names = names
        self.packed_digests = packed_digests
        self.packed_links = packed_links
        self.deleted = deleted

    @classmethod
    def of(
        cls,
        nc: str,
        parent: Guid | None,
        digests: Mapping[str, int],
        packed_links: AllPackedLinks | None,
        *,
        deleted: bool,
        shapes: Shapes,
    ) -> "Fingerprint":
        """From digests by attribute; ``shapes`` has one tuple of names for all objects that have the same."""
        names = shape(tuple(digests), shapes)
        packed = struct.pack(f"{len(digests)}q", *map(digests.__getitem__, names))
        return cls(nc, parent, names, packed, packed_links or None, deleted=deleted)

    @property
    def digests(self) -> dict[str, int]:
        """By attribute, the place among them."""
        return dict(zip(self.names, struct.unpack(f"{len(self.names)}q", self.packed_digests), strict=True))

    @property
    def linked(self) -> Sequence[str]:
        """Attributes that have links, or had some that are remembered."""
        return list(dict.fromkeys(name for name, _ in self.packed_links or ()))

    def links(self, name: str, *, present: bool = True) -> LinkDigests:
        """The links of an attribute that are there, or those that were taken away."""
        found = (self.packed_links or {}).get((name, present))
        return unpacked(*found) if found is not None else _NONE


NOTHING: Final = Fingerprint("", None, (), b"", None, deleted=False)
"""Of an object that is not there."""


def shape(found: tuple[str, ...], shapes: Shapes) -> tuple[str, ...]:
    """The names in their order, one tuple for all that have the same."""
    names = shapes.get(found)
    if names is None:
        names = tuple(sorted(found))
        names = shapes[found] = shapes.setdefault(names, names)
    return names


def packed(links: LinkDigests) -> PackedLinks:
    """Links in as little room as they take."""
    plain, others = targets(links)
    odd = {other: links[other] for other in others}
    digests = [digest for link, digest in links.items() if link not in odd] if odd else links.values()
    return plain, struct.pack(f"{len(digests)}q", *digests) if any(digests) else b"", odd


def unpacked(plain: bytes, digests: bytes, odd: LinkDigests) -> dict[bytes, int]:
    """The reverse of :func:`packed`."""
    count = len(plain) // GUID_BYTES
    known = struct.unpack(f"{count}q", digests) if digests else repeat(UNKNOWN, count)
    return {**dict(zip(refs(plain), known, strict=True)), **odd}
