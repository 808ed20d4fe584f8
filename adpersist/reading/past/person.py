"""Somebody a change may be by, as people call them, and when they wrote at all."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adpersist.model.identity.sid import sid_from_text
from adpersist.model.objects.directory_time import since_1601
from adpersist.reading.past.past import Entry, Past
from adpersist.reading.sought import SYSTEM, names_of

Write = tuple[str, str, float]
"""A line of the audit log: the SID, the account, and Unix seconds."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever is meant by a word.

    Attributes:
        sids: Theirs.
        times: Of stamps that a line of theirs may tell of, as stamps have them.
    """

    sids: frozenset[str]
    times: frozenset[int]

    @classmethod
    def called(cls, past: Past, who: str) -> "Person":
        """Those a SID or an account means, by any name the account ever had."""
        return cls.among(_writes(past), lambda sid: _accounts(past, sid), who)

    @classmethod
    def among(cls, writes: Iterable[Write], accounts_of: Callable[[bytes], Iterable[str]], who: str) -> "Person":
        """The same, of whoever wrote.

        Args:
            writes: All that is known.
            accounts_of: Names that the account with a SID ever had.
            who: The word.
        """
        name = who.strip().casefold()
        known: dict[tuple[str, str], bool] = {}
        times = set[int]()
        for sid, account, time in writes:
            key = sid or SYSTEM, account
            if key not in known:
                known[key] = name in names_of(*key) or name in map(str.casefold, accounts_of(sid_from_text(key[0])))
            if known[key]:  # a write is stamped when it begins, and logged when it ends
                times |= {since_1601(time), since_1601(time) - 1}
        return cls(frozenset(sid for (sid, _), is_meant in known.items() if is_meant), frozenset(times))

    def may_have(self, entry: Entry) -> bool:
        """They wrote something when this was written."""
        return any(time in self.times for time, _ in entry.when_and_where())

    def wrote(self, who: Mapping[str, Any] | None) -> bool:
        """It is known that they did, be it beside others."""
        return who is not None and any(each["sid"] in self.sids for each in (who, *who.get("also", ())))


def _writes(past: Past) -> Iterator[Write]:
    for log in (past.sealed_log.lines, *((past.audit_log,) if past.audit_log is not None else ())):
        for line in log.lines():
            yield line.sid, line.account, line.time


def _accounts(past: Past, sid: bytes) -> Iterator[str]:
    for item in past.versions_of_sid(sid):
        yield from (value.decode(errors="replace") for value in item.values.get("sAMAccountName", ()))
