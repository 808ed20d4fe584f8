"""Who is called what, and how many there are: kept beside the past, so that no page walks all of it."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import Called, FoldedDns, NoSuchObjectError, called
from adpersist.reading.past.past import Past, class_of
from adpersist.reading.past.sealing import is_sealed

_NAMED_BY: Final = ("sAMAccountName", "displayName", "mail", "userPrincipalName")
_BETWEEN: Final = "\0"
"""Stands between two names of an object, so that nobody finds what is in neither."""
_POLICY: Final = "groupPolicyContainer"


class Register:
    """What a past comes to; :meth:`follow` brings it up to its newest commit.

    Attributes:
        living: Living objects by class.
    """

    def __init__(self) -> None:
        self.living: Counter[str] = Counter()
        self._names: dict[Guid, str] = {}
        self._looks = self._entries = 0

    def follow(self, past: Past) -> None:
        """Take in what happened since."""
        if not self._looks or any(look.first for look in past.looks[self._looks :]):
            self._begin(past)
        for entry in past.entries[self._entries :]:
            self._count(entry.old, -1)
            self._count(entry.new, 1)
            self._note(entry.new)
        self._looks, self._entries = len(past.looks), len(past.entries)

    def called(self, past: Past, name: str) -> list[Guid]:
        """Objects whose DN, GUID, SID or account name that is, living ones first."""
        try:
            meant = called(name)
        except NoSuchObjectError:
            return []
        state = past.at(past.seq)
        items = (past.version(guid, past.seq) for guid in self._candidates(past, meant))
        found = [item for item in items if item is not None and meant.matches(state, item)]
        return [item.guid for item in sorted(found, key=lambda item: item.deleted)]

    def resembling(self, past: Past, name: str) -> Iterator[Guid]:
        """Objects that have a text in their DN, or ever had it in one of their names."""
        text = name.strip().casefold()
        if not text or _BETWEEN in text:
            return
        dns = FoldedDns(past.at(past.seq))
        for guid, names in self._names.items():
            if text in names:
                yield guid
                continue
            item = past.version(guid, past.seq)
            if item is not None and text in dns.of(item):
                yield guid

    def _candidates(self, past: Past, meant: Called) -> Iterator[Guid]:
        if meant.guid is not None:
            yield from dict.fromkeys((meant.guid, *past.guids_of(_POLICY)))
        elif meant.account is not None:
            yield from (guid for guid, names in self._names.items() if meant.account in names)
        else:
            yield from past.guids()

    def _begin(self, past: Past) -> None:
        self.living.clear()
        for guid in past.guids():
            for item in past.versions(guid):
                self._note(item)
            self._count(past.version(guid, past.seq), 1)
        self._entries = len(past.entries)

    def _count(self, item: ObjectState | None, by: int) -> None:
        if item is not None and not item.deleted:
            self.living[class_of(item)] += by

    def _note(self, item: ObjectState | None) -> None:
        if item is None:
            return
        known = self._names.get(item.guid, "")
        for name in _names_of(item):
            if name not in known:
                known = f"{known}{_BETWEEN}{name}"
        self._names[item.guid] = known


def _names_of(item: ObjectState) -> Iterator[str]:
    yield item.rdn.casefold()
    for name in _NAMED_BY:
        for value in item.values.get(name, ()):
            if not is_sealed(value):
                yield value.decode(errors="replace").casefold()
