"""Who may do what, out of a security descriptor. Pure; rights [MS-ADTS] 5.1.3.2."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adpersist.reading.text.descriptor import ALLOWED, INHERIT_ONLY, entries

CONTROL_ACCESS: Final = 0x100
"""ADS_RIGHT_DS_CONTROL_ACCESS."""
GENERIC_ALL: Final = 0x1000_0000
REPLICATION: Final = {
    "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2": "Get-Changes",
    "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2": "Get-Changes-All",
    "89e95b76-444d-4c62-991a-0facbeda640c": "Get-Changes-In-Filtered-Set",
}
"""Rights to read everything by replication, passwords included ([MS-ADTS] 5.1.3.2.1)."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry that allows.

    Attributes:
        trustee: SID.
        mask: Rights.
        object_type: GUID of what it is limited to; empty: nothing.
    """

    trustee: str
    mask: int
    object_type: str


def allowed(descriptor: bytes) -> Iterator[Allowed]:
    """What the object itself allows whom, inherited entries too.

    Raises:
        ValueError: It is no descriptor.
    """
    for each in entries(descriptor):
        if each.kind == ALLOWED and not each.flags & INHERIT_ONLY:
            yield Allowed(each.trustee, each.mask, each.object_type)


def replicators(descriptor: bytes) -> frozenset[tuple[str, str]]:
    """Who may read everything by replication, and by which right. Raises: ValueError."""
    found = set()
    for each in allowed(descriptor):
        if each.mask & GENERIC_ALL or (each.mask & CONTROL_ACCESS and not each.object_type):
            found.add((each.trustee, "all extended rights"))
        elif each.mask & CONTROL_ACCESS and each.object_type in REPLICATION:
            found.add((each.trustee, REPLICATION[each.object_type]))
    return frozenset(found)
