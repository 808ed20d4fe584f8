"""Telling states apart: what a look changed, and what separates the directory from the journal."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from adpersist.model.identity.dn import is_same_name
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import Ref, plain, ref, target_of
from adpersist.model.objects import link_values
from adpersist.model.objects.change import Stamp, Values
from adpersist.model.objects.link_values import Links
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.interning import large_once
from adpersist.model.objects.rows.stamp_row import writes_of
from adpersist.model.plan.difference import STAMP, TOMBSTONE, Difference
from adpersist.model.plan.step import Exempt
from adpersist.state.access import GRANTING
from adpersist.state.changes import changed_values
from adpersist.state.state import State

_NEVER_MOVED: Final = frozenset({b"trustedDomain", b"secret"})
"""LSA-specific classes, whose objects are neither renamed nor moved ([MS-ADTS] 3.1.1.5.4)."""

_TRUST_ACCOUNT: Final = 0x800
"""INTERDOMAIN_TRUST_ACCOUNT, [MS-ADTS] 2.2.16."""

_NO_VALUES: Final[Mapping[str, Values]] = {}
_NO_LINKS: Final[Links] = {}
"""Most gaps lack something: they share the lack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What separates one object on the DC from what the journal says of it.

    Attributes:
        want: As the journal has it; None when the journal never heard of it.
        have: As the DC has it; None when it is not there, not even as a tombstone.
        values: Attributes to set or clear on the DC.
        added: Links the DC lacks.
        removed: Links the DC has too many.
        moved: It lies elsewhere or is named otherwise.
    """

    guid: Guid
    want: ObjectState | None
    have: ObjectState | None
    values: Mapping[str, Values] = field(default_factory=lambda: _NO_VALUES)
    added: Links = field(default_factory=lambda: _NO_LINKS)
    removed: Links = field(default_factory=lambda: _NO_LINKS)
    moved: bool = False

    @property
    def wanted_live(self) -> bool:
        """The journal has it as a living object."""
        return self.want is not None and not self.want.deleted

    @property
    def is_live(self) -> bool:
        """The DC has it as a living object."""
        return self.have is not None and not self.have.deleted

    @property
    def is_open(self) -> bool:
        """Something is left to be done about it."""
        return bool(self.values or self.added or self.removed or self.moved or not (self.is_live and self.wanted_live))


@dataclass(slots=True)
class Compared:
    """The comparison before: what has not changed since is not compared again.

    Attributes:
        want, exempt: What was wanted then, and what was left alone.
        relit: Who lived on one side only.
        gaps: What was found.
    """

    want: State = field(default_factory=State)
    exempt: Exempt = field(default_factory=Exempt)
    relit: frozenset[Ref] = frozenset()
    gaps: Mapping[Guid, Gap] = field(default_factory=dict)


def gaps(want: State, have: State, exempt: Exempt, before: Compared | None = None) -> Iterator[Gap]:
    """Objects that differ, tombstones aside: a deleted object that is gone altogether is as good as deleted.

    Args:
        before: Followed, and kept up to date once all gaps were taken; None: nothing was compared before.
    """
    touched = list(want.unlike(have))
    # whoever lives on one side only is a member of groups that are the same on both
    relit = frozenset(ref(guid) for guid in touched if want.is_live(guid) != have.is_live(guid))
    # what a gap is depends on both sides of it, and on who lives
    before = before if before is not None else Compared()
    is_as_before = before.want is want and (before.exempt, before.relit) == (exempt, relit)
    known = before.gaps if is_as_before else {}
    found: dict[Guid, Gap] = {}
    linked = ((guid, item) for guid, item in want.items() if item.links) if relit else ()
    pointing = (guid for guid, item in linked if item is have.get(guid) and _points_to(item, relit))
    for guid in (*touched, *pointing):
        if guid in exempt.objects:
            continue
        gap = known.get(guid)
        if gap is None or gap.have is not have.get(guid):
            gap = _gap(guid, want, have, exempt)
        if gap is not None:
            found[guid] = gap
            yield gap
    before.want, before.exempt, before.relit, before.gaps = want, exempt, relit, found


def _points_to(item: ObjectState, refs: frozenset[Ref]) -> bool:
    return any(plain(value) in refs for found in item.links.values() for value in found)


def _gap(guid: Guid, want: State, have: State, exempt: Exempt) -> Gap | None:
    wanted, found = want.get(guid), have.get(guid)
    wanted_live, is_live = want.is_live(guid), have.is_live(guid)
    if wanted_live and found is not None and exempt.reach.gives_identities and stays_dead(found):
        found = None
    if not wanted_live:
        return Gap(guid=guid, want=wanted, have=found) if is_live else None
    assert wanted is not None  # noqa: S101 - live, so it is there
    spared = exempt.derived | exempt.reach.unseen | exempt.attributes.get(guid, frozenset())
    changed = changed_values(found.values if found else {}, wanted.values)
    values = _reachable(changed, found, want, have, exempt.without_references)
    added, removed = link_values.changed(_lit(found.links, have) if found and is_live else {}, _lit(wanted.links, want))
    gap = Gap(
        guid=guid,
        want=wanted,
        have=found,
        values={name: large_once(values[name]) for name in sorted(values.keys() - spared)} or _NO_VALUES,
        added=added or _NO_LINKS,
        removed=removed or _NO_LINKS,
        moved=found is None or found.parent != wanted.parent or not is_same_name(found.rdn, wanted.rdn),
    )
    return gap if gap.is_open else None


def stays_dead(item: ObjectState) -> bool:
    """A tombstone nobody may bring back to life; where identities are given, another is made in its place.

    A trust's account is given a new password as it is reanimated, which Samba takes from LSA alone.
    """
    return item.deleted and (not _NEVER_MOVED.isdisjoint(item.values.get("objectClass", ())) or is_trust_account(item))


def is_trust_account(item: ObjectState) -> bool:
    """What the other side of a trust logs in with."""
    return bool(int(item.values.get("userAccountControl", (b"0",))[0]) & _TRUST_ACCOUNT)


def _reachable(
    values: dict[str, Values], found: ObjectState | None, want: State, have: State, without_references: Collection[str]
) -> dict[str, Values]:
    """Without references to deleted objects: nobody can write one, and none that is left matters."""
    reached = {}
    for name, new in values.items():
        kept = new if name in without_references else _to_living(new, want)
        if kept != new:
            before = _to_living(found.values.get(name, ()), have) if found is not None else ()
            if sorted(before) == sorted(kept):
                continue
        # the same values are held once
        reached[name] = new if kept == new else kept
    return reached


def _to_living(values: Values, state: State) -> Values:
    if not any(map(target_of, values)):
        return values
    return tuple(value for value in values if (target := target_of(value)) is None or state.may_be_meant(target))


def _lit(links: Links, state: State) -> Links:
    """Links without the dormant ones, whose target is deleted."""
    return link_values.those(links, lambda value: (target := target_of(value)) is None or state.is_live(target))


def differences(gap: Gap, want: State, have: State) -> Iterator[Difference]:
    """The gap as lines a person or a script reads."""
    dn = (want if gap.want is not None else have).dn(gap.guid)
    if not gap.wanted_live:
        yield Difference(guid=gap.guid, dn=dn, attribute="", kind="extra", gives_more=True)
        return
    if not gap.is_live:
        yield Difference(guid=gap.guid, dn=dn, attribute="", kind="missing" if gap.have is None else "deleted")
        return
    if gap.moved:
        yield Difference(guid=gap.guid, dn=dn, attribute="", kind="moved")
    for name in sorted(gap.values):
        yield Difference(guid=gap.guid, dn=dn, attribute=name, kind="value", gives_more=name in GRANTING)
    for name in sorted({*gap.added, *gap.removed}):
        yield Difference(guid=gap.guid, dn=dn, attribute=name, kind="link", gives_more=name in gap.removed)


def tombstone_differences(want: State, have: State, refused: Iterable[Guid]) -> Iterator[Difference]:
    """Tombstones that a DC was to receive and refused; where it was not asked, one that is gone is as good as there."""
    for guid in refused:
        wanted, found = want.get(guid), have.get(guid)
        if wanted is None or not wanted.deleted or (found is not None and not found.deleted):
            continue
        if found is None or any(not each.is_same_write(found.stamps.get(name)) for name, each in _sent_stamps(wanted)):
            yield Difference(guid=guid, dn=want.dn(guid), attribute="", kind=TOMBSTONE)


def _sent_stamps(item: ObjectState) -> Iterator[tuple[str, Stamp]]:
    """Without that of the naming attribute, which every database makes for itself."""
    naming = item.rdn.partition("=")[0].casefold()
    return ((name, stamp) for name, stamp in item.stamps.items() if name.casefold() != naming)


def stamp_differences(want: State, have: State, exempt: Exempt) -> Iterator[Difference]:
    """Attributes and links that are the same on both sides, tombstones' too, and were not written by the same write.

    What only one side knows a stamp of is not compared, but for what was emptied: the next write there would begin to
    count anew, and partners that know of more would not take it. Nor is the naming attribute, which every database
    stamps for itself.
    """
    for guid in want.unlike(have):
        wanted, found = want.get(guid), have.get(guid)
        if wanted is None or found is None or wanted.deleted != found.deleted or guid in exempt.spared.objects:
            continue
        spared = exempt.reach.unseen.union(
            exempt.spared.attributes.get(guid, ()), [wanted.rdn.partition("=")[0].casefold()]
        )
        known = writes_of(found.stamps)  # a row of them is compared sooner than as many stamps
        names = {
            name
            for name, write in writes_of(wanted.stamps).items()
            if write != known.get(name, write)
            and not wanted.stamps[name].is_same_write(found.stamps[name])
            and not {name, name.casefold()} & spared
            and sorted(wanted.values.get(name, ())) == sorted(found.values.get(name, ()))
        }
        if known and not wanted.deleted:
            emptied = (name for name in _emptied(wanted) if name not in known)
            names.update(name for name in emptied if not {name, name.casefold()} & spared)
        for name in sorted(names.union(_other_link_writes(wanted, found))):
            yield Difference(guid=guid, dn=want.dn(guid), attribute=name, kind=STAMP)


def _emptied(item: ObjectState) -> Iterator[str]:
    """Attributes without a value that have a stamp: they had one, or were made without."""
    return (name for name in item.stamps if name not in item.values and name not in item.links)


def _other_link_writes(wanted: ObjectState, found: ObjectState) -> Iterator[str]:
    """Attributes of whose links some were written by another write."""
    for name, stamps in wanted.link_stamps.items():
        known = found.link_stamps.get(name, {})
        if stamps != known and not all(stamp.is_same_write(known.get(link, stamp)) for link, stamp in stamps.items()):
            yield name
