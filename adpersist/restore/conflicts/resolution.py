"""Who wins where others wrote on the DC: what stays, and what gives way. Pure.

Newer than the journal is what another DC wrote, and what came while the restore was under way: that stays. Of what was
written on the reverted DC alone, before, the policy decides.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.link_values import to_others, without
from adpersist.model.plan.conflict import Conflict, by_object
from adpersist.model.plan.terms import OnConflict
from adpersist.restore.plan.identities.evictions import evicted_copy, usurpers
from adpersist.state.differences import Gap
from adpersist.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What becomes of everything that others wrote.

    Attributes:
        conflicts: All of that.
        policy: Whose word counts.
        single_links: Links with room for one value: what stays there leaves none for another.
    """

    conflicts: tuple[Conflict, ...]
    policy: OnConflict
    single_links: frozenset[str] = frozenset()

    @property
    def staying(self) -> tuple[Conflict, ...]:
        """What stays as it is on the DC, for either reason."""
        if self.policy is OnConflict.DC:
            return self.conflicts
        return tuple(each for each in self.conflicts if each.stays)

    @property
    def overwritten(self) -> frozenset[Guid]:
        """Objects of which something gives way to the journal's word."""
        if self.policy is OnConflict.DC:
            return frozenset()
        return frozenset(each.guid for each in self.conflicts if not each.stays)

    @property
    def kept(self) -> frozenset[Guid]:
        """Objects unknown to the journal that stay."""
        return frozenset(each.guid for each in self.staying if not each.attributes)

    @property
    def named(self) -> dict[Guid, tuple[str, ...]]:
        """What was written on objects that the journal has, and stays."""
        staying = by_object(each for each in self.staying if each.attributes)
        return {guid: each.attributes for guid, each in staying.items()}

    def usurping(self, have: State, *, known: Collection[Guid], given: Collection[bytes]) -> frozenset[Guid]:
        """Objects that stay, and have a SID that was somebody's.

        Args:
            have: The DC.
            known: Every object the journal ever heard of.
            given: Every SID the journal ever saw.
        """
        # what a partner made has a RID of the partner's own
        local = self.kept - frozenset(known) - {each.guid for each in self.conflicts if each.stays}
        return usurpers(local, have, given)

    def closing(self, found: Sequence[Gap]) -> list[Gap]:
        """The gaps that are to be closed, without what stays."""
        # who had to give way goes on under another objectGUID
        moved = [replace(each, guid=evicted_copy(each.guid)) for each in self.conflicts if not each.attributes]
        every = [*self.conflicts, *moved]
        closing = beyond(found, [each for each in every if each.stays], self.single_links)
        if self.policy is not OnConflict.DC:
            return closing
        return beyond(closing, [each for each in every if not each.stays], self.single_links)

    def keeping_place(self, objects: Iterable[Guid], have: State) -> "Resolution":
        """The same, and these stay where they are: what else stays leaves them no other place."""
        meanwhile = self.policy is not OnConflict.DC
        kept = (
            Conflict(guid=guid, dn=have.dn(guid), attributes=("name",), meanwhile=meanwhile) for guid in sorted(objects)
        )
        return replace(self, conflicts=(*self.conflicts, *kept))

    def in_place(self, want: State, have: State) -> State:
        """What is wanted, with what was moved or renamed and stays where it is: what is made goes below that."""
        stays = (guid for guid, names in self.named.items() if "name" in names)
        places = {guid: have[guid] for guid in stays if want.is_live(guid) and have.is_live(guid)}
        if not places:
            return want
        placed = State(want.everything())
        for guid, place in places.items():
            placed.put(replace(want[guid], parent=place.parent, rdn=place.rdn))
        return placed

    def occupied(self, found: Sequence[Gap], want: State, have: State) -> list[Gap]:
        """Of the gaps those of containers that are to go and in which somebody lives who stays: they stay with them."""
        kept = {guid for each in self.staying for guid in (each.guid, evicted_copy(each.guid))}
        holding = {
            above for guid in kept if have.is_live(guid) and not want.is_live(guid) for above in have.above(guid)
        }
        return [gap for gap in found if gap.guid in holding and not gap.wanted_live]

    def untouched(self, want: State, have: State, occupied: Iterable[Guid]) -> Iterator[Conflict]:
        """What no replica may change: what is newer than the journal; where the DC's word counts, what it wrote to and
        the journal deleted; and the containers in which any of that lies."""
        for each in self.conflicts:
            wanted = want.get(each.guid)
            if each.stays:
                yield each
            elif self.policy is OnConflict.DC and wanted is not None and wanted.deleted:
                yield _whole(each)
        for guid in occupied:
            yield Conflict(guid=guid, dn=have.dn(guid))

    def preferred(self, want: State, have: State) -> Iterator[Conflict]:
        """Local writes that stay because the DC's word counts."""
        if self.policy is not OnConflict.DC:
            return
        for each in self.conflicts:
            if not each.stays:
                # who was deleted lost nearly all that was known of it
                revived = each.guid in want and not want.is_live(each.guid) and have.is_live(each.guid)
                yield _whole(each) if revived else each


def _whole(conflict: Conflict) -> Conflict:
    return replace(conflict, attributes=(), links={})


def beyond(gaps: Sequence[Gap], staying: Iterable[Conflict], single_links: Collection[str] = frozenset()) -> list[Gap]:
    """The gaps, or what is left of them, that are to be closed where these writes stay.

    Args:
        single_links: Links with room for one value.
    """
    kept = by_object(staying)
    whole = {gap.guid for gap in gaps if gap.guid in kept and not (gap.is_live and gap.wanted_live)}
    closing = []
    for found in gaps:
        # whoever stays keeps the memberships, whoever stays deleted gets none back
        gap = replace(found, added=to_others(found.added, whole), removed=to_others(found.removed, whole))
        if gap.guid not in kept:
            if gap == found or gap.is_open:
                closing.append(gap)
        elif (conflict := kept[gap.guid]).attributes and gap.is_live and gap.wanted_live:
            narrowed = Gap(
                guid=gap.guid,
                want=gap.want,
                have=gap.have,
                values={name: values for name, values in gap.values.items() if name not in conflict.attributes},
                added={
                    name: refs
                    for name, refs in without(gap.added, conflict.links).items()
                    if not (name in single_links and name in conflict.links)
                },
                removed=without(gap.removed, conflict.links),
                moved=gap.moved and "name" not in conflict.attributes,
            )
            if narrowed.is_open:
                closing.append(narrowed)
    return closing
