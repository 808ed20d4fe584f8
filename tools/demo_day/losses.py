"""What the revert took, by kind, and how much of it is back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tools.demo_day.view import Item, View

_DISTINGUISHED: Final = {
    "nTSecurityDescriptor": "permissions changed",
    "userAccountControl": "account flags changed (disabled and the like)",
    "dnsRecord": "DNS records changed",
}

_ORDER: Final = (
    *("users", "passwords", "account flags", "groups", "group memberships", "other links", "computers"),
    *("organizational units", "objects", "permissions", "group policies", "contacts", "DNS", "sites", "subnets"),
)
"""The lines of the table begin with these, in this order; others come last."""


@dataclass(slots=True)
class Tally:
    """One line of the table.

    Attributes:
        lost: So many were different on the reverted DC.
        back: So many of them are again as they were before the revert.
        example: The name of one.
    """

    lost: int = 0
    back: int = 0
    example: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that the reverted DC did not have right."""

    what: str
    name: str
    back: bool


@dataclass(slots=True)
class Losses:
    """All of them, counted."""

    tallies: dict[str, Tally] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Of all kinds."""
        return sum(tally.lost for tally in self.tallies.values())

    @property
    def back(self) -> int:
        """Of all kinds."""
        return sum(tally.back for tally in self.tallies.values())


def count(golden: View, before: View, after: View) -> Losses:
    """What of the day was not in the golden image, and what of that is there after the restore.

    Args:
        golden: The state the DC was put back to.
        before: The last state before that.
        after: The state the restore made.
    """
    losses = Losses()
    for loss in sorted(_all(golden, before, after), key=_place):
        tally = losses.tallies.setdefault(loss.what, Tally(example=loss.name))
        tally.lost += 1
        tally.back += loss.back
    return losses


def _place(loss: Loss) -> tuple[int, str]:
    found = (place for place, words in enumerate(_ORDER) if loss.what.startswith(words + " "))
    return next(found, len(_ORDER)), loss.what


def _all(golden: View, before: View, after: View) -> Iterator[Loss]:
    for guid in {**golden, **before}:
        old, new, now = golden.get(guid), before.get(guid), after.get(guid)
        if new is None:
            assert old is not None
            yield Loss(f"{old.kind} deleted", old.name, now is None)
        elif old is None:
            yield Loss(f"{new.kind} created", new.name, now == new)
            yield from _details(None, new, now)
        else:
            yield from _details(old, new, now)


def _details(old: Item | None, new: Item, now: Item | None) -> Iterator[Loss]:
    passwords = now is not None and now.secrets == new.secrets
    if new.secrets and (old is None or old.secrets != new.secrets):
        yield Loss("passwords set" if old is None else "passwords changed", new.name, passwords)
    for attribute, target in new.links ^ (old.links if old else frozenset()):
        has = (attribute, target) in new.links
        words = "group memberships" if attribute == "member" else "other links (manager and the like)"
        verb = "added" if has else "removed"
        yield Loss(f"{words} {verb}", new.name, now is not None and ((attribute, target) in now.links) == has)
    if old is None:
        return
    if old.parent != new.parent:
        yield Loss("objects moved", new.name, now is not None and now.parent == new.parent)
    if old.rdn != new.rdn:
        yield Loss("objects renamed", new.name, now is not None and now.rdn == new.rdn)
    for name in {**old.values, **new.values}:
        if old.values.get(name) != new.values.get(name):
            same = now is not None and now.values.get(name) == new.values.get(name)
            yield Loss(_DISTINGUISHED.get(name, "other attributes changed"), new.name, same)
