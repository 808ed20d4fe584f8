"""Somebody a change may be by, as people call them, and when they wrote at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adpersist.model.identity.sid import LOCAL_SYSTEM, sid_from_text, sid_text
from adpersist.model.objects.audit import AuditLine
from adpersist.model.objects.directory_time import since_1601
from adpersist.reading.past import Entry, Past

_SYSTEM: Final = sid_text(LOCAL_SYSTEM)


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
        name = who.strip().casefold()
        known: dict[tuple[str, str], bool] = {}
        times = set[int]()
        for line in _lines(past):
            key = line.sid or _SYSTEM, line.account
            if key not in known:
                known[key] = name in _names(past, *key)
            if known[key]:  # a write is stamped when it begins, and logged when it ends
                times |= {since_1601(line.time), since_1601(line.time) - 1}
        return cls(frozenset(sid for (sid, _), is_meant in known.items() if is_meant), frozenset(times))

    def may_have(self, entry: Entry) -> bool:
        """They wrote something when this was written."""
        return any(time in self.times for time, _ in entry.when_and_where())

    def wrote(self, who: Mapping[str, Any] | None) -> bool:
        """It is known that they did, be it beside others."""
        return who is not None and any(each["sid"] in self.sids for each in (who, *who.get("also", ())))


def _lines(past: Past) -> Iterator[AuditLine]:
    yield from past.sealed_log.lines.lines()
    if past.audit_log is not None:
        yield from past.audit_log.lines()


def _names(past: Past, sid: str, account: str) -> set[str]:
    names = {sid.casefold(), *_forms(account), *({"system"} if sid == _SYSTEM else ())}
    for item in past.versions_of_sid(sid_from_text(sid)):
        names |= {value.decode(errors="replace").casefold() for value in item.values.get("sAMAccountName", ())}
    return names


def _forms(account: str) -> set[str]:
    """With and without its domain."""
    return {account.casefold(), account.rpartition("\\")[2].casefold()} - {""}
