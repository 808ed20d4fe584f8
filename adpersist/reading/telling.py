"""What a document about changes and objects asks of whoever knows the past."""

from collections.abc import Collection, Mapping
from typing import Protocol

from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.past import Entry
from adpersist.reading.writers import Writers
from adpersist.state.journal_schema import JournalSchema
from adpersist.state.state import State


class Telling(Protocol):
    """The past, be it in memory (:class:`~adpersist.reading.past.Past`) or looked up."""

    @property
    def facts(self) -> JournalSchema:
        """What the schema says."""
        ...

    def at(self, seq: Seq) -> State:
        """The directory as of a commit, to be asked for single objects, without their secrets."""
        ...

    def version(self, guid: Guid, seq: Seq) -> ObjectState | None:
        """An object as of a commit; None: it was not there."""
        ...

    def of_object(
        self, guid: Guid, *, after: Seq = BEFORE_FIRST, through: Seq | None = None, most: int | None = None
    ) -> list[Entry]:
        """What happened to an object, oldest first.

        Args:
            guid: The object.
            after, through: Between which commits; None: up to the newest.
            most: So many, the newest; None: all.
        """
        ...

    def read_ahead(self, guids: Collection[Guid], last: Seq) -> None:
        """Have at hand what some objects are up to a commit; who asks for many is answered sooner then."""
        ...

    def differing(self, first: Seq, last: Seq) -> list[tuple[str, Guid]]:
        """Objects that are not the same at two commits, sorted by their DNs: at the second, or of what is gone there at
        the first."""
        ...

    def accounts(self, sids: Collection[str], seq: Seq) -> Mapping[str, str]:
        """Account names by SID, as of a commit."""
        ...

    def writers(self) -> Writers:
        """Who wrote, as far as that is known."""
        ...

    def is_abandoned(self, seq: Seq) -> bool:
        """A later restore went back behind this commit."""
        ...
