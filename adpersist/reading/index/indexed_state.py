"""The directory at one point, looked up: where objects are stands in the index, what they are in the few commits that
tell of them, which are read when they are asked for and not before."""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Collection, ItemsView, Iterable, Iterator, Sequence, ValuesView
from typing import Any, Final, Protocol, TypeVar

from adpersist.errors import PointError
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.model.identity.sid import sid_from_text
from adpersist.model.journal.commit import Commit
from adpersist.model.objects.change import Change
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.reading.find import called, stem
from adpersist.reading.index.places import PLACE, Place
from adpersist.reading.index.spans import Counting
from adpersist.reading.past.sealing import Sealing
from adpersist.reading.view import View, database_name
from adpersist.state.changes import evolve
from adpersist.state.journal_schema import AttributeFacts, JournalSchema
from adpersist.state.state import State

_KEPT_COMMITS: Final = 4
"""Commits that are held: one may tell of several objects that are asked for."""
_NEAR: Final = 5
"""Commits that lie no further apart are read in one go: to begin anew takes two more, which prove it."""
_Each = TypeVar("_Each")


class Reader(Protocol):
    """What is read of a journal: see :class:`~adpersist.journal.journal.Journal`."""

    def commits(self, *, after: Seq, through: Seq, objects: Collection[Guid] | None = None) -> Iterator[Commit]:
        """Verified commits with ``after < seq <= through``, of all objects or of some."""
        ...

    def commits_of(
        self, spans: Sequence[tuple[Seq, Seq]], *, objects: Collection[Guid] | None = None
    ) -> Iterator[Commit]:
        """The same of several spans, which are on their way at once."""
        ...

    def checkpoint_parts(
        self, seq: Seq, numbers: Collection[int], objects: Collection[Guid] | None = None
    ) -> list[ObjectState | Gone]:
        """The objects of some parts of a checkpoint, or some of those."""
        ...


class Commits:
    """What single commits tell, read from the journal when it is asked for, with every proof that reading has.

    Args:
        journal: Read.
        rows: The index.
        sealing: Takes secrets out of all that is read; None: they are wanted.
    """

    def __init__(self, journal: Reader, rows: sqlite3.Connection, sealing: Sealing | None = None) -> None:
        self._journal = journal
        self._rows = rows
        self._sealing = sealing
        self._read: OrderedDict[tuple[Seq, int | None], list[Any]] = OrderedDict()
        self._ahead: dict[tuple[Seq, Guid], list[Change]] = {}
        self._base_ahead: dict[tuple[Seq, Guid], ObjectState] = {}
        self._versions: dict[tuple[int, int], ObjectState | None] = {}

    def read_ahead(self, guids: Collection[Guid], last: Seq, *, after: Seq = BEFORE_FIRST) -> None:
        """Have at hand what is told of some objects up to a commit: each commit is read once, however many it tells of.

        Args:
            guids: Objects.
            last: The commit.
            after: What is told of them up to this one is at hand already.
        """
        query = (
            "SELECT seq, part FROM touches WHERE object = (SELECT id FROM objects WHERE guid = ?) "
            "AND seq > ? AND seq <= ?"
        )
        wanted = frozenset(guids)
        touches = [
            (Seq(seq), part, guid) for guid in wanted for seq, part in self._rows.execute(query, (guid, after, last))
        ]
        told = [(seq, guid) for seq, part, guid in touches if part is None]
        parts: dict[Seq, set[int]] = {}
        for seq, part, _ in touches:
            if part is not None:
                parts.setdefault(seq, set()).add(part)
        for seq, numbers in parts.items():
            for item in self._base(seq, numbers, wanted):
                if isinstance(item, ObjectState):
                    self._base_ahead[seq, item.guid] = item
        self._ahead |= {each: [] for each in told}
        runs = [(Seq(first - 1), through) for first, through in _runs(sorted({seq for seq, _ in told}))]
        for commit in self._journal.commits_of(runs, objects=wanted):
            for change in commit.changes:
                self._ahead[commit.seq, change.guid].append(self._sealed(change))

    def _sealed(self, change: Change) -> Change:
        return self._sealing.change(change) if self._sealing is not None else change

    def changes(self, seq: Seq, guid: Guid) -> list[Change]:
        """Of one object, in their order."""
        ahead = self._ahead.get((seq, guid))
        if ahead is not None:
            return ahead
        return [change for change in self._kept(seq, None, lambda: self._told(seq)) if change.guid == guid]

    def _told(self, seq: Seq) -> list[Change]:
        (commit,) = self._journal.commits(after=Seq(seq - 1), through=seq)
        return list(map(self._sealed, commit.changes))

    def _base(
        self, seq: Seq, parts: Collection[int], objects: Collection[Guid] | None = None
    ) -> list[ObjectState | Gone]:
        return [
            self._sealing.item(item) if self._sealing is not None and isinstance(item, ObjectState) else item
            for item in self._journal.checkpoint_parts(seq, parts, objects)
        ]

    def _kept(self, seq: Seq, part: int | None, read: Callable[[], list[_Each]]) -> list[_Each]:
        if (seq, part) not in self._read:
            self._read[seq, part] = read()
            if len(self._read) > _KEPT_COMMITS:
                self._read.popitem(last=False)
        self._read.move_to_end((seq, part))
        return self._read[seq, part]

    def version(self, number: int, guid: Guid, counts: Counting, born: int) -> ObjectState | None:
        """An object made of the commits that count, since the one that made it all that it is."""
        touches = [
            (seq, part)
            for seq, part in self._rows.execute(
                "SELECT seq, part FROM touches WHERE object = ? AND seq BETWEEN ? AND ? ORDER BY seq",
                (number, born, counts.last),
            )
            if seq in counts
        ]
        known = len(touches)
        while known and (number, touches[known - 1][0]) not in self._versions:
            known -= 1
        item = self._versions[number, touches[known - 1][0]] if known else None
        for seq, part in touches[known:]:
            if part is not None:
                item = self._from_checkpoint(seq, part, guid)
            for change in [] if part is not None else self.changes(seq, guid):
                item = evolve(item, change)
            self._versions[number, seq] = item
        return item

    def forget(self) -> None:
        """Hold no object any longer; what was read of single commits stays a while."""
        self._versions.clear()
        self._ahead.clear()
        self._base_ahead.clear()

    def _from_checkpoint(self, seq: Seq, part: int, guid: Guid) -> ObjectState:
        ahead = self._base_ahead.get((seq, guid))
        if ahead is not None:
            return ahead
        for item in self._kept(seq, part, lambda: self._base(seq, {part})):
            if item.guid == guid and not isinstance(item, Gone):
                return item
        raise PointError(f"the index names another part of checkpoint {seq}")


def _runs(seqs: Iterable[Seq]) -> list[tuple[Seq, Seq]]:
    """The first and the last of those, ascending, that are read together."""
    runs: list[tuple[Seq, Seq]] = []
    for seq in seqs:
        if runs and seq <= runs[-1][1] + _NEAR:
            runs[-1] = runs[-1][0], seq
        else:
            runs.append((seq, seq))
    return runs


class IndexedState(State):
    """See the module. Asked for all objects it is slower than a folded state: it is for those who want a few."""

    def __init__(self, rows: sqlite3.Connection, commits: Commits, counts: Counting) -> None:
        super().__init__()
        self._rows = rows
        self._commits = commits
        self.counts = counts
        """The commits it is made of."""
        self._places: dict[int, Place | None] = {}
        self._numbers: dict[Guid, int | None] = {}

    @property
    def last(self) -> Seq:
        """The newest commit it is made of."""
        return self.counts.last

    def __getitem__(self, guid: Guid) -> ObjectState:
        place = self.place(guid)
        number = self.number(guid)
        if place is None or number is None:
            raise KeyError(guid)
        item = self._commits.version(number, guid, self.counts, place.born)
        if item is None:
            raise KeyError(guid)
        return item

    def __contains__(self, guid: object) -> bool:
        return isinstance(guid, bytes) and self.place(Guid(guid)) is not None

    def __iter__(self) -> Iterator[Guid]:
        every = [Guid(guid) for (guid,) in self._rows.execute("SELECT guid FROM objects ORDER BY id")]
        return (guid for guid in every if guid in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> ItemsView[Guid, ObjectState]:
        """Objects by their GUID."""
        return ItemsView(self)

    def values(self) -> ValuesView[ObjectState]:
        """Objects."""
        return ValuesView(self)

    def is_live(self, guid: Guid | None) -> bool:
        """The object is here and is no tombstone."""
        place = self.place(guid) if guid is not None else None
        return place is not None and not place.deleted

    def dn(self, guid: Guid) -> str:
        """The object's DN."""
        number = self.number(guid)
        if number is None:
            raise KeyError(guid)
        return self.dn_of(number)

    def dn_of(self, number: int) -> str:
        """The same, by its number."""
        place = self.place_of(number)
        if place is None:
            raise KeyError(number)
        parts, met = [place.rdn], set[int]()
        parent = place.parent
        while parent is not None and parent not in met and (above := self.place_of(parent)) is not None:
            met.add(parent)
            parts.append(above.rdn)
            parent = above.parent
        found = parts.pop()
        while parts:
            found = f"{parts[-1]},{found}" if found else parts[-1]
            parts.pop()
        return found

    def forget(self) -> None:
        """Hold no object any longer."""
        self._commits.forget()

    def class_of(self, number: int) -> str:
        """An object's most special class, by its number; empty where nobody knows."""
        found = self._newest("SELECT seq, class FROM classes WHERE object = ? AND seq <= ? ORDER BY seq DESC", number)
        return "" if found is None else str(found)

    def sid_of(self, number: int) -> bytes | None:
        """An object's objectSid, by its number; None where it has none."""
        found = self._newest("SELECT seq, sid FROM accounts WHERE object = ? AND seq <= ? ORDER BY seq DESC", number)
        return found if isinstance(found, bytes) else None

    def _newest(self, query: str, number: int) -> object:
        place = self.place_of(number)
        rows = self._rows.execute(query, (number, self.last)) if place is not None else ()
        born = place.born if place is not None else 0
        return next((value for seq, value in rows if seq in self.counts and seq >= born), None)

    def linked(self, source: int, target: int, attribute: str, form: bytes) -> bool:
        """An object had a link to another, by their numbers."""
        place = self.place_of(source)
        rows = self._rows.execute(
            "SELECT seq, present FROM links WHERE target = ? AND source = ? AND attribute = ? AND form = ? "
            "AND seq <= ? ORDER BY seq DESC",
            (target, source, attribute, form, self.last),
        )
        born = place.born if place is not None else self.last + 1
        return bool(next((present for seq, present in rows if seq in self.counts and seq >= born), 0))

    def number(self, guid: Guid) -> int | None:
        """The number that stands for an object; None: it never was."""
        if guid not in self._numbers:
            found = self._rows.execute("SELECT id FROM objects WHERE guid = ?", (guid,)).fetchone()
            self._numbers[guid] = found[0] if found else None
        return self._numbers[guid]

    def place(self, guid: Guid) -> Place | None:
        """Where an object is; None: it is not here."""
        number = self.number(guid)
        return None if number is None else self.place_of(number)

    def place_of(self, number: int) -> Place | None:
        """The same, by its number."""
        if number not in self._places:
            found = self._rows.execute(
                f"SELECT {PLACE} FROM places WHERE object = ? AND seq <= ? ORDER BY seq DESC",  # noqa: S608
                (number, self.counts.last),
            )
            place = next((Place(*row) for row in found if row[0] in self.counts), None)
            self._places[number] = place if place is not None and place.present else None
        return self._places[number]

    def standing(self, found: Iterable[tuple[int, int, tuple[object, ...]]]) -> dict[int, tuple[object, ...]]:
        """What rows say of objects that are here: of each its newest row that counts.

        Args:
            found: Object, commit and the rest of each row, oldest first.
        """
        newest = {number: (seq, rest) for number, seq, rest in found if seq in self.counts}
        return {
            number: rest
            for number, (seq, rest) in newest.items()
            if (place := self.place_of(number)) is not None and seq >= place.born
        }


class IndexedView(View):
    """The same questions, looked up."""

    state: IndexedState

    def __init__(self, rows: sqlite3.Connection, commits: Commits, counts: Counting) -> None:
        super().__init__(IndexedState(rows, commits, counts))
        self._rows = rows
        self._counts = counts

    def candidates(self, name: str) -> Iterable[ObjectState]:
        """All that may be called that."""
        return [self.state[guid] for guid in self._candidates(name) if guid in self.state]

    def _candidates(self, name: str) -> list[Guid]:
        meant = called(name)
        if meant.guid is not None:
            query = "guid = ? AND id IN (SELECT object FROM places) OR id IN (SELECT object FROM places WHERE key = ?)"
            keys: tuple[bytes | str, ...] = (meant.guid, meant.policy)
        elif meant.dn is not None:
            query = "id IN (SELECT object FROM places WHERE key = ?)"
            keys = (stem(meant.dn[0]),)
        else:
            query = "id IN (SELECT object FROM aliases WHERE alias = ?)"
            keys = (meant.sid if meant.sid is not None else (meant.account or "").encode(),)
        found = self._rows.execute(f"SELECT guid FROM objects WHERE {query} ORDER BY id", keys)  # noqa: S608
        return [Guid(guid) for (guid,) in found]

    def was_ever(self, name: str) -> bool:
        """Something was once called that, or its name began like it."""
        return bool(self._candidates(name))

    def dn(self, guid: Guid) -> str:
        """Where it is; empty where it is not here."""
        return self.state.dn(guid) if guid in self.state else ""

    def facts(self) -> JournalSchema:
        """What the schema says."""
        rows = self._rows.execute(
            "SELECT object, seq, defines, name, syntax, flags, link FROM definitions ORDER BY object, seq"
        )
        known = {}
        for defines, name, syntax, flags, link in self.state.standing(
            (row[0], row[1], row[2:]) for row in rows
        ).values():
            if defines and name is not None:
                known[str(name)] = AttributeFacts.told(
                    syntax=str(syntax or ""), search_flags=str(flags or ""), link=str(link or "")
                )
        return JournalSchema(known)

    def linking_to(self, guid: Guid) -> Iterator[tuple[str, Guid]]:
        """Links that lead to an object."""
        number = self.state.number(guid)
        rows = self._rows.execute(
            "SELECT guid, source, attribute, form, seq, present FROM links JOIN objects ON id = source "
            "WHERE target = ? ORDER BY seq",
            (number,),
        )
        newest = {row[:4]: (row[4], row[5]) for row in rows if row[4] in self._counts}
        for source, name in dict.fromkeys(
            (source, name)
            for (source, number, name, _), (seq, present) in newest.items()
            if present
            and (place := self.state.place_of(number)) is not None
            and not place.deleted
            and seq >= place.born
        ):
            yield name, Guid(source)

    def accounts(self, sids: Collection[str]) -> dict[str, str]:
        """Account names by SID."""
        found = {}
        for text in filter(None, sids):
            for account in self._with_sid(text).values():
                if account is not None:
                    found[text] = str(account)
        return found

    def of_sid(self, sid: str) -> Guid | None:
        """The object that has a SID."""
        for number in self._with_sid(sid):
            (guid,) = self._rows.execute("SELECT guid FROM objects WHERE id = ?", (number,)).fetchone()
            return Guid(guid)
        return None

    def _with_sid(self, text: str) -> dict[int, object]:
        """Account names by the numbers of the objects that have a SID: one, as a rule."""
        sid = sid_from_text(text)
        rows = self._rows.execute(
            "SELECT object, seq, sid, account FROM accounts "
            "WHERE object IN (SELECT object FROM accounts WHERE sid = ?) ORDER BY object, seq",
            (sid,),
        )
        standing = self.state.standing((row[0], row[1], row[2:]) for row in rows)
        return {number: account for number, (has, account) in standing.items() if has == sid}

    def databases(self) -> dict[Guid, str]:
        """Names of the DCs by the invocationID of their database."""
        named: dict[Guid, str] = {}
        for number, invocations in self._databases().items():
            (guid,) = self._rows.execute("SELECT guid FROM objects WHERE id = ?", (number,)).fetchone()
            place = self.state.place_of(number)
            if place is not None and place.parent is not None:
                named |= dict.fromkeys(invocations, database_name(self.state.dn(Guid(guid))))
        return named

    def invocations(self, guid: Guid) -> frozenset[Guid]:
        """invocationIDs of an object."""
        number = self.state.number(guid)
        return self._databases().get(number, frozenset()) if number is not None else frozenset()

    def _databases(self) -> dict[int, frozenset[Guid]]:
        rows = self._rows.execute("SELECT object, seq, invocations FROM databases ORDER BY object, seq")
        return {
            number: frozenset(Guid(bytes.fromhex(each)) for each in json.loads(str(listed)))
            for number, (listed,) in self.state.standing((row[0], row[1], row[2:]) for row in rows).items()
        }
