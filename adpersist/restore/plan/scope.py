"""How much is restored: everything, some objects, a tree, an attribute. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import target_of
from adpersist.model.objects import link_values
from adpersist.model.objects.link_values import to
from adpersist.model.objects.secret_attributes import PASSWORD_ATTRIBUTES
from adpersist.state.differences import Gap
from adpersist.state.state import State

NAMES: Final = frozenset({"name", "distinguishedname"})
"""Attributes by which a person means where an object is, folded."""

_PASSWORD: Final = frozenset(name.casefold() for name in (*PASSWORD_ATTRIBUTES, "pwdLastSet"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreScope:
    """What a restore is limited to.

    Attributes:
        roots: These objects, with their memberships and the missing containers above them; none: all objects.
        below: Everything below the roots too.
        attribute: Only this attribute or link, of objects that live here and there; empty: all. Whichever form of a
            password is meant, all of them are: hashes and keys of different passwords let nobody in.
    """

    roots: frozenset[Guid] = frozenset()
    below: bool = False
    attribute: str = ""

    @property
    def is_everything(self) -> bool:
        """Nothing is left out."""
        return not self.roots and not self.attribute

    @property
    def root(self) -> Guid | None:
        """The one object it is limited to; None: it is all of them, or several."""
        return next(iter(self.roots)) if len(self.roots) == 1 else None

    def objects(self, want: State, have: State) -> frozenset[Guid]:
        """What lies in it where it is limited to objects: here or there, and the containers they cannot do without."""
        found = subtrees(self.roots, want, have) if self.below else self.roots
        return found | _missing_above(found, want, have)

    def narrow(self, gaps: Iterable[Gap], want: State, have: State) -> list[Gap]:
        """The gaps inside the scope, each cut down to what of it is inside."""
        if self.is_everything:
            return list(gaps)
        objects = self.objects(want, have) if self.roots else None
        narrowed = (self._narrowed(gap, objects) for gap in gaps)

        def lives(value: bytes) -> bool:
            target = target_of(value)
            return target is None or have.may_be_meant(target) or objects is None or target in objects

        return [gap for gap in (_pointing_to(gap, lives) for gap in narrowed if gap is not None) if gap.is_open]

    def _narrowed(self, gap: Gap, objects: frozenset[Guid] | None) -> Gap | None:
        if objects is not None and gap.guid not in objects:
            if self.attribute or not (gap.is_live and gap.wanted_live):
                return None
            gap = replace(gap, values={}, moved=False, added=to(gap.added, objects), removed=to(gap.removed, objects))
        if self.attribute:
            if not (gap.is_live and gap.wanted_live):
                return None
            gap = _of_attributes(gap, _meant(self.attribute))
        return gap


EVERYTHING: Final = RestoreScope()


def subtrees(roots: frozenset[Guid], *states: State) -> frozenset[Guid]:
    """Objects and everything below them, here or there."""
    children: dict[Guid, set[Guid]] = {}
    for state in states:
        for guid, item in state.items():
            if item.parent is not None:
                children.setdefault(item.parent, set()).add(guid)
    found, waiting = set(roots), list(roots)
    while waiting:
        below = children.get(waiting.pop(), set()) - found
        found |= below
        waiting += below
    return frozenset(found)


def _missing_above(objects: frozenset[Guid], want: State, have: State) -> frozenset[Guid]:
    return frozenset(
        above for guid in objects if want.is_live(guid) for above in want.above(guid) if not have.is_live(above)
    )


def _pointing_to(gap: Gap, lives: Callable[[bytes], bool]) -> Gap:
    """Without references to what is deleted and stays so."""
    return replace(
        gap,
        values={name: found for name, found in gap.values.items() if all(map(lives, found))},
        added=link_values.those(gap.added, lives),
    )


def _meant(attribute: str) -> frozenset[str]:
    """The attribute, folded, and those that belong to it."""
    folded = attribute.casefold()
    return _PASSWORD if folded in _PASSWORD else frozenset({folded})


def _of_attributes(gap: Gap, folded: frozenset[str]) -> Gap:
    return replace(
        gap,
        values={name: found for name, found in gap.values.items() if name.casefold() in folded},
        added={name: refs for name, refs in gap.added.items() if name.casefold() in folded},
        removed={name: refs for name, refs in gap.removed.items() if name.casefold() in folded},
        moved=gap.moved and not folded.isdisjoint(NAMES),
    )
