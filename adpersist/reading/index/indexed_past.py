"""What :class:`adpersist.reading.past.past.Past` tells, looked up: objects as of any commit without their secrets, and
where points lie. Of the journal it reads the few commits that tell of what is asked for."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from adpersist.audit.log import AuditLog
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.head import Head
from adpersist.model.objects.change import Change
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import ACCOUNT, NoSuchObjectError, called
from adpersist.reading.index.filling import FREE_NAMES
from adpersist.reading.index.indexed import IndexedSealedLog
from adpersist.reading.index.indexed_state import Commits, IndexedState, IndexedView, Reader
from adpersist.reading.index.places import ALIVE, GONE, PLACE, Place
from adpersist.reading.index.spans import counting
from adpersist.reading.past.glimpse import Glimpse
from adpersist.reading.past.named import Named
from adpersist.reading.past.past import TAKEN_BACK, Entry, Look, joined
from adpersist.reading.past.sealing import Sealing
from adpersist.reading.past.writers import Writers
from adpersist.reading.view import database_name
from adpersist.state.journal_schema import AttributeFacts, JournalSchema

_AT_ONCE: Final = 500
"""So many entries are read together."""
_LOOK: Final = (
    "SELECT seq, time, timeline, kind, digest, mark, target, host, deeds, "
    "(SELECT sum(count) FROM commits AS each WHERE each.look = commits.seq), "
    "(SELECT usn_from FROM commits AS each WHERE each.look = commits.seq AND kind = 'look' ORDER BY seq LIMIT 1) "
    "FROM commits WHERE look = seq"
)
_ENTRIES: Final = (
    "SELECT number, lines.seq, lines.kind, guid, a.list, b.list, (SELECT min(seq) FROM commits WHERE look = lines.seq) "
    "FROM lines JOIN objects ON objects.id = object "
    "JOIN names AS a ON a.id = lines.names JOIN names AS b ON b.id = links"
)


class IndexedPast:
    """By an index that has all of the journal up to its head; to be asked while nobody changes that.

    Args:
        journal: Read.
        head: Its.
        rows: The index.
        audit_log: Samba's, where there is one.
        schema: What is known of the schema already; see :class:`Schema`.

    Attributes:
        begins: The commit it begins after.
        seq: Of the newest look or other commit.
    """

    def __init__(
        self,
        journal: Reader,
        head: Head,
        rows: sqlite3.Connection,
        *,
        audit_log: AuditLog | None = None,
        schema: "Schema | None" = None,
    ) -> None:
        self._head = head
        self._rows = rows
        self._audit_log = audit_log
        self._sealed_log = IndexedSealedLog(journal, rows)
        self._sealed_log.reach(head.seq)
        known = schema or Schema()
        self._views: dict[Seq, IndexedView] = {}
        self._commits = Commits(journal, rows)
        self.facts, sealing = known.of(rows, lambda: self._view(head.seq).facts())
        self._views.clear()
        self._commits = Commits(journal, rows, sealing)
        self.begins = head.pruned
        self.seq = self._last_look(head.seq)
        self._writers: Writers | None = None
        self._last_asked: Look | None = None
        """One look tells of many objects."""
        self._left = [
            (Seq(target), Seq(seq))
            for target, seq in rows.execute(
                "SELECT target, seq FROM commits WHERE kind = ? AND target IS NOT NULL", (str(CommitKind.RESTORE_END),)
            )
        ]

    # --- points -----------------------------------------------------------------------------------------------------

    @property
    def earliest(self) -> Seq:
        """The first commit at which the whole directory is known."""
        first = self._look("ORDER BY seq LIMIT 1")
        return first.seq if first is not None and first.first else self.begins

    def marked(self, name: str) -> Seq | None:
        """The last commit of a mark."""
        (seq,) = self._rows.execute("SELECT max(seq) FROM commits WHERE mark = ?", (name,)).fetchone()
        return None if seq is None else Seq(seq)

    def last_before(self, moment: float) -> Seq | None:
        """The last commit up to a time. Unix seconds."""
        (seq,) = self._rows.execute("SELECT max(seq) FROM commits WHERE look = seq AND time <= ?", (moment,)).fetchone()
        return None if seq is None else Seq(seq)

    def look_at(self, seq: Seq) -> Look | None:
        """The last look or other commit up to one; None: none is known."""
        return self._look("AND seq <= ? ORDER BY seq DESC LIMIT 1", seq)

    def looks_of(self, kind: CommitKind) -> list[Look]:
        """All commits of a kind, oldest first."""
        return list(self._looks("AND kind = ? ORDER BY seq", str(kind)))

    def newest(self) -> Look | None:
        """The last commit that is no use of the console."""
        return self._look("AND kind <> ? ORDER BY seq DESC LIMIT 1", str(CommitKind.USE))

    def is_abandoned(self, seq: Seq) -> bool:
        """A later restore went back behind this commit, so the present is not made of it."""
        return any(base < seq < begins for base, begins in self._left)

    # --- objects ----------------------------------------------------------------------------------------------------

    def at(self, seq: Seq) -> IndexedState:
        """The directory as of a commit, one of an abandoned timeline too. Raises: PointError: It was pruned."""
        return self._view(self._last_look(seq)).state

    def version(self, guid: Guid, seq: Seq) -> ObjectState | None:
        """An object as of a commit; None: it was not there."""
        return self.at(seq).get(guid)

    def of_object(
        self, guid: Guid, *, after: Seq = BEFORE_FIRST, through: Seq | None = None, most: int | None = None
    ) -> list[Entry]:
        """What happened to an object, oldest first; see :meth:`~adpersist.reading.past.telling.Telling.of_object`."""
        rows = self._rows.execute(
            f"{_ENTRIES} WHERE guid = ? AND lines.seq > ? AND lines.seq <= ? ORDER BY number DESC LIMIT ?",
            (guid, after, self.seq if through is None else through, -1 if most is None else most),
        ).fetchall()
        return [self._entry(*row) for row in reversed(rows)]

    def read_ahead(self, guids: Collection[Guid], last: Seq) -> None:
        """Have at hand what some objects are up to a commit; who asks for many is answered sooner then."""
        self._commits.read_ahead(guids, last)

    def glimpses(self, after: Seq, attributes: Collection[str], classes: Collection[str]) -> Iterator[Glimpse]:
        """What happened after a commit to living objects, oldest first; no more than what touched one of these
        attributes, is of one of these classes, or ended a life. What a restore took back is left out."""
        lists = {number: frozenset(names_of(each)) for number, each in self._rows.execute("SELECT id, list FROM names")}
        touching = json.dumps([number for number, names in lists.items() if not names.isdisjoint(attributes)])
        rows = self._rows.execute(
            "SELECT number, lines.seq, time, lines.kind, guid, class, was, became, lines.names, links FROM lines "
            "JOIN commits ON commits.seq = lines.seq JOIN objects ON objects.id = object "
            "WHERE lines.seq > ? AND lines.kind <> ? AND (was = ? OR became = ?) AND (became <> ? "
            "OR class IN (SELECT value FROM json_each(?)) "
            "OR lines.names IN (SELECT value FROM json_each(?)) OR links IN (SELECT value FROM json_each(?))) "
            "ORDER BY number",
            (after, TAKEN_BACK, ALIVE, ALIVE, ALIVE, json.dumps(list(classes)), touching, touching),
        ).fetchall()
        for number, seq, time, kind, guid, object_class, was, became, names, links in rows:
            yield Glimpse(
                number=number,
                seq=seq,
                time=time,
                kind=kind,
                guid=guid,
                object_class=object_class,
                names=lists[names] | lists[links],
                was_there=was != GONE,
                was_alive=was == ALIVE,
                is_alive=became == ALIVE,
            )

    def entries_of(self, glimpses: Sequence[Glimpse]) -> Iterator[Entry]:
        """What was glimpsed, whole, in that order."""
        for at in range(0, len(glimpses), _AT_ONCE):
            some = glimpses[at : at + _AT_ONCE]
            self.read_ahead({each.guid for each in some}, some[-1].seq)
            numbers = json.dumps([each.number for each in some])
            query = f"{_ENTRIES} WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number"  # noqa: S608
            yield from (self._entry(*row) for row in self._rows.execute(query, (numbers,)).fetchall())
            self._views.clear()
            self._commits.forget()

    def ever_within(self, rids: Collection[int], accounts: Collection[str], attribute: str) -> frozenset[Guid]:
        """Objects that ever had a SID that ends so or such an account name, and all that links of an attribute ever
        led to from there, directly or through others."""
        endings = json.dumps([number.to_bytes(4, "little").hex().upper() for number in rids])
        rows = self._rows.execute(
            "WITH RECURSIVE found(object) AS (SELECT object FROM accounts "
            "WHERE hex(substr(sid, -4)) IN (SELECT value FROM json_each(?)) "
            "OR account IN (SELECT value FROM json_each(?)) "
            "UNION SELECT target FROM found JOIN links ON source = found.object WHERE attribute = ? AND present) "
            "SELECT guid FROM objects WHERE id IN found",
            (endings, json.dumps(list(accounts)), attribute),
        )
        return frozenset(Guid(guid) for (guid,) in rows)

    def of_sid(self, sid: str, seq: Seq) -> Guid | None:
        """The object that had a SID as of a commit."""
        return self._view(self._last_look(seq)).of_sid(sid) if sid else None

    def types(self, type_id: str) -> list[Guid]:
        """Objects that ever said what a GUID in permissions stands for: :func:`~adpersist.reading.find.type_ids`."""
        rows = self._rows.execute("SELECT guid FROM types JOIN objects ON id = object WHERE type = ?", (type_id,))
        return sorted(Guid(guid) for (guid,) in rows)

    def _entry(self, number: int, seq: Seq, kind: str, guid: Guid, names: str, links: str, first: Seq) -> Entry:
        look = self._last_asked
        if look is None or look.seq != seq:
            look = self._last_asked = self.look_at(seq)
        assert look is not None  # noqa: S101 - there is a line of it
        told = self._told(guid, first, seq)
        old, new = self.version(guid, Seq(first - 1)), self.version(guid, seq)
        every = frozenset((*names_of(names), *names_of(links)))
        if new is None and old is not None:
            every = frozenset((*old.values, *old.links))
        return Entry(
            number=number,
            look=look,
            kind=kind,
            guid=Guid(guid),
            old=old,
            new=new,
            names=every,
            stamps=joined([change.stamps for change in told]),
            link_stamps=joined([change.link_stamps for change in told]),
        )

    def differing(self, first: Seq, last: Seq) -> list[tuple[str, Guid]]:
        """Objects that are not the same at two commits, sorted by their DNs: at the second, or of what is gone there at
        the first."""
        old, new = self.at(first), self.at(last)
        (was, begins), (now, ends) = old.counts.condition, new.counts.condition
        whole = "(SELECT whole FROM touches AS each WHERE each.object = d.object AND {} ORDER BY seq DESC LIMIT 1)"
        rows = self._rows.execute(
            "SELECT id, guid, now IS NULL, rdn, parent FROM "  # noqa: S608
            f"(SELECT object, {whole.format(was)} AS was, {whole.format(now)} AS now, "
            f"(SELECT max(seq) FROM places AS each WHERE each.object = d.object AND {now}) AS since "
            f"FROM (SELECT DISTINCT object FROM touches WHERE {was} <> {now}) AS d WHERE was IS NOT now) AS found "
            "JOIN objects ON id = found.object LEFT JOIN places ON places.object = id AND places.seq = since",
            (*begins, *ends, *ends, *begins, *ends),
        )
        above: dict[int | None, str] = {None: ""}
        found = []
        for number, guid, gone, rdn, parent in rows:
            if parent not in above:
                below = new.dn_of(parent) if new.place_of(parent) is not None else ""
                above[parent] = f",{below}" if below else ""
            dn = old.dn_of(number) if gone else f"{rdn}{above[parent]}"
            found.append((dn.casefold(), Guid(guid), dn))
        return [(dn, guid) for _, guid, dn in sorted(found)]

    def was_ever(self, guid: Guid) -> bool:
        """There was such an object once."""
        return (
            self._rows.execute(
                "SELECT 1 FROM places WHERE object = (SELECT id FROM objects WHERE guid = ?) AND present LIMIT 1",
                (guid,),
            ).fetchone()
            is not None
        )

    def guids_of(self, name: str) -> frozenset[Guid]:
        """Every object that ever was of a class, the most special one."""
        rows = self._rows.execute("SELECT guid FROM objects JOIN classes ON object = id WHERE class = ?", (name,))
        return frozenset(Guid(guid) for (guid,) in rows)

    def links_to(self, guid: Guid, seq: Seq) -> list[tuple[str, Guid]]:
        """Links that led to an object as of a commit."""
        return list(self._view(self._last_look(seq)).linking_to(guid))

    # --- names ------------------------------------------------------------------------------------------------------

    def living(self) -> Counter[str]:
        """Living objects by class."""
        within, last = counting(self._head, self.seq).condition
        rows = self._rows.execute(
            "SELECT class, count(*) FROM "  # noqa: S608
            f"(SELECT object, present, deleted, born, max(seq) FROM places WHERE {within} GROUP BY object) "
            f"LEFT JOIN (SELECT object, class, max(seq) AS since FROM classes WHERE {within} GROUP BY object) "
            "USING (object) WHERE present AND NOT deleted GROUP BY class",
            (*last, *last),
        )
        return Counter({str(name or ""): count for name, count in rows})

    def called(self, name: str) -> list[Guid]:
        """Objects whose DN, GUID, SID or account name that is, living ones first."""
        try:
            meant = called(name)
        except NoSuchObjectError:
            return []
        view = self._view(self.seq)
        found = [item for item in view.candidates(name) if meant.matches(view.state, item)]
        return [item.guid for item in sorted(found, key=lambda item: item.deleted)]

    def resembling(self, name: str) -> list[Guid]:
        """Objects that have a text in their DN, or ever had it in one of their names."""
        text = name.strip().casefold()
        if not text or "\0" in text:
            return []
        self._rows.create_function("holds", 1, lambda each: text in (each or "").casefold(), deterministic=True)
        open_names = [each for each in FREE_NAMES if not self.facts.is_secret(each)]
        ways = ["SELECT object FROM places WHERE holds(rdn)"]
        if not self.facts.is_secret(ACCOUNT):
            ways.append("SELECT object FROM accounts WHERE holds(account)")
        ways += ["SELECT object FROM called WHERE attribute = ? AND holds(name)"] * len(open_names)
        found = {number for (number,) in self._rows.execute(" UNION ".join(ways), open_names)}
        found |= self._below(text)
        return [Guid(guid) for number, guid in self._rows.execute("SELECT id, guid FROM objects") if number in found]

    def named(self, guid: Guid) -> Named:
        """What an object is called now, or was last."""
        number = self._number(guid)
        state = self._view(self.seq).state
        place = state.place_of(number)
        if place is None:
            rows = self._rows.execute(
                f"SELECT {PLACE} FROM places WHERE object = ? AND present ORDER BY seq DESC LIMIT 1",  # noqa: S608
                (number,),
            )
            last = Place(*rows.fetchone())
            return Named(guid=guid, dn=last.rdn, object_class=self._last_class(number), is_deleted=True)
        return Named(
            guid=guid,
            dn=state.dn_of(number),
            object_class=state.class_of(number),
            is_deleted=bool(place.deleted),
        )

    # --- who --------------------------------------------------------------------------------------------------------

    def databases(self) -> dict[Guid, str]:
        """Names of the DCs by the invocationIDs their databases ever had."""
        return {each: name for each, (_, name) in self._databases().items()}

    def accounts(self, sids: Collection[str], seq: Seq) -> Mapping[str, str]:
        """Account names by SID, as of a commit."""
        return self._view(self._last_look(seq)).accounts(sids)

    def accounts_ever(self, sid: bytes) -> Iterator[str]:
        """Names that the account with a SID ever had."""
        rows = self._rows.execute(
            "SELECT DISTINCT account FROM accounts WHERE account IS NOT NULL "
            "AND object IN (SELECT object FROM accounts WHERE sid = ?)",
            (sid,),
        )
        return (str(account) for (account,) in rows)

    def writers(self) -> Writers:
        """Who wrote, as far as that is known."""
        if self._writers is None:
            known, server = self._databases(), self._head.identity.server
            own = {each for each, (guid, _) in known.items() if guid == server}
            self._writers = Writers(self.databases(), own, self._audit_log, self._sealed_log)
        return self._writers

    # --- inside -----------------------------------------------------------------------------------------------------

    def _databases(self) -> dict[Guid, tuple[Guid, str]]:
        found: dict[Guid, tuple[Guid, str]] = {}
        rows = self._rows.execute(
            "SELECT guid, seq, invocations FROM databases JOIN objects ON id = object ORDER BY seq"
        ).fetchall()
        for guid, seq, listed in rows:
            state = self.at(self._end_of(seq))
            place = state.place(Guid(guid))
            if place is not None and place.parent is not None:
                name = database_name(state.dn(Guid(guid)))
                found |= {Guid(bytes.fromhex(each)): (Guid(guid), name) for each in names_of(listed)}
        return found

    def _end_of(self, seq: Seq) -> Seq:
        """The end of the look that a commit belongs to."""
        row = self._rows.execute("SELECT look FROM commits WHERE seq = ?", (seq,)).fetchone()
        return Seq(row[0]) if row is not None and row[0] is not None else seq

    def _view(self, seq: Seq) -> IndexedView:
        if seq not in self._views:
            self._views[seq] = IndexedView(self._rows, self._commits, counting(self._head, seq))
        return self._views[seq]

    def _last_look(self, seq: Seq) -> Seq:
        (found,) = self._rows.execute("SELECT max(look) FROM commits WHERE look <= ?", (seq,)).fetchone()
        return self._head.pruned if found is None else Seq(found)

    def _told(self, guid: Guid, first: Seq, last: Seq) -> list[Change]:
        seqs = self._rows.execute(
            "SELECT seq FROM touches WHERE object = (SELECT id FROM objects WHERE guid = ?) AND seq BETWEEN ? AND ? "
            "ORDER BY seq",
            (guid, first, last),
        ).fetchall()
        return [change for (seq,) in seqs for change in self._commits.changes(Seq(seq), guid)]

    def _look(self, which: str, *words: object) -> Look | None:
        return next(self._looks(which, *words), None)

    def _looks(self, which: str, *words: object) -> Iterator[Look]:
        for row in self._rows.execute(f"{_LOOK} {which}", words):
            seq, time, timeline, kind, digest, mark, target, host, deeds, count, usn_from = row
            yield Look(
                seq=Seq(seq),
                time=time,
                timeline=timeline,
                kind=CommitKind(kind),
                count=count,
                digest=digest,
                first=kind == CommitKind.LOOK and usn_from == 0 and timeline == 1,
                mark=mark,
                target=None if target is None else Seq(target),
                host=host,
                account=deeds,
            )

    def _number(self, guid: Guid) -> int:
        (number,) = self._rows.execute("SELECT id FROM objects WHERE guid = ?", (guid,)).fetchone()
        return int(number)

    def _last_class(self, number: int) -> str:
        row = self._rows.execute(
            "SELECT class FROM classes WHERE object = ? ORDER BY seq DESC LIMIT 1", (number,)
        ).fetchone()
        return str(row[0]) if row is not None else ""

    def _below(self, text: str) -> set[int]:
        """Objects that have a text in their DN, and not in their own name alone."""
        state, within, above = self._view(self.seq).state, set[int](), dict[int, str]()
        for (number,) in self._rows.execute("SELECT DISTINCT parent FROM places WHERE parent IS NOT NULL").fetchall():
            if state.place_of(number) is not None:
                dn = state.dn_of(number).casefold()
                if text in dn:
                    within.add(number)
                elif any(dn.startswith(text[at + 1 :]) for at, letter in enumerate(text) if letter == ","):
                    above[number] = dn  # the text may begin in the name of what lies there
        if not within and not above:
            return set()
        standing, last = counting(self._head, self.seq).condition
        rows = self._rows.execute(
            "SELECT object, rdn, parent FROM "  # noqa: S608
            f"(SELECT object, rdn, parent, present, max(seq) FROM places WHERE {standing} GROUP BY object) "
            "WHERE present AND parent IS NOT NULL",
            last,
        )
        return {
            number
            for number, rdn, parent in rows
            if parent in within or (parent in above and text in f"{rdn.casefold()},{above[parent]}")
        }


class Schema:
    """What the schema says, made again only when something was written into it."""

    def __init__(self) -> None:
        self._known: tuple[object, JournalSchema, Sealing] | None = None

    def of(self, rows: sqlite3.Connection, read: Callable[[], JournalSchema]) -> tuple[JournalSchema, Sealing]:
        """The facts, and what takes secrets out: also those that were one once."""
        found = rows.execute(
            "SELECT count(*), max(seq), (SELECT max(timeline) FROM commits) FROM definitions"
        ).fetchone()
        if self._known is None or self._known[0] != found:
            confidential = rows.execute(
                "SELECT DISTINCT name, flags FROM definitions WHERE name IS NOT NULL"
            ).fetchall()
            once = [
                name
                for name, flags in confidential
                if AttributeFacts.told(syntax="", search_flags=flags or "", link="").confidential
            ]
            facts = read()
            self._known = found, facts, Sealing(facts, once)
        return self._known[1:]


def names_of(listed: str) -> list[str]:
    """A list as the index has it."""
    return [str(each) for each in json.loads(listed)]
