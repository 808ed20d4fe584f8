"""The list of changes, looked up: what a page of it shows and is filtered by stands in the index, no commit is read."""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Final

from adpersist.audit.log import AuditLog
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.identity.sid import sid_text
from adpersist.model.objects.change import Stamp
from adpersist.reading.find import former_name
from adpersist.reading.index.indexed_past import IndexedPast, names_of
from adpersist.reading.index.indexed_state import IndexedState
from adpersist.reading.index.places import ALIVE, DELETED
from adpersist.reading.past.line import LEFT, MOST_ENDS, Ends, Line, Wanted, end_text
from adpersist.reading.past.past import TAKEN_BACK
from adpersist.reading.past.person import Person, Write
from adpersist.reading.past.writers import Written
from adpersist.reading.text.line_text import writer_of

_LINES: Final = (
    "SELECT number, lines.seq, time, timeline, lines.kind, guid, class, was, became, a.dn, b.dn, said.list, object, "
    "(SELECT min(seq) FROM commits AS each WHERE each.look = lines.seq) "
    "FROM lines CROSS JOIN commits ON commits.seq = lines.seq CROSS JOIN objects ON objects.id = object "
    "LEFT JOIN dns AS a ON a.id = dn_from LEFT JOIN dns AS b ON b.id = dn_to "
    "CROSS JOIN names AS said ON said.id = lines.names "
)
_AMONG: Final = "{} IN (SELECT value FROM json_each(?))"
_WRITTEN_THEN: Final = f"number IN (SELECT line FROM written WHERE {_AMONG.format('time')})"  # noqa: S608
_WRITTEN_THERE: Final = f"EXISTS (SELECT 1 FROM written WHERE line = number AND {_AMONG.format('hex(origin)')})"  # noqa: S608
_DNS: Final = "(SELECT id FROM dns WHERE has(dn))"
_CALLED: Final = f"(dn_to IN {_DNS} OR dn_from IN {_DNS} AND (moved OR {_AMONG.format('lines.kind')}))"
_HOUR_S: Final = 3600
Test = tuple[str, list[object]]
"""A condition, and what its marks stand for."""
Row = tuple[int, int, float, int, str, bytes, str, int, int, str | None, str | None, str, int, int]


class IndexedLines:
    """By an index that is opened.

    Args:
        past: What else is looked up in it.
        rows: The same index.
        audit_log: Samba's, where there is one.
    """

    def __init__(self, past: IndexedPast, rows: sqlite3.Connection, audit_log: AuditLog | None = None) -> None:
        self._past = past
        self._rows = rows
        self._audit_log = audit_log

    @property
    def count(self) -> int:
        """Of all lines."""
        (count,) = self._rows.execute("SELECT coalesce(max(number), 0) FROM lines").fetchone()
        return int(count)

    def kinds(self) -> set[str]:
        """Kinds of which there are lines."""
        return {kind for (kind,) in self._rows.execute("SELECT DISTINCT kind FROM tallies")}

    def classes(self) -> set[str]:
        """Classes of objects of which there are lines."""
        return {name for (name,) in self._rows.execute("SELECT DISTINCT class FROM tallies")}

    def hours(self, since: float) -> Counter[int]:
        """Lines by hour, counted as Unix hours.

        Args:
            since: Unix seconds, the beginning of the first one.
        """
        return Counter(
            dict(
                self._rows.execute(
                    "SELECT CAST(time / ? AS INTEGER), sum(told) FROM "
                    "(SELECT seq, count(*) AS told FROM lines GROUP BY seq) JOIN commits USING (seq) "
                    "WHERE time >= ? GROUP BY 1",
                    (_HOUR_S, since),
                )
            )
        )

    def found(self, wanted: Wanted) -> Iterator[Line]:
        """Lines that fit, newest first."""
        person = Person.among(self._writes(), self._past.accounts_ever, wanted.who) if wanted.who else None
        tests = [*_points(wanted), *self._named(wanted)]
        if person is not None:
            tests.append((_WRITTEN_THEN, [json.dumps(list(person.times))]))
        conditions = " AND ".join(condition for condition, _ in tests) or "1"
        words = [word for _, words in tests for word in words]
        lines = map(self._line, self._rows.execute(f"{_LINES} WHERE {conditions} ORDER BY number DESC", words))
        if person is None:
            return lines
        return (line for line in lines if person.wrote(writer_of(self._past, line)["who"]))

    def _named(self, wanted: Wanted) -> Iterator[Test]:
        """What the words of a question come to."""
        if wanted.action:
            yield "lines.kind = ?", [wanted.action]
        if wanted.object_class:
            name = wanted.object_class.casefold()
            yield _AMONG.format("class"), [json.dumps([each for each in self.classes() if each.casefold() == name])]
        if wanted.attribute:
            lists = json.dumps(self._lists_with(wanted.attribute))
            yield f"({_AMONG.format('lines.names')} OR {_AMONG.format('links')})", [lists, lists]
        if wanted.dc:
            yield _WRITTEN_THERE, [self._of(wanted.dc)]
        if wanted.guid is not None:
            yield "object = (SELECT id FROM objects WHERE guid = ?)", [wanted.guid]
        if wanted.what:
            text = wanted.what.casefold()
            self._rows.create_function("has", 1, lambda dn: text in dn.casefold(), deterministic=True)
            yield _CALLED, [json.dumps(list(LEFT))]

    def deletions(self, text: str, most: int) -> tuple[int, list[Line]]:
        """How many objects are deleted or gone now, and each one's last line when it lived, newest first.

        Args:
            text: Part of the DN they had, casefolded; empty: all.
            most: So many lines.
        """
        newest, seen = self._past.at(self._past.seq), set[int]()
        found: list[Row] = []
        rows = self._rows.execute(f"{_LINES} WHERE was = ? AND became <> ? ORDER BY number DESC", (ALIVE, ALIVE))
        for row in rows:
            if row[12] not in seen and not newest.is_live(Guid(row[5])):
                seen.add(row[12])
                if text in (row[9] or "").casefold():
                    found.append(row)
        return len(found), [self._line(row) for row in found[:most]]

    def _line(self, row: Row) -> Line:
        (
            number,
            seq,
            time,
            timeline,
            kind,
            guid,
            object_class,
            was,
            became,
            dn_from,
            dn_to,
            names,
            this,
            first,
        ) = row
        before, after = self._past.at(Seq(first - 1)), self._past.at(Seq(seq))
        told = (0 if kind == TAKEN_BACK else first, seq)
        here = after if became else before
        return Line(
            number=number,
            seq=Seq(seq),
            time=time,
            timeline=timeline,
            kind=kind,
            guid=Guid(guid),
            object_class=object_class,
            was_alive=was == ALIVE,
            is_deleted=(became or was) == DELETED,
            sid=_sid_text(here.sid_of(this)),
            dn_from=dn_from,
            dn_to=dn_to,
            dn=_former(here, this) if (became or was) == DELETED else dn_to or dn_from,
            names=tuple(names_of(names)),
            came=self._ends(this, told, (before, after)) if became else {},
            went=self._ends(this, told, (after, before)) if became else {},
            written=tuple(self._written(number)),
        )

    def _written(self, number: int) -> Iterator[Written]:
        rows = self._rows.execute(
            "SELECT time, origin, list FROM written JOIN names ON id = names WHERE line = ?", (number,)
        )
        for time, origin, listed in rows:
            for name in names_of(listed):
                yield name, Stamp(version=0, time=time, origin=Guid(origin), usn=Usn(0))

    def _ends(self, this: int, told: tuple[int, int], states: tuple[IndexedState, IndexedState]) -> dict[str, Ends]:
        """Where links lead to in the second state, and not in the first one; by what these commits tell."""
        without, state = states
        rows = self._rows.execute(
            "SELECT DISTINCT attribute, target, form, guid FROM links JOIN objects ON id = target "
            "WHERE source = ? AND seq BETWEEN ? AND ? ORDER BY attribute, guid",
            (this, *told),
        ).fetchall()
        ends: dict[str, dict[int, Guid]] = {}
        for name, target, form, guid in rows:
            if state.linked(this, target, name, form) and not without.linked(this, target, name, form):
                ends.setdefault(name, {})[target] = Guid(guid)
        return {
            name: Ends(
                listed=tuple(
                    sorted(
                        end_text(guid, state.dn_of(target) if state.place_of(target) is not None else "")
                        for target, guid in list(found.items())[:MOST_ENDS]
                    )
                ),
                count=len(found),
            )
            for name, found in ends.items()
        }

    def _lists_with(self, attribute: str) -> list[int]:
        pattern = re.compile(".*".join(map(re.escape, attribute.split("*"))), re.IGNORECASE)
        lists = self._rows.execute("SELECT id, list FROM names")
        return [number for number, listed in lists if any(map(pattern.fullmatch, names_of(listed)))]

    def _of(self, dc: str) -> str:
        name = dc.casefold()
        return json.dumps(
            [each.hex().upper() for each, called in self._past.databases().items() if called.casefold() == name]
        )

    def _writes(self) -> Iterator[Write]:
        known: dict[str, tuple[str, str]] = {}
        for second, who in self._rows.execute("SELECT second, who FROM writers"):
            if who not in known:
                sid, account, _ = json.loads(who)
                known[who] = sid, account
            yield *known[who], second
        for line in self._audit_log.lines() if self._audit_log is not None else ():
            yield line.sid, line.account, line.time


def _sid_text(value: bytes | None) -> str | None:
    try:
        return sid_text(value) if value is not None else None
    except ValueError:
        return None


def _points(wanted: Wanted) -> Iterator[Test]:
    """Between which points, and before which line."""
    for condition, value in (
        ("number < ?", wanted.before),
        ("lines.seq > ?", wanted.after),
        ("lines.seq <= ?", wanted.through),
        ("time > ?", wanted.later),
        ("time <= ?", wanted.until),
    ):
        if value is not None:
            yield condition, [value]


def _former(state: IndexedState, this: int) -> str | None:
    """What a tombstone was called when it lived, as far as it tells."""
    place = state.place_of(this)
    if place is None:
        return None
    name = former_name(place.rdn)
    if name is None:
        return state.dn_of(this)
    above = place.former if place.former is not None and state.place_of(place.former) is not None else None
    below = state.dn_of(above) if above is not None else ""
    return f"{name},{below}" if below else name
