"""Each page's document: what a question to the console is answered with, for the page and its JSON twin alike."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from adpersist.console.agent_word import agent_word
from adpersist.console.alerts.finding import Finding
from adpersist.console.alerts.rules import Watch
from adpersist.console.report.heal import heal_document
from adpersist.console.web.bin_view import bin_document
from adpersist.console.web.change_filter import ChangeFilter, resolved
from adpersist.console.web.desk import Desk
from adpersist.console.web.fleet_view import Fleet
from adpersist.console.web.record import Known, Record
from adpersist.console.web.undo import Undo, Wish
from adpersist.errors import AdpersistError, ExitCode, PointError
from adpersist.model.identity.ids import Guid, Seq, guid_from_text, guid_text
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.use import Deed, deeds
from adpersist.reading.find import type_ids
from adpersist.reading.past.line import Wanted
from adpersist.reading.past.past import Look, class_of
from adpersist.reading.rfc3339 import rfc3339
from adpersist.reading.text.entry_text import (
    comparison,
    deed_document,
    entry_document,
    label,
    look_document,
    object_document,
)
from adpersist.reading.text.line_text import line_document
from adpersist.reading.text.permission_text import permissions

Document = dict[str, Any]

_HOUR_S: Final = 3600
_HOURS: Final = 7 * 24
_MOST_FOUND: Final = 100
_MOST_NEWEST: Final = 10
_MOST_CLASSES: Final = 12
_DESCRIPTOR: Final = "nTSecurityDescriptor"
_TYPES: Final = frozenset({"attributeSchema", "classSchema", "controlAccessRight"})
_MOST_ALERTS: Final = 200
_MOST_COMPARED: Final = 40
_MOST_DEEDS: Final = 500
_LONGEST_NUMBER: Final = 19


class NotHereError(AdpersistError):
    """The console has no such page or object."""

    exit_code = ExitCode.USAGE
    way_out = "Look for it by name: the search finds what is gone, too."


class Views:
    """Documents, from the desk.

    Args:
        desk: The journal.
        health: ``host:port`` of the agent's health endpoint; empty: none.
        undo: Takes objects back; None: that is not allowed here.
        fleet: All journals of the store; None: it cannot be asked for them.
    """

    def __init__(self, desk: Desk, *, health: str, undo: Undo | None = None, fleet: Fleet | None = None) -> None:
        self._desk = desk
        self._health = health
        self.undo = undo
        self._fleet = fleet
        self._watching = threading.Lock()
        self._watched: tuple[Seq, Watch, tuple[Finding, ...]] | None = None

    def frame(self) -> Document:
        """What every page says above: whose journal, how current, and what is wrong."""
        head = self._desk.head
        return {
            "dc": head.identity.dns_name,
            "journal": self._desk.journal_id,
            "seq": head.seq,
            "phase": str(head.phase),
            "read_at": rfc3339(self._desk.read_at),
            "trouble": self._desk.trouble,
            "allow_restore": self.undo is not None,
        }

    def overview(self, now: float) -> Document:
        """How things stand."""
        agent = agent_word(self._health)
        with self._desk.record() as record:
            past, living = record.past, record.names.living()
            most = sorted(living.items(), key=lambda each: (-each[1], each[0]))[:_MOST_CLASSES]
            last = past.newest()
            newest = [line_document(past, line) for line in islice(record.lines.found(Wanted()), _MOST_NEWEST)]
            return {
                "agent": agent,
                "head": look_document(last, past) if last else None,
                "begins": past.earliest,
                "age_s": round(max(now - last.time, 0.0), 3) if last else None,
                "timeline": self._desk.head.timeline,
                "phase": str(self._desk.head.phase),
                "objects": sum(living.values()),
                "classes": [{"class": name, "count": count} for name, count in most],
                "changes": record.lines.count,
                "hours": list(_hours(record, now)),
                "newest": newest,
                "heals": _heals(past)[:-6:-1],
                "marks": [
                    look_document(look, past) for look in past.looks_of(CommitKind.MARK)[: -_MOST_NEWEST - 1 : -1]
                ],
            }

    def changes(self, wanted: ChangeFilter, now: float) -> Document:
        """What happened, newest first."""
        with self._desk.record() as record:
            found = wanted.found(record, now)
            page = list(islice(found, wanted.limit))
            more = next(found, None) is not None
            return {
                "filter": wanted.query,
                "changes": [line_document(record.past, line) for line in page],
                "before": page[-1].number if page and more else None,
                "emptied_by": [] if page else wanted.emptied_by(record, now),
                "known": {
                    "actions": sorted(record.lines.kinds()),
                    "classes": sorted(record.lines.classes()),
                    "dcs": sorted(set(record.past.databases().values())),
                },
            }

    def change(self, change: str) -> Document:
        """One change, with what was before and after.

        Args:
            change: Its commit's number and its object's GUID, with a dash between them.
        """
        seq, guid = _chosen(change)
        with self._desk.record() as record:
            entries = record.past.of_object(guid, after=Seq(seq - 1), through=seq)
            if not entries:
                raise NotHereError(f"commit {seq} changed no such object")
            told = [entry_document(record.past, entry) for entry in entries]
            return {"guid": guid_text(guid), "seq": seq, "name": told[0]["name"], "changes": told}

    def object(self, guid: str, at: str, now: float) -> Document:
        """An object as of a point, and its history."""
        wanted = _guid(guid)
        with self._desk.record() as record:
            past = record.past
            seq = resolved(past, at, now)
            entries = past.of_object(wanted)
            if all(past.version(wanted, each) is None for each in (seq, past.seq, past.earliest)) and not entries:
                raise NotHereError(f"there never was an object {guid[:100]}")
            points = sorted({past.earliest, *(entry.look.seq for entry in entries)})
            since = max((point for point in points if point <= seq), default=past.earliest)
            history = [entry_document(past, entry) for entry in reversed(entries)]
            found = object_document(past, wanted, seq)
            if found is not None:
                _blame(found, history)
            return {
                "guid": guid_text(wanted),
                "at": seq,
                "now": past.seq,
                "time": _time_of(past, seq),
                "object": found,
                "name": found["name"] if found else history[0]["name"] if history else guid_text(wanted),
                # what came between has nothing to do with it: a mark, or who looked
                "earlier": max((point for point in points if point < since), default=None),
                "later": min((point for point in (*points, past.seq) if point > seq), default=None),
                "history": history,
            }

    def bin(self, what: str, now: float) -> Document:
        """What was deleted and is not there any more."""
        with self._desk.record() as record:
            return bin_document(record, what, now)

    def permissions(self, guid: str, at: str, since: str, now: float) -> Document:
        """Who may do what with an object as of a point, and what of it is new since another one.

        Args:
            guid: The object.
            at: The point; empty: now.
            since: The other one; empty: before its permissions were changed last.
            now: Unix seconds.
        """
        wanted = _guid(guid)
        with self._desk.record() as record:
            past = record.past
            seq = resolved(past, at, now)
            lines = record.lines.found(Wanted(guid=wanted, attribute=_DESCRIPTOR, through=seq))
            changed = [line.seq for line in lines if line.dn_from is not None]
            base = resolved(past, since, now) if since else Seq(changed[0] - 1) if changed else seq
            old, new = (_descriptor(past, wanted, each) for each in (base, seq))
            if new is None:
                raise NotHereError(f"no permissions are known of {guid[:100]} at commit {seq}")
            try:
                told = permissions(
                    old, new, lambda sid: past.accounts({sid}, seq).get(sid), lambda each: _type_name(past, each, seq)
                )
            except ValueError as error:
                raise NotHereError(f"its descriptor is none: {error}") from error
            return {
                "guid": guid_text(wanted),
                "name": label(record.names.named(wanted).dn),
                "at": seq,
                "time": _time_of(past, seq),
                "from": base,
                "now": past.seq,
                "changed": changed,
                **told,
            }

    def find(self, name: str) -> Document:
        """Objects a person may mean: by DN, GUID, SID, account name, or a part of a name, of now or of once."""
        with self._desk.record() as record:
            guids = record.names.called(name) or record.names.resembling(name)
            return {
                "q": name,
                "count": len(guids),
                "objects": [_named(record, guid) for guid in guids[:_MOST_FOUND]],
            }

    def compare(self, first: str, last: str, now: float, *, passed: int = 0) -> Document:
        """What differs between two points, without so many objects that were seen before."""
        with self._desk.record() as record:
            past = record.past
            begin = resolved(past, first, now) if first else past.earliest
            end = resolved(past, last, now)
            found = comparison(past, begin, end, passed=passed, most=_MOST_COMPARED)
            return {
                **found,
                "after": passed,
                "from_time": _time_of(past, begin),
                "to_time": _time_of(past, end),
                "now": past.seq,
            }

    def alerts(self, rule: str) -> Document:
        """What the rules find in all that is known, newest first."""
        with self._desk.record() as record:
            every = self._findings(record.past)
        found = [each for each in reversed(every) if rule in ("", each.rule.name)]
        counts = Counter(each.rule.name for each in every)
        return {
            "rule": rule,
            "count": len(found),
            "counts": dict(counts.most_common()),
            "findings": [each.document() for each in found[:_MOST_ALERTS]],
        }

    def _findings(self, past: Known) -> tuple[Finding, ...]:
        """All that the rules find; what was found before is not looked for again."""
        with self._watching:
            known, self._watched = self._watched, None  # should this fail, it begins anew
            if known is None or known[0] != past.begins:
                known = past.begins, Watch(), ()  # what was pruned is forgotten
            _, watch, before = known
            found = (*before, *watch.further(past))
            self._watched = past.begins, watch, found
            return found

    def wish(self, query: Mapping[str, str]) -> Wish:
        """What somebody wants to take back.

        Raises:
            NotHereError: That is not allowed here, or there is no such object.
            ConfigError: It is no point, or no attribute.
        """
        if self.undo is None:
            raise NotHereError("nothing can be taken back from here", hint="`adpersist console --allow-restore`")
        chosen = [_chosen(word) for word in query.get("change", "").split()]
        guids = [*map(_guid, query.get("object", "").split()), *(guid for _, guid in chosen)]
        to = query.get("to", "") or str(min((seq for seq, _ in chosen), default=0) - 1)
        if not (to.isascii() and to.isdigit()):
            raise (
                PointError(f"{to[:100]!r} is no commit's number")
                if guids
                else NotHereError(
                    "nothing was chosen", hint="Tick what is to be taken back, on the page of changes or in the bin."
                )
            )
        with self._desk.record() as record:
            for guid in guids:
                if not record.past.was_ever(guid):
                    raise NotHereError(f"there never was an object {guid_text(guid)}")
            seq = resolved(record.past, to, 0)
        return Wish(
            guids=tuple(dict.fromkeys(guids)),
            to=seq,
            attribute=query.get("attribute", ""),
            subtree=bool(query.get("subtree")),
        )

    def undo_plan(self, query: Mapping[str, str]) -> Document:
        """What would be done to take objects back, and which later writes that would lose beside the chosen ones."""
        wish = self.wish(query)
        chosen = {_chosen(word) for word in query.get("change", "").split()}
        assert self.undo is not None  # noqa: S101 - or there is no wish
        plan = self.undo.plan(wish)
        with self._desk.record() as record:
            later = sorted(
                (
                    line
                    for guid in wish.guids
                    for line in record.lines.found(Wanted(guid=guid, after=wish.to))
                    if (line.seq, guid) not in chosen
                    and wish.attribute.casefold() in {"", *map(str.casefold, (*line.names, *line.came, *line.went))}
                ),
                key=lambda line: -line.number,
            )
            objects = [_named(record, guid) for guid in wish.guids]
            return {
                "wish": wish.document(),
                "name": objects[0]["name"] if len(objects) == 1 else f"{len(objects)} objects",
                "objects": objects,
                "time": _time_of(record.past, wish.to),
                "later": [line_document(record.past, line) for line in later],
                "plan": plan,
            }

    def undo_state(self) -> Document:
        """How the restore fares that was begun last."""
        if self.undo is None:
            raise NotHereError("nothing can be taken back from here", hint="`adpersist console --allow-restore`")
        return {"state": self.undo.state()}

    def fleet(self, now: float) -> Document:
        """Every journal in the store."""
        if self._fleet is None:
            raise NotHereError("this console knows of no store", hint="`adpersist fleet --store URL`")
        return self._fleet.document(now)

    def used(self, who: str, waiting: Sequence[Deed], trouble: str | None) -> Document:
        """Who did what at consoles, newest first: of the journal, and what is not in it yet.

        Args:
            who: Part of their names; empty: of everybody.
            waiting: What is not in it yet.
            trouble: Why it is not; None: this console keeps nothing.
        """
        with self._desk.record() as record:
            kept = [(look.seq, deed) for look in record.past.looks_of(CommitKind.USE) for deed in _deeds(look)]
        found = [(seq, deed) for seq, deed in (*kept, *((None, deed) for deed in waiting)) if who in deed.who]
        return {
            "who": who,
            "count": len(found),
            "kept": trouble is not None,
            "trouble": trouble or None,
            "deeds": [deed_document(deed, seq) for seq, deed in sorted(found, key=_moment, reverse=True)[:_MOST_DEEDS]],
        }

    def heals(self) -> Document:
        """Every restore."""
        with self._desk.record() as record:
            past = record.past
            return {"heals": _heals(past)[::-1], "pruned": past.begins, "phase": str(self._desk.head.phase)}

    def heal(self, number: int) -> Document:
        """One restore."""
        with self._desk.journal() as journal:
            return heal_document(journal, number)


def _deeds(look: Look) -> Sequence[Deed]:
    """What one commit says; of a later version's that is not understood, nothing."""
    try:
        return deeds(look.account)
    except ValueError:
        return ()


def _moment(each: tuple[Seq | None, Deed]) -> float:
    return each[1].last


def _blame(found: Document, history: list[Document]) -> None:
    """Who gave each attribute the value it has: `by`, as far as somebody is known."""
    told = {each["seq"]: each for each in reversed(history)}
    for each in (*found["attributes"].values(), *found["links"].values()):
        entry = told.get(each["since"])
        each["by"] = {"dcs": entry["dcs"], "who": entry["who"]} if entry is not None else None


def _descriptor(past: Known, guid: Guid, seq: Seq) -> bytes | None:
    item = past.version(guid, seq)
    return next(iter(item.values.get(_DESCRIPTOR, ())), None) if item is not None else None


def _type_name(past: Known, type_id: str, seq: Seq) -> str | None:
    """What a GUID in permissions stands for, as the schema and the extended rights of the journal say."""
    for guid in past.types(type_id):
        item = past.version(guid, seq)
        if item is not None and class_of(item) in _TYPES and type_id in type_ids(item.values):
            names = item.values.get("lDAPDisplayName", item.values.get("displayName", ()))
            return next((name.decode(errors="replace") for name in names), None)
    return None


def _hours(record: Record, now: float) -> Iterator[Document]:
    """Changes in each of the last hours, oldest first."""
    last = int(now // _HOUR_S)
    first = last - _HOURS + 1
    counts = record.lines.hours(first * _HOUR_S)
    for hour in range(first, last + 1):
        yield {"hour": rfc3339(hour * _HOUR_S), "count": counts[hour]}


def _heals(past: Known) -> list[Document]:
    """Restores that have ended, oldest first."""
    ends = past.looks_of(CommitKind.RESTORE_END)
    return [
        {"number": look.timeline - 1, "seq": look.seq, "time": rfc3339(look.time), "target": look.target}
        for look in ends
    ]


def _guid(text: str) -> Guid:
    try:
        return guid_from_text(text)
    except ValueError as error:
        raise NotHereError(f"{text[:100]!r} is no objectGUID") from error


def _chosen(word: str) -> tuple[Seq, Guid]:
    """A change that was ticked: its commit and its object."""
    seq, _, guid = word.partition("-")
    if not (seq.isascii() and seq.isdigit() and len(seq) < _LONGEST_NUMBER):
        raise NotHereError(f"{word[:100]!r} is no change")
    return Seq(int(seq)), _guid(guid)


def _time_of(past: Known, seq: Seq) -> str | None:
    look = past.look_at(seq)
    return rfc3339(look.time) if look is not None else None


def _named(record: Record, guid: Guid) -> Document:
    found = record.names.named(guid)
    return {
        "guid": guid_text(guid),
        "dn": found.dn,
        "name": label(found.dn),
        "class": found.object_class,
        "deleted": found.is_deleted,
    }
