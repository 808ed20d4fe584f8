"""What pages ask, answered from a past in memory."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from adpersist.console.web.record import Record
from adpersist.console.web.register import Register
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import FoldedDns
from adpersist.reading.line import LEFT, Line, Wanted, line_of
from adpersist.reading.named import Named
from adpersist.reading.past import Entry, Past, class_of
from adpersist.reading.person import Person
from adpersist.reading.text.entry_text import writer

_HOUR_S: Final = 3600
Test = Callable[[Entry], bool]


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
