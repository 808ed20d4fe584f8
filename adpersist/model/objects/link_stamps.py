"""Who made a link or took it away, and when. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from adpersist.model.identity.ids import Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWrite:
    """The last write to a link.

    Attributes:
        time: Unix seconds, whole ones.
        origin: invocationID of the database that wrote.
    """

    time: int
    origin: Guid


LinkWrites = Mapping[str, Mapping[bytes, LinkWrite]]
"""By attribute and reference; links that were taken away are among them."""
