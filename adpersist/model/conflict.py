"""What was written on a DC after it was put back, and before a restore."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adpersist.model.ids import Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Something written on the reverted DC before the restore.

    Attributes:
        guid: Which object.
        dn: Where it is on the DC.
        attributes: What was written; empty when the whole object is unknown to the journal.
        links: Which links were made or taken away, as references; their attributes are among the others.
        replicated: Another DC wrote it, and later than what the journal has: it stays, whatever the policy.
    """

    guid: Guid
    dn: str
    attributes: tuple[str, ...] = ()
    links: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    replicated: bool = False
