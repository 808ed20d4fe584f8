"""What can be written to a DC, one operation at a time: over LDAP, or into its own database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from adpersist.directory.wire.controls import Control
from adpersist.directory.wire.requests import Modifications
from adpersist.errors import NoSuchEntryError, WriteRefusedError
from adpersist.model.objects.change import Values

NO_SUCH_OBJECT: Final = 32
"""noSuchObject, [RFC4511] 4.1.9; a local database uses the same codes."""


WriteResult = WriteRefusedError | NoSuchEntryError | None
"""What became of a step, or of a write: None when it is done and durable, else why the DC refused it."""
REFUSALS: Final = (WriteRefusedError, NoSuchEntryError)
"""To be caught where one write that is refused must not cost the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRequest:
    """What :meth:`DirectoryWrites.add` is told."""

    dn: str
    attributes: Mapping[str, Values]
    controls: Sequence[Control]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyRequest:
    """What :meth:`DirectoryWrites.modify` is told."""

    dn: str
    changes: Modifications
    controls: Sequence[Control]


WriteRequest = AddRequest | ModifyRequest


class DirectoryWrites(Protocol):
    """The write operations of LDAP ([RFC4511] 4.6 to 4.9), as SYSTEM; ``<GUID=...>`` serves as a DN.

    Each is done whole or not at all, and raises:
        WriteRefusedError: The DC refused it; nothing of it was done.
        NoSuchEntryError: The object, or a container it needs, is not there.
        DirectoryUnreachableError: The DC went away; it was done or not done.
    """

    def add(self, dn: str, attributes: Mapping[str, Values], controls: Sequence[Control]) -> None:
        """Add an entry."""

    def modify(self, dn: str, changes: Modifications, controls: Sequence[Control] = ()) -> None:
        """Change an entry's attributes; on the DN ``""``, an operation of the DC itself."""

    def rename(self, dn: str, rdn: str, new_parent: str, controls: Sequence[Control] = ()) -> None:
        """Rename an entry, under the same or another parent."""

    def delete(self, dn: str, controls: Sequence[Control] = ()) -> None:
        """Delete an entry."""


def refused(operation: str, subject: str, result: int, words: str) -> WriteRefusedError | NoSuchEntryError:
    """The error of an operation that ended with another result than 0."""
    kind = NoSuchEntryError if result == NO_SUCH_OBJECT else WriteRefusedError
    return kind(f"the directory refused the {operation} of {subject}: {' '.join(words.split())}", result=result)
