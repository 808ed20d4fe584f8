"""Where an object is, as a row of the index says it. Pure."""

from dataclasses import dataclass
from typing import Final

PLACE: Final = "seq, present, parent, rdn, deleted, born, former"
"""Columns, in the order of the attributes below."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is; numbers stand for objects.

    Attributes:
        seq: The commit that put it there.
        born: The commit that made the object all that it is: what was told of it before does not count.
        former: Where it was before it was deleted.
    """

    seq: int
    present: int
    parent: int | None
    rdn: str
    deleted: int
    born: int
    former: int | None = None

    @property
    def state(self) -> int:
        """How things stand with the object: :data:`GONE`, :data:`ALIVE` or :data:`DELETED`."""
        return (DELETED if self.deleted else ALIVE) if self.present else GONE


GONE: Final = 0
ALIVE: Final = 1
DELETED: Final = 2
