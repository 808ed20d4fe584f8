"""Looks become lines of the list of changes: to whom something happened, of what kind, and which attributes it touched.

A line is made when its look has ended, so that what one look tells of an object is one line, however it was split.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from adpersist.errors import PointError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.objects.change import AttributeStamps, Change, Kind, LinkStamps
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.index.indexed_state import Commits, IndexedState
from adpersist.reading.index.places import GONE, Place
from adpersist.reading.index.spans import NEW_TIMELINE, Counting, counting
from adpersist.reading.past.past import TAKEN_BACK, changed_names, class_of, is_first

_NAME: Final = "name"
"""Has a stamp and no value: what it says is the place of the object."""


Link = tuple[int, str, bytes]
"""The target's number, the attribute, and what tells it from others there."""


@dataclass(frozen=True, slots=True)
class Turned:
    """What a commit made of an object.

    Attributes:
        values: By attribute, the number of its values before and after: the same, if they are.
        links: Whether each link was there before, and is after.
    """

    values: Mapping[str, tuple[int, int]]
    links: Mapping[Link, tuple[bool, bool]]


@dataclass(slots=True)
class _Told:
    """What a look has told of an object so far."""

    before: Place | None
    after: Place
    kind: Kind = Kind.CHANGED
    stamps: dict[str, tuple[int, Guid]] = field(default_factory=dict)
    link_stamps: dict[str, set[tuple[int, Guid]]] = field(default_factory=dict)
    values_turned: dict[str, tuple[int, int]] = field(default_factory=dict)
    links_turned: dict[Link, tuple[bool, bool]] = field(default_factory=dict)

    def take(self, changes: Iterable[Change], turned: Turned) -> None:
        """What the next commit tells."""
        for change in changes:
            self.kind = change.kind
            self._stamp(change.stamps, change.link_stamps)
        for name, (was, now) in turned.values.items():
            self.values_turned[name] = self.values_turned.get(name, (was, now))[0], now
        for link, (there, here) in turned.links.items():
            self.links_turned[link] = self.links_turned.get(link, (there, here))[0], here

    def _stamp(self, stamps: AttributeStamps, link_stamps: LinkStamps) -> None:
        self.stamps |= {name: (stamp.time, stamp.origin) for name, stamp in stamps.items()}
        for name, found in link_stamps.items():
            self.link_stamps[name] = {(stamp.time, stamp.origin) for stamp in found.values()}

    @property
    def names(self) -> set[str]:
        """Attributes that are others than before; none of what is gone."""
        return {name for name, (was, now) in self.values_turned.items() if was != now and self.after.present}

    @property
    def links(self) -> set[str]:
        """The same of links."""
        return {name for (_, name, _), (was, now) in self.links_turned.items() if was != now and self.after.present}

    @property
    def was(self) -> int:
        """How things stood with it before."""
        return self.before.state if self.before is not None else GONE

    @property
    def moved(self) -> bool:
        """It has another name or another container."""
        before, after = self.before, self.after
        here = before is not None and before.present and after.present
        return bool(here and before and (before.rdn, before.parent) != (after.rdn, after.parent))

    @property
    def is_news(self) -> bool:
        """A stamp alone is none."""
        if self.was == GONE and self.after.state == GONE:
            return False
        return self.kind is not Kind.CHANGED or bool(self.names) or bool(self.links) or self.moved

    def written(self) -> dict[tuple[int, Guid], set[str]]:
        """What was written, by when and where."""
        found: dict[tuple[int, Guid], set[str]] = {}
        names = self.names | self.links
        for name, when in self.stamps.items():
            if name in names or name == _NAME:
                found.setdefault(when, set()).add(name)
        for name, moments in self.link_stamps.items():
            for when in moments if name in names else ():
                found.setdefault(when, set()).add(name)
        return found


class NameLists:
    """Lists of names, each once: there are few."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        self._rows = rows
        self._known: dict[frozenset[str], int] = {}
        self._lists: dict[int, list[str]] = {}

    def listed(self, number: int) -> list[str]:
        """The names that a number stands for, sorted."""
        known = self._lists.get(number)
        if known is None:
            (text,) = self._rows.execute("SELECT list FROM names WHERE id = ?", (number,)).fetchone()
            known = self._lists[number] = json.loads(text)
        return known

    def number(self, names: Iterable[str]) -> int:
        """The number that stands for a list."""
        key = frozenset(names)
        known = self._known.get(key)
        if known is None:
            text = json.dumps(sorted(key))
            self._rows.execute("INSERT OR IGNORE INTO names (list) VALUES (?)", (text,))
            (known,) = self._rows.execute("SELECT id FROM names WHERE list = ?", (text,)).fetchone()
            self._known[key] = known
        return known


class LineFilling:
    """Makes lines, within a transaction of the caller's.

    Args:
        rows: The index.
        journal: What is read where a restore took something back.
        names: Lists of names.
        place: Where an object is by now.
    """

    def __init__(
        self, rows: sqlite3.Connection, journal: Journal, names: NameLists, place: Callable[[int], Place | None]
    ) -> None:
        self._rows = rows
        self._journal = journal
        self._names = names
        self._place = place
        self._told: dict[int, _Told] = {}
        self._is_first: bool | None = None
        self._above: dict[int, str] = {}
        """DNs of containers as of now."""
        self._count = int(rows.execute("SELECT coalesce(max(number), 0) FROM lines").fetchone()[0])

    def take(self, commit: Commit) -> None:
        """The next commit begins."""
        if self._is_first is None and commit.kind is CommitKind.LOOK:
            self._is_first = is_first(commit)

    def tell(self, this: int, changes: list[Change], before: Place | None, after: Place, turned: Turned) -> None:
        """What a commit tells of an object.

        Args:
            this: Its number.
            before: Where it was before the commit; None: it never was.
            after: Where it is.
            turned: What became another.
        """
        if before != after and this in self._above:
            self._above.clear()
        if self._is_first:
            return
        told = self._told.get(this)
        if told is None:
            told = self._told[this] = _Told(before, after)
        told.after = after
        told.take(changes, turned)

    def end(self, commit: Commit, first: Seq, counts: Counting) -> None:
        """The look has ended; or the commit is none.

        Args:
            commit: Its last.
            first: Its first.
            counts: The commits that the state before it is made of, and it.
        """
        told, self._told, self._is_first = self._told, {}, None
        if commit.kind in NEW_TIMELINE:
            self._above.clear()
        if commit.kind is CommitKind.RESTORE_END and commit.target is not None:
            self._take_back(commit.seq, commit.target, counts)
        commits = Commits(self._journal, self._rows)
        was = IndexedState(self._rows, commits, counts.up_to(Seq(first - 1)))
        now = IndexedState(self._rows, commits, counts.up_to(commit.seq))
        carried = any(each.before != each.after for each in told.values())  # also what came above another one
        for this, each in told.items():
            if each.is_news:
                dn_to = self._dn(this, each.after) if each.after.present else None
                dn_from = (was.dn_of(this) if carried or dn_to is None else dn_to) if each.was != GONE else None
                object_class = (now if each.after.present else was).class_of(this)
                line = self._line(
                    commit.seq,
                    this,
                    (str(each.kind), object_class, each.was, each.after.state, each.moved),
                    (dn_from, dn_to),
                    (each.names, each.links),
                )
                self._rows.executemany(
                    "INSERT INTO written VALUES (?, ?, ?, ?)",
                    ((line, *when, self._names.number(names)) for when, names in each.written().items()),
                )

    def _line(
        self,
        seq: Seq,
        this: int,
        what: tuple[str, str, int, int, bool],
        dns: tuple[str | None, str | None],
        names: tuple[Iterable[str], Iterable[str]],
    ) -> int:
        self._count = number = self._count + 1
        self._rows.execute(
            "INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, seq, this, *what, *map(self._dn_number, dns), *map(self._names.number, names)),
        )
        self._rows.execute("INSERT INTO tallies VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1", what[:2])
        return number

    def _dn_number(self, dn: str | None) -> int | None:
        if dn is None:
            return None
        self._rows.execute("INSERT OR IGNORE INTO dns (dn) VALUES (?)", (dn,))
        (number,) = self._rows.execute("SELECT id FROM dns WHERE dn = ?", (dn,)).fetchone()
        return int(number)

    def _dn(self, this: int, place: Place) -> str:
        """The DN as of now; its container's is made once."""
        if place.parent is None:
            return place.rdn
        above = self._above.get(place.parent)
        if above is None:
            container = self._place(place.parent) if place.parent != this else None
            above = self._dn(place.parent, container) if container is not None and container.present else ""
            self._above[place.parent] = above
        return f"{place.rdn},{above}" if above else place.rdn

    def _take_back(self, seq: Seq, target: Seq, counts: Counting) -> None:
        """A restore left a timeline: what it had done is undone."""
        try:
            kept = counting(self._journal.head, target)
        except PointError:  # pruned: the look after the restore tells what became of everything
            return
        left = counts.up_to(Seq(seq - 1))
        commits = Commits(self._journal, self._rows)
        old, new = (IndexedState(self._rows, commits, each) for each in (left, kept))
        differing = {
            this for this, at in self._rows.execute("SELECT object, seq FROM touches") if (at in left) != (at in kept)
        }
        known = self._rows.execute(
            "SELECT object, guid FROM touches JOIN objects ON id = object GROUP BY object ORDER BY min(seq), object"
        ).fetchall()
        for this, guid in (each for each in known if each[0] in differing):
            was, now = (_unstamped(state.get(Guid(guid))) for state in (old, new))
            old.forget()
            if was != now:
                places = old.place_of(this), new.place_of(this)
                states = [place.state if place is not None else GONE for place in places]
                shown = now or was
                assert shown is not None  # noqa: S101 - they are not the same
                moved = was is not None and now is not None and (was.rdn, was.parent) != (now.rdn, now.parent)
                names = changed_names(was, now) if now is not None else frozenset()
                links = names & {*(was.links if was else ()), *(now.links if now else ())}
                dns = (old.dn_of(this) if was is not None else None, new.dn_of(this) if now is not None else None)
                self._line(
                    seq, this, (TAKEN_BACK, class_of(shown), states[0], states[1], moved), dns, (names - links, links)
                )


def _unstamped(item: ObjectState | None) -> ObjectState | None:
    """Who wrote it when is not what it is."""
    return replace(item, stamps={}, link_stamps={}) if item is not None else None
