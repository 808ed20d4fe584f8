"""The answers of :class:`adpersist.reading.folded.Reading`, looked up."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from adpersist.audit.log import AuditLog
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq, Usn
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.objects.audit import Audited
from adpersist.model.objects.change import Change, Kind
from adpersist.reading.find import NoSuchObjectError, called
from adpersist.reading.history import Event, event_kind, event_of, find_ever
from adpersist.reading.index.indexed_state import Commits, IndexedView, Reader
from adpersist.reading.index.spans import NEW_TIMELINE, counting
from adpersist.reading.past.writers import SealedLog
from adpersist.reading.sought import Sought
from adpersist.reading.view import View

_COMMIT = "seq, kind, timeline, time, usn_from, usn_to, ends_look, complete, target, digest, size"

_LOOKS_AHEAD: Final = 64
"""Looks that tell of an object, of which what they say is read at once."""


class IndexedReading:
    """By an index that has all of the journal up to its head."""

    def __init__(self, journal: Journal, rows: sqlite3.Connection) -> None:
        self._journal = journal
        self._rows = rows
        self._commits = Commits(journal, rows)
        self._sealed = IndexedSealedLog(journal, rows)
        self.sealed: SealedLog = self._sealed
        self.own: set[Guid] = set()

    def view(self, point: Seq) -> View:
        """See :class:`~adpersist.reading.folded.Reading`."""
        return self._view(point)

    def _view(self, point: Seq) -> IndexedView:
        return IndexedView(self._rows, self._commits, counting(self._journal.head, point))

    def find_ever(self, name: str) -> Guid:
        """See :class:`~adpersist.reading.folded.Reading`; a name of the past is looked for in the journal itself."""
        view = self._view(self._journal.head.seq)
        try:
            return view.find(name)
        except NoSuchObjectError:
            guid = called(name).guid
            if not view.was_ever(name):
                raise
            return guid if guid is not None else find_ever(self._journal, name)

    def history(self, guid: Guid) -> Iterator[tuple[Event, View]]:
        """See :class:`~adpersist.reading.folded.Reading`. Of the commits' changes, events have the object's alone."""
        for first, commit in self._read_ahead(guid):
            before, after = self._view(Seq(first - 1)), self._view(commit.seq)
            self._sealed.reach(commit.seq)
            self.own.update(self._own_until(commit.seq))
            old, new = before.state.get(guid), after.state.get(guid)
            dn = (before.dn(guid), after.dn(guid))
            if commit.kind in NEW_TIMELINE and commit.target is not None:
                if (event := event_of(commit, "taken-back", old, new, dn)).shows:
                    yield event, after
                continue
            touching = self._touching(guid, first, commit.seq)
            if touching:
                kind = event_kind(commit, touching[-1])
                stamps = {name: stamp for change in touching for name, stamp in change.stamps.items()}
                event = event_of(replace(commit, changes=tuple(touching)), kind, old, new, dn, stamps)
                if kind != Kind.CHANGED or event.shows:
                    yield event, after
            elif dn[0] != dn[1]:
                yield event_of(commit, "carried", old, old, dn), after

    def commits_with(self, sought: Sought) -> list[Seq] | None:
        """See :class:`~adpersist.reading.folded.Reading`."""
        found = {Seq(seq) for (seq,) in self._rows.execute("SELECT seq FROM commits")}
        if sought.kind is not None:
            rows = self._rows.execute("SELECT seq FROM commits WHERE kind = ?", (str(sought.kind),))
            found &= {Seq(seq) for (seq,) in rows}
        if sought.who is not None:
            rows = self._rows.execute("SELECT seq, who FROM writers")
            found &= {Seq(seq) for seq, who in rows if sought.wrote(*json.loads(who)[:2])}
        if sought.guid is not None or sought.attribute is not None:
            lists = self._rows.execute("SELECT id, list FROM names")
            names = {number for number, listed in lists if sought.names(set(json.loads(listed)))}
            if sought.guid is None:
                rows = self._rows.execute("SELECT seq, names FROM touches")
            else:
                rows = self._rows.execute(
                    "SELECT seq, names FROM touches WHERE object = (SELECT id FROM objects WHERE guid = ?)",
                    (sought.guid,),
                )
            found &= {Seq(seq) for seq, listed in rows if listed in names}
        return sorted(seq for seq in found if seq <= self._journal.head.seq)

    def _read_ahead(self, guid: Guid) -> Iterator[tuple[Seq, Commit]]:
        """The same as :meth:`_told_by`; what the object's commits say is at hand before they are."""
        looks, known = self._told_by(guid), BEFORE_FIRST
        for at in range(0, len(looks), _LOOKS_AHEAD):
            some = looks[at : at + _LOOKS_AHEAD]
            last = some[-1][1].seq
            self._commits.read_ahead([guid], last, after=known)
            known = last
            yield from some

    def _told_by(self, guid: Guid) -> list[tuple[Seq, Commit]]:
        """Looks that may tell of an object, each with its first commit and, without changes, its last."""
        found = self._rows.execute("SELECT id FROM objects WHERE guid = ?", (guid,)).fetchone()
        if found is None:
            return []
        (this,), last = found, self._journal.head.seq
        ways, above = [this], {this}
        while ways:
            parents = self._rows.execute("SELECT DISTINCT parent FROM places WHERE object = ?", (ways.pop(),))
            new = {parent for (parent,) in parents if parent is not None} - above
            above |= new
            ways += new
        seqs = {seq for (seq,) in self._rows.execute("SELECT seq FROM touches WHERE object = ?", (this,))}
        for each in above:
            seqs |= {seq for (seq,) in self._rows.execute("SELECT seq FROM places WHERE object = ?", (each,))}
        seqs |= {
            seq
            for (seq,) in self._rows.execute(
                "SELECT seq FROM commits WHERE target IS NOT NULL AND kind IN (?, ?)", tuple(map(str, NEW_TIMELINE))
            )
        }
        looks = {look for seq in seqs if self._journal.head.pruned < seq <= last for look in self._look_of(Seq(seq))}
        return sorted(((first, commit) for first, commit in looks), key=lambda each: each[1].seq)

    def _look_of(self, seq: Seq) -> Iterator[tuple[Seq, Commit]]:
        """The look a commit belongs to; one that was not finished ends where the journal does."""
        (look,) = self._rows.execute("SELECT look FROM commits WHERE seq = ?", (seq,)).fetchone()
        (first,) = self._rows.execute("SELECT min(seq) FROM commits WHERE look IS ?", (look,)).fetchone()
        look = self._journal.head.seq if look is None else look
        row = self._rows.execute(f"SELECT {_COMMIT} FROM commits WHERE seq = ?", (look,)).fetchone()  # noqa: S608
        yield Seq(first), _commit(row)

    def _touching(self, guid: Guid, first: Seq, last: Seq) -> list[Change]:
        seqs = self._rows.execute(
            "SELECT seq FROM touches WHERE object = (SELECT id FROM objects WHERE guid = ?) AND seq BETWEEN ? AND ? "
            "ORDER BY seq",
            (guid, first, last),
        )
        return [change for (seq,) in seqs for change in self._commits.changes(Seq(seq), guid)]

    def _own_until(self, seq: Seq) -> set[Guid]:
        return self._sealed.invocations(self._journal.head.identity.server, self._journal.head.pruned, seq)


class IndexedSealedLog(SealedLog):
    """What was sealed of the audit log: of which seconds there are lines stands in the index, they in their commits."""

    def __init__(self, journal: Reader, rows: sqlite3.Connection) -> None:
        super().__init__()
        self._rows = rows
        self._through = BEFORE_FIRST
        self.lines = _Lines(self, journal)

    def reach(self, seq: Seq) -> None:
        """Answer as of a commit."""
        self._through = seq

    def asked(self, seq: Seq) -> Audited | None:
        """See the base."""
        row = self._rows.execute("SELECT since, through, trouble FROM audited WHERE seq = ?", (seq,)).fetchone()
        return Audited(since=row[0], through=row[1], trouble=row[2]) if row else None

    def is_whole(self, second: int) -> bool:
        """See the base."""
        return bool(
            self._rows.execute(
                "SELECT 1 FROM audited WHERE through >= ? AND since <= ? AND seq <= ? LIMIT 1",
                (second, second, self._through),
            ).fetchone()
        )

    def commits_of(self, second: int) -> list[Seq]:
        """Commits that have lines of a second, or of the next one."""
        rows = self._rows.execute(
            "SELECT DISTINCT seq FROM writers WHERE second BETWEEN ? AND ? AND seq <= ? ORDER BY seq",
            (second, second + 1, self._through),
        )
        return [seq for (seq,) in rows]

    def invocations(self, guid: Guid, after: Seq, through: Seq) -> set[Guid]:
        """invocationIDs an object was told to have."""
        rows = self._rows.execute(
            "SELECT invocations FROM databases WHERE object = (SELECT id FROM objects WHERE guid = ?) "
            "AND seq > ? AND seq <= ?",
            (guid, after, through),
        )
        return {Guid(bytes.fromhex(each)) for (listed,) in rows for each in json.loads(listed)}


class _Lines(AuditLog):
    """Lines, read when their second is asked for."""

    def __init__(self, sealed: IndexedSealedLog, journal: Reader) -> None:
        super().__init__()
        self._sealed = sealed
        self._journal = journal
        self._known: set[Seq] = set()

    def _reach(self, second: int) -> None:
        """See the base."""
        for seq in self._sealed.commits_of(second):
            if seq not in self._known:
                self._known.add(seq)
                (commit,) = self._journal.commits(after=Seq(seq - 1), through=seq)
                self.add(commit.audited.lines if commit.audited is not None else ())


def _commit(row: tuple[int, str, int, float, int, int, int, int, int | None, bytes, int]) -> Commit:
    seq, kind, timeline, time, usn_from, usn_to, ends_look, complete, target, digest, size = row
    return Commit(
        seq=Seq(seq),
        kind=CommitKind(kind),
        timeline=timeline,
        time=time,
        usn_from=Usn(usn_from),
        usn_to=Usn(usn_to),
        ends_look=bool(ends_look),
        complete=bool(complete),
        target=None if target is None else Seq(target),
        changes=(),
        digest=digest,
        size=size,
    )
