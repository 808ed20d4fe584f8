"""Commits become rows of the index. Nothing is held between two of them: it goes on from any commit."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import floor
from typing import Any, Final

from adpersist.errors import PointError
from adpersist.journal.journal import Journal
from adpersist.model.identity.dn import comparable
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.identity.reference import target_of
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.objects.change import Change, Kind, Values
from adpersist.model.objects.object_state import ObjectState, created
from adpersist.reading.find import ACCOUNT, SIDS, stem, type_ids
from adpersist.reading.index.digests import NONE, Digests, added, packed, unpacked
from adpersist.reading.index.line_filling import LineFilling, Link, NameLists, Turned
from adpersist.reading.index.places import PLACE, Place
from adpersist.reading.index.spans import NEW_TIMELINE, Counting, counting

FREE_NAMES: Final = ("displayName", "mail", "userPrincipalName")
"""What people look for an object by, beside its names and its account."""
_DEFINING: Final = ("lDAPDisplayName", "attributeSyntax", "searchFlags", "linkID")
_SCHEMA: Final = b"attributeSchema"
_STORED: Final = ("present", "parent", "rdn", "deleted", "born", "former")
_PLACE: Final = f"SELECT {PLACE} FROM places WHERE object = ? ORDER BY seq DESC"  # noqa: S608
_ACCOUNT: Final = "SELECT seq, sid, account FROM accounts WHERE object = ? ORDER BY seq DESC"
_DEFINITION: Final = (
    "SELECT seq, defines, name, syntax, flags, link FROM definitions WHERE object = ? ORDER BY seq DESC"
)
_TOUCHES: Final = "SELECT seq, valued, digests, whole FROM touches WHERE object = ? AND seq < ? ORDER BY seq DESC"
_LINK: Final = (
    "SELECT seq, present FROM links WHERE target = ? AND source = ? AND attribute = ? AND form = ? AND seq < ? "
    "ORDER BY seq DESC"
)
_NOWHERE: Final = 0
"""Stands for the target of a link that has none."""


class Filling:
    """Puts commits into an index, within a transaction of the caller's.

    Args:
        rows: The index.
        journal: Open; its commits up to that one are in the index.
        since: The commit it goes on after.
    """

    def __init__(self, rows: sqlite3.Connection, journal: Journal, since: Seq) -> None:
        self._rows = rows
        self._head = journal.head
        self._ids: dict[Guid, int] = {}
        self._names = NameLists(rows)
        self._digests = Digests(journal.index_key)
        self._counts = self._going_on(since)
        self._lines = LineFilling(rows, journal, self._names, self.place)
        (self._first,) = rows.execute("SELECT min(seq) FROM commits WHERE look IS NULL").fetchone()
        if self._first is not None:  # a look that was not finished: its lines are made when it is
            for commit in journal.commits(after=Seq(self._first - 1), through=since):
                self._lines.take(commit)
                for changes in _by_object(commit).values():
                    this = self.number(changes[0].guid)
                    told = _Net.of(changes, self._place_before(this, commit.seq))
                    turned, _ = self._turned(this, commit.seq, told)
                    self._lines.tell(this, changes, self._place_before(this, self._first), self._here(this), turned)

    def base(self, part: int, items: Iterable[ObjectState]) -> None:
        """What is known of the commit the journal was pruned up to, by the part of the checkpoint it lies in."""
        for item in items:
            self._object(self._head.pruned, [created(item)], part)

    def take(self, commit: Commit) -> None:
        """The next commit."""
        first = commit.seq if self._first is None else self._first
        self._note(commit)
        self._lines.take(commit)
        for changes in _by_object(commit).values():
            self._lines.tell(*self._object(commit.seq, changes, None))
        if self._first is None:
            self._lines.end(commit, first, self._counts)
        if commit.kind in NEW_TIMELINE:
            self._counts = self._going_on(commit.seq)

    def _going_on(self, since: Seq) -> Counting:
        try:
            return counting(self._head, since).going_on(since)
        except PointError:  # nobody can be told of that state; a look at everything is due, or was made
            return Counting(()).going_on(since)

    def _note(self, commit: Commit) -> None:
        self._rows.execute(
            "INSERT INTO commits VALUES (?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                commit.seq,
                str(commit.kind),
                commit.timeline,
                commit.time,
                commit.usn_from,
                commit.usn_to,
                commit.ends_look,
                commit.complete,
                commit.target,
                commit.digest,
                commit.size,
                commit.mark,
                commit.writer.host if commit.writer else "",
                commit.account if commit.kind is CommitKind.USE else "",
                len(commit.changes),
            ),
        )
        self._first = commit.seq if self._first is None else self._first
        if commit.ends_look or commit.kind not in (CommitKind.LOOK, CommitKind.PART):
            self._rows.execute(
                "UPDATE commits SET look = ? WHERE seq BETWEEN ? AND ?", (commit.seq, self._first, commit.seq)
            )
            self._first = None
        audited = commit.audited
        if audited is not None:
            self._rows.execute(
                "INSERT INTO audited VALUES (?, ?, ?, ?)",
                (commit.seq, audited.since, audited.through, audited.trouble),
            )
            self._rows.executemany(
                "INSERT OR IGNORE INTO writers VALUES (?, ?, ?)",
                (
                    (floor(line.time), commit.seq, json.dumps([line.sid, line.account, line.address]))
                    for line in audited.lines
                ),
            )

    def _object(
        self, seq: Seq, changes: list[Change], part: int | None
    ) -> tuple[int, list[Change], Place | None, Place, Turned]:
        """Its number, what was told, where it was and is, and what became another."""
        this = self.number(changes[0].guid)
        before = self.place(this)
        place = before
        for change in changes:
            if change.kind is Kind.EXPUNGED:
                place = _gone(place, seq)
                continue
            if place is None or not place.present or change.kind is Kind.CREATED:
                place = Place(seq, 1, None, "", 0, seq)
            place = self._moved(place, change, seq)
        assert place is not None  # noqa: S101 - there is at least one change
        if place != before:
            self._rows.execute(
                "INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (this, seq, *(getattr(place, name) for name in _STORED), _key(place.rdn)),
            )
        told = _Net.of(changes, before)
        turned, whole = self._turned(this, seq, told)
        if place.present:
            at = self._digests.of_place(told.guid, place.parent, place.rdn)
            was = 0 if told.base is None else self._digests.of_place(told.guid, told.base.parent, told.base.rdn)
            whole = added([whole, at, -was])
        valued = sorted(told.values)
        self._rows.execute(
            "INSERT INTO touches VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                this,
                seq,
                part,
                None if part is not None else self._names.number(_named(changes)),
                self._names.number(valued),
                packed([turned.values[name][1] for name in valued]),
                whole if place.present else None,
            ),
        )
        self._link(this, seq, turned.links)
        self._identify(this, seq, told.values, place)
        self._define(this, seq, told.values, place)
        return this, changes, before, place, turned

    def _turned(self, this: int, seq: Seq, told: "_Net") -> tuple[Turned, int]:
        """What a commit made of an object's values and links, and the number of them all but its place.

        What is not of the same object any more, as it was made anew or is gone, is told, too.
        """
        guid, base = told.guid, told.base
        new = {name: self._digests.of_values(guid, name, values) for name, values in told.values.items()}
        known, whole = self._known(this, seq, base, new) if base is not None else ({}, 0)
        numbers = [whole, *new.values(), *(-known.get(name, NONE) for name in new)]
        links: dict[Link, tuple[bool, bool]] = {}
        for (name, value), present in told.links.items():
            target = target_of(value)
            link = (
                (_NOWHERE, name, self._digests.of_link(guid, name, value).to_bytes(8, "little", signed=True))
                if target is None
                else (self.number(target), name, _form(value))
            )
            was = base is not None and self._linked(this, link, seq, base)
            links[link] = was, present
            if was != present:
                number = self._digests.of_link(guid, name, value)
                numbers.append(number if present else -number)
        former = told.former
        if former is None:
            values = {name: (known.get(name, NONE), number) for name, number in new.items()}
            return Turned(values, links), added(numbers)
        old, _ = self._known(this, seq, former, None)
        values = {name: (old.get(name, NONE), new.get(name, NONE)) for name in {**old, **new}}
        for link in self._links_of(this, seq, former):
            links[link] = True, links.get(link, (False, False))[1]
        return Turned(values, links), added(numbers)

    def _known(self, this: int, seq: Seq, place: Place, names: Iterable[str] | None) -> tuple[dict[str, int], int]:
        """The numbers of an object's values before a commit, of these or of all, and that of all that it was.

        Args:
            place: Where it was.
        """
        wanted, found, whole = None if names is None else set(names), dict[str, int](), None
        for at, valued, digests, all_of_it in self._rows.execute(_TOUCHES, (this, seq)):
            if at < place.born:
                break
            if at not in self._counts:
                continue
            whole = all_of_it if whole is None else whole
            if wanted is not None and not wanted:
                break
            for name, number in zip(self._names.listed(valued), unpacked(digests), strict=True):
                if wanted is None or name in wanted:
                    found.setdefault(name, number)
            if wanted is not None:
                wanted -= found.keys()
        return found, whole or 0

    def _linked(self, this: int, link: Link, seq: Seq, place: Place) -> bool:
        """An object had a link before a commit."""
        target, name, form = link
        rows = self._rows.execute(_LINK, (target, this, name, form, seq))
        return bool(next((present for at, present in rows if at in self._counts and at >= place.born), 0))

    def _links_of(self, this: int, seq: Seq, place: Place) -> list[Link]:
        """All links that an object had before a commit."""
        rows = self._rows.execute(
            "SELECT DISTINCT target, attribute, form FROM links WHERE source = ? AND seq < ? AND seq >= ?",
            (this, seq, place.born),
        ).fetchall()
        return [link for link in rows if self._linked(this, link, seq, place)]

    def _moved(self, place: Place, change: Change, seq: Seq) -> Place:
        parent = place.parent if change.parent is None else self.number(change.parent)
        rdn = place.rdn if change.rdn is None else change.rdn
        deleted = place.deleted
        if "isDeleted" in change.values:
            deleted = int(change.values["isDeleted"] == (b"TRUE",))
        former = place.former
        if "lastKnownParent" in change.values:
            targets = map(target_of, change.values["lastKnownParent"])
            former = next((self.number(target) for target in targets if target is not None), None)
        if (parent, rdn, deleted, former) == (place.parent, place.rdn, place.deleted, place.former):
            return place
        return replace(place, seq=seq, parent=parent, rdn=rdn, deleted=deleted, former=former)

    def place(self, this: int) -> Place | None:
        """Where an object is by now."""
        found = self._latest(_PLACE, this)
        return Place(*found) if found else None

    def _here(self, this: int) -> Place:
        found = self.place(this)
        assert found is not None  # noqa: S101 - it was told of
        return found

    def _place_before(self, this: int, seq: Seq) -> Place | None:
        found = (row for row in self._rows.execute(_PLACE, (this,)) if row[0] < seq and row[0] in self._counts)
        return next((Place(*row) for row in found), None)

    def _latest(self, query: str, this: int) -> tuple[Any, ...] | None:
        return next((row for row in self._rows.execute(query, (this,)) if row[0] in self._counts), None)

    def number(self, guid: Guid) -> int:
        """The number that stands for an object."""
        known = self._ids.get(guid)
        if known is None:
            self._rows.execute("INSERT OR IGNORE INTO objects (guid) VALUES (?)", (guid,))
            (known,) = self._rows.execute("SELECT id FROM objects WHERE guid = ?", (guid,)).fetchone()
            self._ids[guid] = known
        return known

    def _link(self, this: int, seq: Seq, links: Mapping[Link, tuple[bool, bool]]) -> None:
        self._rows.executemany(
            "INSERT INTO links VALUES (?, ?, ?, ?, ?, ?)",
            ((target, this, name, form, seq, present) for (target, name, form), (_, present) in links.items()),
        )

    def _identify(self, this: int, seq: Seq, values: Mapping[str, Values], place: Place) -> None:
        """SIDs and account names: names by which an object is asked for."""
        aliases = {
            *(value for name in SIDS for value in values.get(name, ())),
            *(value.decode(errors="replace").casefold().encode() for value in values.get(ACCOUNT, ())),
        }
        self._rows.executemany("INSERT OR IGNORE INTO aliases VALUES (?, ?)", ((alias, this) for alias in aliases))
        self._rows.executemany("INSERT OR IGNORE INTO types VALUES (?, ?)", ((each, this) for each in type_ids(values)))
        if "objectClass" in values:
            name = next((value.decode(errors="replace") for value in values["objectClass"][-1:]), "")
            self._rows.execute("INSERT INTO classes VALUES (?, ?, ?)", (this, seq, name))
        for free in FREE_NAMES:
            for value in values.get(free, ()):
                text = value.decode(errors="replace").casefold()
                self._rows.execute("INSERT OR IGNORE INTO called VALUES (?, ?, ?)", (free, text, this))
        if "objectSid" in values or ACCOUNT in values:
            known = self._latest(_ACCOUNT, this)
            _, sid, account = known if known and known[0] >= place.born else (0, None, None)
            if "objectSid" in values:
                sid = next(iter(values["objectSid"]), None)
            if ACCOUNT in values:
                account = next((value.decode(errors="replace") for value in values[ACCOUNT][-1:]), None)
            self._rows.execute("INSERT INTO accounts VALUES (?, ?, ?, ?)", (this, seq, sid, account))
        if "invocationId" in values:
            listed = json.dumps([value.hex() for value in values["invocationId"]])
            self._rows.execute("INSERT INTO databases VALUES (?, ?, ?)", (this, seq, listed))

    def _define(self, this: int, seq: Seq, values: Mapping[str, Values], place: Place) -> None:
        """What the schema says of attributes: which are secret is told by it alone."""
        classes = values.get("objectClass")
        is_one = classes is not None and _SCHEMA in classes
        if not is_one and values.keys().isdisjoint(_DEFINING):
            return
        known = self._latest(_DEFINITION, this)
        defines, *texts = known[1:] if known is not None and known[0] >= place.born else (0, None, None, None, None)
        if classes is not None:
            defines = int(is_one)
        texts = [_text(values[name]) if name in values else text for name, text in zip(_DEFINING, texts, strict=True)]
        self._rows.execute("INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?)", (this, seq, defines, *texts))


@dataclass(frozen=True, slots=True)
class _Net:
    """What a commit tells of one object.

    Attributes:
        base: Where the object was that it adds to; None: it was not there, or is another one by now.
        former: Where it was, if it is another one by now, or none.
        values, links: What was told since that began.
    """

    guid: Guid
    base: Place | None
    former: Place | None
    values: dict[str, Values]
    links: dict[tuple[str, bytes], bool]

    @classmethod
    def of(cls, changes: list[Change], before: Place | None) -> "_Net":
        """All changes of one object in one commit.

        Args:
            before: Where it was before that.
        """
        here = before if before is not None and before.present else None
        base, values, links = here, dict[str, Values](), dict[tuple[str, bytes], bool]()
        for change in changes:
            if change.kind in (Kind.EXPUNGED, Kind.CREATED):
                base, values, links = None, {}, {}
            if change.kind is Kind.EXPUNGED:
                continue
            values |= change.values
            links |= {(name, value): False for name, each in change.removed.items() for value in each}
            links |= {(name, value): True for name, each in change.added.items() for value in each}
        return cls(changes[0].guid, base, here if base is None else None, values, links)


def _by_object(commit: Commit) -> dict[Guid, list[Change]]:
    told: dict[Guid, list[Change]] = {}
    for change in commit.changes:
        told.setdefault(change.guid, []).append(change)
    return told


def _named(changes: list[Change]) -> frozenset[str]:
    return frozenset(
        name for change in changes for each in (change.values, change.added, change.removed) for name in each
    )


def _gone(place: Place | None, seq: Seq) -> Place:
    return Place(seq, 0, None, "", 0, seq) if place is None or place.present else place


def _key(rdn: str) -> str:
    """What a name is looked for by; the root of a naming context has its whole DN for one."""
    return stem(next(iter(comparable(rdn)), ""))


def _form(value: bytes) -> bytes:
    """Tells links apart that lead from one object to one other: what stands before the reference, as a digest."""
    prefix, _, _ = value.rpartition(b"<GUID=")
    return blake2b(prefix, digest_size=8).digest() if prefix else b""


def _text(values: Values) -> str | None:
    return values[0].decode(errors="replace") if values else None
