"""What the console's pages ask, whether the journal was read into memory for that or is looked up in its index."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from adpersist.model.identity.ids import Guid, Seq
from adpersist.reading.past.line import Line, Wanted
from adpersist.reading.past.named import Named
from adpersist.reading.past.past import Look
from adpersist.reading.past.telling import Happening


class AgainError(Exception):
    """What was asked is not to be had now.

    Attributes:
        is_lost: The index has to be made anew.
    """

    def __init__(self, *, is_lost: bool) -> None:
        super().__init__()
        self.is_lost = is_lost


class Points(Protocol):
    """Where a point lies."""

    @property
    def begins(self) -> Seq:
        """The commit it begins after."""
        ...

    @property
    def seq(self) -> Seq:
        """The newest commit."""
        ...

    @property
    def earliest(self) -> Seq:
        """The first commit at which the whole directory is known."""
        ...

    def marked(self, name: str) -> Seq | None:
        """The last commit of a mark."""
        ...

    def last_before(self, moment: float) -> Seq | None:
        """The last commit up to a time. Unix seconds."""
        ...


class Known(Happening, Points, Protocol):
    """Objects as of any commit, and the commits; see :class:`~adpersist.reading.past.past.Past`."""

    def look_at(self, seq: Seq) -> Look | None:
        """The last look or other commit up to one."""
        ...

    def newest(self) -> Look | None:
        """The last commit that is no use of the console."""
        ...

    def was_ever(self, guid: Guid) -> bool:
        """There was such an object once."""
        ...

    def databases(self) -> dict[Guid, str]:
        """Names of the DCs by the invocationIDs their databases ever had."""
        ...

    def guids_of(self, name: str) -> Iterable[Guid]:
        """Every object that ever was of a class."""
        ...


class Lines(Protocol):
    """The list of changes; see :class:`~adpersist.reading.index.indexed_lines.IndexedLines`."""

    @property
    def count(self) -> int:
        """Of all lines."""
        ...

    def kinds(self) -> set[str]:
        """Kinds of which there are lines."""
        ...

    def classes(self) -> set[str]:
        """Classes of objects of which there are lines."""
        ...

    def hours(self, since: float) -> Counter[int]:
        """Lines by Unix hour, from Unix seconds on."""
        ...

    def found(self, wanted: Wanted) -> Iterator[Line]:
        """Lines that fit, newest first."""
        ...

    def deletions(self, text: str, most: int) -> tuple[int, list[Line]]:
        """How many objects are deleted or gone now, and each one's last line when it lived, newest first.

        Args:
            text: Part of the DN they had, casefolded; empty: all.
            most: So many lines.
        """
        ...


class Names(Protocol):
    """Who is called what, and who links to whom; see :class:`~adpersist.reading.index.indexed_past.IndexedPast`."""

    def living(self) -> Counter[str]:
        """Living objects by class."""
        ...

    def called(self, name: str) -> list[Guid]:
        """Objects whose DN, GUID, SID or account name that is, living ones first."""
        ...

    def resembling(self, name: str) -> list[Guid]:
        """Objects that have a text in their DN, or ever had it in one of their names."""
        ...

    def named(self, guid: Guid) -> Named:
        """What an object is called now, or was last."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """All that pages ask."""

    past: Known
    lines: Lines
    names: Names
