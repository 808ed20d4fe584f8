"""Which changes a person wants to see, as a URL says it. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

from adpersist.console.web.person import Person
from adpersist.errors import ConfigError, PointError
from adpersist.journal.points import parse_moment
from adpersist.model.identity.ids import Guid, Seq, guid_from_text
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import FoldedDns
from adpersist.reading.past import Entry, Past, class_of
from adpersist.reading.text.entry_text import writer

LIMIT: Final = 50
MOST: Final = 1000
_NUMBER: Final = re.compile(r"\d{1,18}")

_LEFT: Final = frozenset({"deleted", "expunged", "taken-back"})
"""What an object was called before counts, too."""

Test = Callable[[Entry], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFilter:
    """What a URL asks for; an empty word asks for nothing.

    Attributes:
        what: Part of a DN, or an objectGUID.
        object_class: The most special class.
        action: A kind of change.
        attribute: Something happened to it; `*` stands for any letters.
        dc: Name of the DC that wrote.
        who: Who did, as far as that is known: SID, or account with or without its domain.
        since, until: Points: a commit's number, @mark, a time, -2h.
        before: Entries with lower numbers: the next page.
        limit: So many at most.
    """

    what: str = ""
    object_class: str = ""
    action: str = ""
    attribute: str = ""
    dc: str = ""
    who: str = ""
    since: str = ""
    until: str = ""
    before: int = 0
    limit: int = LIMIT

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "ChangeFilter":
        """What a query says.

        Raises:
            ConfigError: A number is none.
        """
        words = {
            "what": query.get("what", ""),
            "object_class": query.get("class", ""),
            **{name: query.get(name, "") for name in ("action", "attribute", "dc", "who", "since", "until")},
        }
        return cls(
            **{name: word.strip() for name, word in words.items()},
            before=_number(query, "before", 0),
            limit=max(1, min(_number(query, "limit", LIMIT), MOST)),
        )

    @property
    def query(self) -> dict[str, str]:
        """The same as a URL says it, without what asks for nothing."""
        named = {
            ("class" if each.name == "object_class" else each.name): getattr(self, each.name) for each in fields(self)
        }
        return {
            name: str(value)
            for name, value in named.items()
            if value and (name, value) != ("limit", LIMIT) and name != "before"
        }

    def found(self, past: Past, now: float) -> Iterator[Entry]:
        """Those that fit, newest first.

        Raises:
            PointError: `since` or `until` is no point.
        """
        first = min(self.before - 1, len(past.entries)) if self.before else len(past.entries)
        found: Iterator[Entry] = reversed(past.entries[:first])
        for test in self._tests(past, now):
            found = filter(test, found)
        return found

    def emptied_by(self, past: Past, now: float) -> list[str]:
        """Where nothing fits: words without which something would."""
        return [name for name in self.query if name != "limit" and next(self._without(name).found(past, now), None)]

    def _is_of_none(self, past: Past) -> bool:
        """Nothing of that kind or class is in any entry."""
        return bool(
            (self.action and self.action not in past.kinds)
            or (self.object_class and self.object_class.casefold() not in map(str.casefold, past.classes))
        )

    def _without(self, name: str) -> "ChangeFilter":
        """The same, asking for one thing less; a name as in a URL."""
        return ChangeFilter.of({each: word for each, word in self.query.items() if each != name})

    def _tests(self, past: Past, now: float) -> Iterator[Test]:
        """The cheap ones first."""
        if self.since:
            yield _after(past, self.since, now)
        if self.until:
            until = _after(past, self.until, now)
            yield lambda entry: not until(entry)
        if self._is_of_none(past):
            yield lambda _: False
        if self.action:
            yield lambda entry: entry.kind == self.action
        if self.object_class:
            wanted = self.object_class.casefold()
            yield lambda entry: class_of(entry.shown).casefold() == wanted
        if self.attribute:
            pattern = re.compile(".*".join(map(re.escape, self.attribute.split("*"))), re.IGNORECASE)
            yield lambda entry: any(map(pattern.fullmatch, entry.names))
        if self.dc:
            names, named = past.databases(), self.dc.casefold()
            origins = {guid for guid, name in names.items() if name.casefold() == named}
            yield lambda entry: any(where in origins for _, where in entry.when_and_where())
            yield lambda entry: not origins.isdisjoint(entry.origins())
        if self.who:
            yield _by(past, self.who)
        if self.what:
            yield _about(past, self.what)


def _by(past: Past, who: str) -> Test:
    """Written by somebody; the seconds in which they wrote anything are few, and tell of most that it was not they."""
    person = Person.called(past, who)
    return lambda entry: person.may_have(entry) and person.wrote(writer(past, entry)["who"])


def _about(past: Past, what: str) -> Test:
    guid = _guid(what)
    if guid is not None:
        return lambda entry: entry.guid == guid
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
        if old is None or not (entry.kind in _LEFT or entry.moved):
            return False
        return is_named(old, Seq(seq - 1))

    return told


def _guid(text: str) -> Guid | None:
    try:
        return guid_from_text(text)
    except ValueError:
        return None


def _after(past: Past, point: str, now: float) -> Test:
    """Later than a point: a commit, or a moment."""
    if point.startswith("@") or _NUMBER.fullmatch(point):
        seq = resolved(past, point, now)
        return lambda entry: entry.look.seq > seq
    moment = parse_moment(point, now)
    return lambda entry: entry.look.time > moment


def resolved(past: Past, point: str, now: float) -> Seq:
    """The commit a point means: the last one up to it.

    Raises:
        PointError: It is none, or lies before everything that is known.
    """
    text = point.strip()
    if text in ("", "now"):
        return past.seq
    if _NUMBER.fullmatch(text):
        if not past.begins <= int(text) <= past.seq:
            raise PointError(f"commit {text} is not here", hint=f"There are {past.begins} to {past.seq}.")
        return Seq(max(int(text), past.earliest))
    if text.startswith("@"):
        marked = [look.seq for look in past.looks if look.mark == text[1:]]
        if not marked:
            raise PointError(f"there is no mark {text[:100]}")
        return marked[-1]
    moment = parse_moment(text, now)
    earlier = [look.seq for look in past.looks if look.time <= moment]
    if not earlier:
        raise PointError(f"the journal does not reach back to {text[:100]}")
    return earlier[-1]


def _number(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, "")
    if text and not _NUMBER.fullmatch(text):
        raise ConfigError(f"{name} is no number")
    return int(text) if text else otherwise
