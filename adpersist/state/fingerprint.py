"""What is kept of one object to see that it changed: its place, a digest for each attribute, and its links."""

import struct
from collections.abc import Mapping

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import refs, targets

Refs = frozenset[bytes]
PackedLinks = dict[str, tuple[bytes, Refs]]
"""By attribute: the targets of plain references in a row, and the other references."""
Shapes = dict[tuple[str, ...], tuple[str, ...]]


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
        packed_links: PackedLinks | None,
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
        links: Mapping[str, Refs],
        *,
        deleted: bool,
        shapes: Shapes,
    ) -> "Fingerprint":
        """From digests and links by attribute; ``shapes`` has one tuple of names for all objects that have the same."""
        names = _shape(tuple(digests), shapes)
        packed = struct.pack(f"{len(digests)}q", *map(digests.__getitem__, names))
        packed_links = {name: _packed(refs) for name, refs in links.items() if refs}
        return cls(nc, parent, names, packed, packed_links or None, deleted=deleted)

    @property
    def digests(self) -> dict[str, int]:
        """By attribute, the place among them."""
        return dict(zip(self.names, struct.unpack(f"{len(self.names)}q", self.packed_digests), strict=True))

    @property
    def links(self) -> dict[str, Refs]:
        """Link values by attribute, as references."""
        return {name: _unpacked(*packed) for name, packed in self.packed_links.items()} if self.packed_links else {}


NOTHING = Fingerprint("", None, (), b"", None, deleted=False)
"""Of an object that is not there."""


def _shape(found: tuple[str, ...], shapes: Shapes) -> tuple[str, ...]:
    names = shapes.get(found)
    if names is None:
        names = tuple(sorted(found))
        names = shapes[found] = shapes.setdefault(names, names)
    return names


def _packed(links: Refs) -> tuple[bytes, Refs]:
    plain, others = targets(links)
    return plain, frozenset(others)


def _unpacked(plain: bytes, others: Refs) -> Refs:
    return others.union(refs(plain))
