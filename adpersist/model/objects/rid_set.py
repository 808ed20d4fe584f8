"""RIDs: the pool a DC hands out from, and the domain's store of pools ([MS-ADTS] 3.1.1.1.11, 3.1.1.5.2.4). Pure."""

from dataclasses import dataclass

from adpersist.model.identity.ids import Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A run of RIDs, both ends included."""

    first: int
    last: int

    @classmethod
    def parse(cls, value: bytes) -> "Pool":
        """From the directory's form: first in the low half, last in the high half of 64 bits."""
        number = int(value)
        return cls(first=number & 0xFFFFFFFF, last=number >> 32 & 0xFFFFFFFF)

    def value(self) -> bytes:
        """The directory's form."""
        return str(self.last << 32 | self.first).encode()

    def __contains__(self, rid: int) -> bool:
        return self.first <= rid <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class RidSet:
    """What the DC hands out, and what the domain still has.

    Attributes:
        guid, dn: The RID Set object.
        last_given: rIDNextRID, which in spite of its name is the RID given out last.
        current: rIDPreviousAllocationPool, the pool RIDs are taken from now.
        following: rIDAllocationPool, the one used next (the same one at first).
        manager, manager_dn: The RID Manager object.
        available: rIDAvailablePool, what no DC has been given yet.
    """

    guid: Guid
    dn: str
    last_given: int
    current: Pool
    following: Pool
    manager: Guid
    manager_dn: str
    available: Pool
