"""What separates a DC from a journal, line by line, as people and scripts read it."""

from dataclasses import dataclass
from typing import Final

from adpersist.model.identity.ids import Guid

FILE: Final = "file"
"""The kind of what lies beside the directory: a file of SYSVOL, an entry of a local database."""

STAMP: Final = "stamp"
"""The kind of what has the same value and another history; also of links taken away that the DC does not remember."""

TOMBSTONE: Final = "tombstone"
"""The kind of a deleted object of which the DC keeps no trace, or another one, because it refused it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One line of ``verify``, or of what a restore could not close.

    Attributes:
        guid: Which object; of a ``file`` sixteen zeros.
        dn: Its name, in the journal if it is there, else on the DC; of a ``file`` its place and path.
        attribute: lDAPDisplayName; empty when the whole object differs.
        kind: ``missing``, ``extra``, ``deleted``, ``moved``, ``value``, ``link``, ``stamp`` (the value is the
            same, but not who wrote it when, nor how often it was written; or a link that was taken away is not
            remembered), ``tombstone`` (what is left of a deleted object was refused) or ``file``.
        gives_more: Somebody may do more on the DC than the journal says: an account lives or logs in, a password is an
            old one, a member or a right is left.
        reason: What the DC said when this was to be closed; empty when it was not asked, or said nothing.
    """

    guid: Guid
    dn: str
    attribute: str
    kind: str
    gives_more: bool = False
    reason: str = ""
