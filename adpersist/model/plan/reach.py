"""What a session at a DC can do, as far as a plan must know it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a session reaches.

    Attributes:
        unseen: Attributes it cannot read: nothing is known of them, so they are not compared.
        unwritable: Attributes it can read and not change.
        not_at_birth: Attributes it cannot create an object with.
        gives_identities: It can create an object under a given objectGUID and objectSid, and with a password's hash.
    """

    unseen: frozenset[str] = frozenset()
    unwritable: frozenset[str] = frozenset()
    not_at_birth: frozenset[str] = frozenset()
    gives_identities: bool = True


EVERYWHERE: Final = Reach()
"""The privileged socket's."""
