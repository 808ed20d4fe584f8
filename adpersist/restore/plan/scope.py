"""How much is restored: everything, some objects, a tree, an attribute. Pure."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import plain, target_of
from adpersist.model.objects import link_values
from adpersist.model.objects.change import Values
from adpersist.model.objects.link_values import to, to_others
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.secret_attributes import PASSWORD_ATTRIBUTES
from adpersist.restore.plan.limitations import Limitation
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
        brought: Containers that were gone when it began, and come with what lies in them.
    """

    roots: frozenset[Guid] = frozenset()
    below: bool = False
    attribute: str = ""
    brought: frozenset[Guid] = frozenset()

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
        found = self._trees(want, have)
        return found | self.brought | _missing_above(found, want, have)

    def begun(self, want: State, have: State) -> "RestoreScope":
        """The same, once the DC was looked at: a container that comes back first is no less a part of it then."""
        return replace(self, brought=_missing_above(self._trees(want, have), want, have))

    def _trees(self, want: State, have: State) -> frozenset[Guid]:
        """The roots, and what lies below them if that is meant, too."""
        return subtrees(self.roots, want, have) if self.below else self.roots

    def in_place(self, want: State, have: State) -> State:
        """What is wanted, with all that is no part of it as it lies on the DC: what comes back goes below that.

        Whoever did not live at that point lives on, and had no link to what is a part. Where one attribute is meant,
        nothing goes anywhere.
        """
        if not self.roots:
            return want
        placing = not self.attribute or not _meant(self.attribute).isdisjoint(NAMES)
        objects = self.objects(want, have)
        placed = State(want.everything())
        for guid in want.unlike(have):
            if not have.is_live(guid) or (guid in objects and (placing or not want.is_live(guid))):
                continue
            found = have[guid]
            if not want.is_live(guid):
                placed.put(found if self.attribute else replace(found, links=to_others(found.links, objects)))
            elif (found.parent, found.rdn) != (want[guid].parent, want[guid].rdn):
                placed.put(replace(want[guid], parent=found.parent, rdn=found.rdn))
        return placed

    def narrow(
        self, gaps: Iterable[Gap], want: State, have: State, *, without_references: Collection[str] = ()
    ) -> tuple[list[Gap], list[Limitation]]:
        """The gaps inside the scope, each cut down to what of it is inside, and what of that cannot be had.

        Args:
            gaps: Between ``want`` and ``have``.
            without_references: As of :class:`~adpersist.model.plan.step.Exempt`.
        """
        if self.is_everything:
            return list(gaps), []
        objects = self.objects(want, have) if self.roots else None

        def lives(value: bytes) -> bool:
            target = target_of(value)
            return target is None or have.may_be_meant(target) or objects is None or target in objects

        found: list[Gap] = []
        notes: list[Limitation] = []
        for gap in gaps:
            narrowed = self._narrowed(gap, objects)
            if narrowed is None:
                continue
            narrowed, lacking = _pointing_to(narrowed, want, lives, without_references)
            notes += lacking
            if narrowed.is_open:
                found.append(narrowed)
        return found, notes

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
    """The containers that are gone, up to one that lives, wherever that is by now."""

    def is_gone(guid: Guid) -> bool:
        return not have.is_live(guid) or _is_half_back(want[guid], have[guid])

    living = (guid for guid in objects if want.is_live(guid))
    return frozenset(above for guid in living for above in takewhile(is_gone, want.above(guid)))


def _is_half_back(wanted: ObjectState, found: ObjectState) -> bool:
    """An account that a run reanimated and gave no password before it was killed: nobody else leaves one without."""
    return (
        "unicodePwd" in wanted.values and "unicodePwd" not in found.values and found.values.get("pwdLastSet") == (b"0",)
    )


def _pointing_to(
    gap: Gap, want: State, lives: Callable[[bytes], bool], without_references: Collection[str]
) -> tuple[Gap, list[Limitation]]:
    """Without references to what is deleted and stays so, and what is lacking for that."""
    values: dict[str, Values] = {}
    said: list[str] = []
    for name, found in gap.values.items():
        kept = found if name in without_references else tuple(filter(lives, found))
        if kept == found:
            values[name] = found
        elif not kept or any(plain(value) != value for value in found):  # with a label, another takes its place
            said.append(f"{name} refers to what is deleted and no part of this, and stays as it is")
        else:
            said.append(_lacking(name, len(found) - len(kept)))
            if sorted(kept) != sorted(gap.have.values.get(name, ()) if gap.have is not None else ()):
                values[name] = kept
    for name, links in gap.added.items():
        if lost := sum(not lives(value) for value in links):
            said.append(_lacking(name, lost))
    notes = [Limitation(guid=gap.guid, dn=want.dn(gap.guid), what=what) for what in said]
    return replace(gap, values=values, added=link_values.those(gap.added, lives)), notes


def _lacking(name: str, count: int) -> str:
    return f"{name} lacks {count} {'links' if count > 1 else 'link'} to what is deleted and no part of this"


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
