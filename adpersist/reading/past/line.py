"""A line of the list of changes: what happened to one object in one look, without a value of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from adpersist.model.identity.ids import Guid, Seq, guid_text
from adpersist.model.identity.reference import target_of
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import former_dn
from adpersist.reading.past.past import Entry, Past, class_of
from adpersist.reading.past.writers import Written
from adpersist.reading.text.entry_text import dns_of, sid_of
from adpersist.state.state import State

MOST_ENDS: Final = 20
"""Of a link's ends so many are told, those with the lowest GUIDs; the object's own page has all."""
LEFT: Final = frozenset({"deleted", "expunged", "taken-back"})
"""Kinds after which what an object was called before counts, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What one link attribute led to, and no more.

    Attributes:
        listed: DNs as of then, sorted.
        count: Of all.
    """

    listed: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line.

    Attributes:
        number: Counts all lines, from 1: newer ones are higher.
        seq, time, timeline: Of the look.
        kind: As the change's, or ``taken-back`` where a restore went behind it.
        object_class: The most special one.
        was_alive: The object was there before, and no tombstone.
        is_deleted: It is, or was before it went, a tombstone.
        sid: As text.
        dn_from, dn_to: What it was called before and after; None: it was not there.
        dn: What people call it: of a tombstone what it was called when it lived.
        names: Attributes that are others than before; of an object that is gone none.
        came, went: The ends of each link attribute that is another.
        written: What was written, by attribute, with time and origin of its stamp.
    """

    number: int
    seq: Seq
    time: float
    timeline: int
    kind: str
    guid: Guid
    object_class: str
    was_alive: bool
    is_deleted: bool
    sid: str | None
    dn_from: str | None
    dn_to: str | None
    dn: str | None
    names: tuple[str, ...]
    came: Mapping[str, Ends] = field(default_factory=dict)
    went: Mapping[str, Ends] = field(default_factory=dict)
    written: tuple[Written, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines somebody wants to see; what is empty or None asks for nothing.

    Attributes:
        what: Part of a DN.
        guid: The object.
        object_class, action: In any case; as lines have it.
        attribute: Something happened to it; `*` stands for any letters.
        dc: Name of the DC that wrote.
        who: Who did: see :class:`~adpersist.reading.past.person.Person`.
        after, through: Commits.
        later, until: Unix seconds.
        before: Lines with lower numbers.
    """

    what: str = ""
    guid: Guid | None = None
    object_class: str = ""
    action: str = ""
    attribute: str = ""
    dc: str = ""
    who: str = ""
    after: Seq | None = None
    through: Seq | None = None
    later: float | None = None
    until: float | None = None
    before: int | None = None


def line_of(past: Past, entry: Entry) -> Line:
    """The line that tells of an entry."""
    look, shown = entry.look, entry.shown
    was, now = past.at(Seq(look.seq - 1)), past.at(look.seq)
    here = now if entry.new is not None else was
    dn_from, dn_to = dns_of(past, entry)
    came, went = entry.links() if entry.new is not None else ({}, {})
    links = {*came, *went}
    return Line(
        number=entry.number,
        seq=look.seq,
        time=look.time,
        timeline=look.timeline,
        kind=entry.kind,
        guid=entry.guid,
        object_class=class_of(shown),
        was_alive=_lives(entry.old),
        is_deleted=shown.deleted,
        sid=sid_of(shown),
        dn_from=dn_from,
        dn_to=dn_to,
        dn=former_dn(here, shown) if shown.deleted and entry.guid in here else dn_to or dn_from,
        names=tuple(sorted(entry.names - links)) if entry.new is not None else (),
        came={name: _ends(refs, now) for name, refs in came.items()},
        went={name: _ends(refs, was) for name, refs in went.items()},
        written=tuple(entry.written()),
    )


def end_text(guid: Guid, dn: str) -> str:
    """An end of a link; of one that is not there its GUID."""
    return dn or f"<GUID={guid_text(guid)}>"


def _ends(refs: Iterable[bytes], state: State) -> Ends:
    targets = sorted({target for each in refs if (target := target_of(each)) is not None})
    shown = (end_text(each, state.dn(each) if each in state else "") for each in targets[:MOST_ENDS])
    return Ends(listed=tuple(sorted(shown)), count=len(targets))


def _lives(item: ObjectState | None) -> bool:
    return item is not None and not item.deleted
