"""Which changes a person wants to see, as a URL says it. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

from adpersist.console.web.record import Points, Record
from adpersist.errors import ConfigError, PointError
from adpersist.journal.points import parse_moment
from adpersist.model.identity.ids import Guid, Seq, guid_from_text
from adpersist.reading.past.line import Line, Wanted

LIMIT: Final = 50
MOST: Final = 1000
_NUMBER: Final = re.compile(r"\d{1,18}")


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
            before=number(query, "before", 0),
            limit=max(1, min(number(query, "limit", LIMIT), MOST)),
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

    def wanted(self, past: Points, now: float) -> Wanted:
        """The same, with its points as commits or moments.

        Raises:
            PointError: `since` or `until` is no point.
        """
        guid = _guid(self.what) if self.what else None
        after, later = _point(past, self.since, now)
        through, until = _point(past, self.until, now)
        return Wanted(
            what=self.what if guid is None else "",
            guid=guid,
            object_class=self.object_class,
            action=self.action,
            attribute=self.attribute,
            dc=self.dc,
            who=self.who,
            after=after,
            later=later,
            through=through,
            until=until,
            before=self.before or None,
        )

    def found(self, record: Record, now: float) -> Iterator[Line]:
        """Lines that fit, newest first.

        Raises:
            PointError: `since` or `until` is no point.
        """
        return record.lines.found(self.wanted(record.past, now))

    def emptied_by(self, record: Record, now: float) -> list[str]:
        """Where nothing fits: words without which something would."""
        return [name for name in self.query if name != "limit" and next(self._without(name).found(record, now), None)]

    def _without(self, name: str) -> "ChangeFilter":
        """The same, asking for one thing less; a name as in a URL."""
        return ChangeFilter.of({each: word for each, word in self.query.items() if each != name})


def _guid(text: str) -> Guid | None:
    try:
        return guid_from_text(text)
    except ValueError:
        return None


def _point(past: Points, point: str, now: float) -> tuple[Seq | None, float | None]:
    """A commit, or a moment in Unix seconds."""
    if not point:
        return None, None
    if point.startswith("@") or _NUMBER.fullmatch(point):
        return resolved(past, point, now), None
    return None, parse_moment(point, now)


def resolved(past: Points, point: str, now: float) -> Seq:
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
        marked = past.marked(text[1:])
        if marked is None:
            raise PointError(f"there is no mark {text[:100]}")
        return marked
    earlier = past.last_before(parse_moment(text, now))
    if earlier is None:
        raise PointError(f"the journal does not reach back to {text[:100]}")
    return earlier


def number(query: Mapping[str, str], name: str, otherwise: int) -> int:
    """A word of a query that is a number, or what it is where it is missing. Raises: ConfigError."""
    text = query.get(name, "")
    if text and not _NUMBER.fullmatch(text):
        raise ConfigError(f"{name} is no number")
    return int(text) if text else otherwise
