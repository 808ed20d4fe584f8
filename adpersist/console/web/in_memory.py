"""What pages ask, answered from a past in memory."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from adpersist.audit.log import KeptLog
from adpersist.console.web.record import AgainError, Record
from adpersist.console.web.register import Register
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.head import Head
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import FoldedDns
from adpersist.reading.past.line import LEFT, Line, Wanted, line_of
from adpersist.reading.past.named import Named
from adpersist.reading.past.past import Entry, Past, Told, class_of
from adpersist.reading.past.person import Person
from adpersist.reading.text.entry_text import writer

_HOUR_S: Final = 3600
Test = Callable[[Entry], bool]


class InMemory:
    """All of a journal, read once and then followed.

    Args:
        journal: Opened, for who follows it.
        audit_log: Samba's.
    """

    def __init__(self, journal: Journal, audit_log: KeptLog) -> None:
        self._journal = journal
        self._audit_log = audit_log
        self._past: Past | None = None
        self._register = Register()
        self._taking = threading.Lock()

    def read(self, told: Told) -> Head:
        """Read on, up to the journal's head, which is returned.

        Raises:
            AdpersistError: The journal cannot be read. What is known stays.
        """
        head = self._journal.refresh()
        lines = self._audit_log.now()
        if self._past is None:
            past = Past.of(self._journal, told=told)
            past.audit_log = lines
            self._register.follow(past)
            self._past = past
            return head
        self._past.audit_log = lines
        for commit in self._journal.commits(after=self._past.read_through):
            with self._taking:
                self._past.take(commit)
        return head

    @contextmanager
    def record(self, patience_s: float, ask: Callable[[], None]) -> Iterator[Record]:
        """What it tells; nothing is added within the block, and nobody is waited for.

        Raises:
            AgainError: It has just begun to be read.
        """
        del patience_s, ask
        with self._taking:
            if self._past is None:
                raise AgainError(is_lost=False)
            self._register.follow(self._past)
            yield in_memory(self._past, self._register)


def in_memory(past: Past, register: Register) -> Record:
    """What a past tells; the register has been brought up to it."""
    return Record(past, MemoryLines(past), _Names(past, register))


class MemoryLines:
    """See :class:`~adpersist.console.web.record.Lines`."""

    def __init__(self, past: Past) -> None:
        self._past = past

    @property
    def count(self) -> int:
        """Of all lines."""
        return len(self._past.entries)

    def kinds(self) -> set[str]:
        """Kinds of which there are lines."""
        return set(self._past.kinds)

    def classes(self) -> set[str]:
        """Classes of objects of which there are lines."""
        return set(self._past.classes)

    def hours(self, since: float) -> Counter[int]:
        """Lines by Unix hour, from Unix seconds on."""
        counts: Counter[int] = Counter()
        for entry in reversed(self._past.entries):
            if entry.look.time < since:
                break
            counts[int(entry.look.time // _HOUR_S)] += 1
        return counts

    def found(self, wanted: Wanted) -> Iterator[Line]:
        """Lines that fit, newest first."""
        entries = self._past.entries
        first = len(entries) if wanted.before is None else min(wanted.before - 1, len(entries))
        found: Iterator[Entry] = reversed(entries[:first])
        for test in self._tests(wanted):
            found = filter(test, found)
        return (line_of(self._past, entry) for entry in found)

    def deletions(self, text: str, most: int) -> tuple[int, list[Line]]:
        """How many objects are deleted or gone now, and each one's last line when it lived."""
        past = self._past
        found = [
            entry
            for entry in self._last_deletions()
            if text in past.at(Seq(entry.look.seq - 1)).dn(entry.guid).casefold()
        ]
        return len(found), [line_of(past, entry) for entry in found[:most]]

    def _last_deletions(self) -> Iterator[Entry]:
        newest = self._past.at(self._past.seq)
        seen: set[Guid] = set()
        for entry in reversed(self._past.entries):
            if entry.kind not in LEFT or entry.guid in seen or newest.is_live(entry.guid):
                continue
            if entry.old is None or entry.old.deleted:
                continue  # gone for good after it had been deleted, or never alive in what is known
            seen.add(entry.guid)
            yield entry

    def _tests(self, wanted: Wanted) -> Iterator[Test]:
        """The cheap ones first."""
        past = self._past
        if wanted.after is not None or wanted.through is not None:
            first, last = wanted.after or 0, past.seq if wanted.through is None else wanted.through
            yield lambda entry: first < entry.look.seq <= last
        if wanted.later is not None:
            later = wanted.later
            yield lambda entry: entry.look.time > later
        if wanted.until is not None:
            until = wanted.until
            yield lambda entry: entry.look.time <= until
        if self._has_none(wanted):
            yield lambda _: False
        if wanted.action:
            yield lambda entry: entry.kind == wanted.action
        if wanted.object_class:
            name = wanted.object_class.casefold()
            yield lambda entry: class_of(entry.shown).casefold() == name
        if wanted.attribute:
            pattern = re.compile(".*".join(map(re.escape, wanted.attribute.split("*"))), re.IGNORECASE)
            yield lambda entry: entry.new is not None and any(map(pattern.fullmatch, entry.names))
        if wanted.dc:
            names, named = past.databases(), wanted.dc.casefold()
            origins = {guid for guid, name in names.items() if name.casefold() == named}
            yield lambda entry: any(where in origins for _, where in entry.when_and_where())
            yield lambda entry: not origins.isdisjoint(entry.origins())
        if wanted.guid is not None:
            yield lambda entry: entry.guid == wanted.guid
        if wanted.who:
            yield _by(past, wanted.who)
        if wanted.what:
            yield _about(past, wanted.what)

    def _has_none(self, wanted: Wanted) -> bool:
        """Nothing of that kind or class is in any entry."""
        return bool(
            (wanted.action and wanted.action not in self._past.kinds)
            or (wanted.object_class and wanted.object_class.casefold() not in map(str.casefold, self._past.classes))
        )


class _Names:
    """See :class:`~adpersist.console.web.record.Names`."""

    def __init__(self, past: Past, register: Register) -> None:
        self._past = past
        self._register = register

    def living(self) -> Counter[str]:
        """Living objects by class."""
        return +self._register.living

    def called(self, name: str) -> list[Guid]:
        """Objects whose DN, GUID, SID or account name that is, living ones first."""
        return self._register.called(self._past, name)

    def resembling(self, name: str) -> list[Guid]:
        """Objects that have a text in their DN, or ever had it in one of their names."""
        return list(self._register.resembling(self._past, name))

    def named(self, guid: Guid) -> Named:
        """What an object is called now, or was last."""
        state = self._past.at(self._past.seq)
        item = state.get(guid)
        shown = item or self._past.versions(guid)[-1]
        return Named(
            guid=guid,
            dn=state.dn(guid) if item is not None else shown.rdn,
            object_class=class_of(shown),
            is_deleted=item is None or item.deleted,
        )


def _by(past: Past, who: str) -> Test:
    """Written by somebody; the seconds in which they wrote anything are few, and tell of most that it was not they."""
    person = Person.called(past, who)
    return lambda entry: person.may_have(entry) and person.wrote(writer(past, entry)["who"])


def _about(past: Past, what: str) -> Test:
    text = what.casefold()
    names: dict[Seq, FoldedDns] = {}

    def is_named(item: ObjectState, seq: Seq) -> bool:
        if seq not in names:
            names[seq] = FoldedDns(past.at(seq))
        return text in names[seq].of(item)

    def told(entry: Entry) -> bool:
        seq, old, new = entry.look.seq, entry.old, entry.new
        if new is not None and is_named(new, seq):
            return True
        if old is None or not (entry.kind in LEFT or entry.moved):
            return False
        return is_named(old, Seq(seq - 1))

    return told
