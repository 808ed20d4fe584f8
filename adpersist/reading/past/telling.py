"""What a document about changes and objects asks of whoever knows the past."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.past.glimpse import Glimpse
from adpersist.reading.past.past import Entry, Look
from adpersist.reading.past.writers import Writers
from adpersist.state.journal_schema import JournalSchema
from adpersist.state.state import State


class Telling(Protocol):
    """The past, be it in memory (:class:`~adpersist.reading.past.past.Past`) or looked up."""

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

    def links_to(self, guid: Guid, seq: Seq) -> Iterable[tuple[str, Guid]]:
        """Links that led to an object as of a commit, by attribute and by who has them; a deleted object's sleep."""
        ...

    def types(self, type_id: str) -> Iterable[Guid]:
        """Objects that ever said what a GUID in permissions stands for: :func:`~adpersist.reading.find.type_ids`."""
        ...


class Happening(Telling, Protocol):
    """What happened in it, to be gone through."""

    @property
    def begins(self) -> Seq:
        """The commit it begins after."""
        ...

    @property
    def seq(self) -> Seq:
        """The newest commit."""
        ...

    def looks_of(self, kind: CommitKind) -> list[Look]:
        """All commits of a kind, oldest first."""
        ...

    def glimpses(self, after: Seq, attributes: Collection[str], classes: Collection[str]) -> Iterator[Glimpse]:
        """What happened after a commit to living objects, oldest first; no more than what touched one of these
        attributes, is of one of these classes, or ended a life. What a restore took back is left out."""
        ...

    def entries_of(self, glimpses: Sequence[Glimpse]) -> Iterator[Entry]:
        """What was glimpsed, whole, in that order."""
        ...

    def ever_within(self, rids: Collection[int], accounts: Collection[str], attribute: str) -> frozenset[Guid]:
        """Objects that ever had a SID that ends so or such an account name, and all that links of an attribute ever
        led to from there, directly or through others."""
        ...

    def of_sid(self, sid: str, seq: Seq) -> Guid | None:
        """The object that had a SID as of a commit."""
        ...
