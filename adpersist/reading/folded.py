"""Answers from the journal itself: folded to a point, or walked through from its first commit to its last."""

from collections.abc import Iterator
from typing import Protocol

from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.commit import Commit
from adpersist.reading.history import Event, find_ever, history
from adpersist.reading.past.writers import SealedLog
from adpersist.reading.sought import Sought
from adpersist.reading.view import View
from adpersist.state.fold import fold


class Reading(Protocol):
    """What can be asked of a journal, whether it is folded for that or looked up.

    Attributes:
        sealed: What of the audit log was sealed up to the event told last.
        own: invocationIDs of the journal's own DC, by then and at its head.
    """

    sealed: SealedLog
    own: set[Guid]

    def view(self, point: Seq) -> View:
        """The directory at a commit. Raises: PointError: Nobody can tell it any more."""
        ...

    def find_ever(self, name: str) -> Guid:
        """The object a name means now or, failing that, ever did. Raises: NoSuchObjectError, AmbiguousObjectError."""
        ...

    def history(self, guid: Guid) -> Iterator[tuple[Event, View]]:
        """What happened to an object, oldest first, each event with the directory at that commit."""
        ...

    def commits_with(self, sought: Sought) -> list[Seq] | None:
        """Every commit in which that may be, and perhaps others, ascending; None: nobody knows but who reads them."""
        ...


class FoldedReading:
    """By folding."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.sealed = SealedLog()
        self.own: set[Guid] = set()

    def view(self, point: Seq) -> View:
        """See :class:`Reading`."""
        return View(fold(self._journal, point))

    def find_ever(self, name: str) -> Guid:
        """See :class:`Reading`."""
        return find_ever(self._journal, name)

    def history(self, guid: Guid) -> Iterator[tuple[Event, View]]:
        """See :class:`Reading`."""
        for event, state in history(self._journal, guid, self._seen):
            yield event, View(state)

    def commits_with(self, sought: Sought) -> list[Seq] | None:
        """See :class:`Reading`."""
        del sought
        return None

    def _seen(self, commit: Commit) -> None:
        self.sealed.take(commit)
        # a heal gives the DC another one
        self.own.update(
            Guid(each)
            for change in commit.changes
            if change.guid == self._journal.head.identity.server
            for each in change.values.get("invocationId", ())
        )
