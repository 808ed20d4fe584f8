"""Gaps that close with those of the containers above: access rights that come from there. Pure.

One entry at the root of a domain is handed down to everything in it. To write a hundred thousand descriptors one by
one, each of which the server works out by itself once it has the root's, takes minutes, and the memory of a domain.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.text.descriptor import handed_on, inherited, keeps_off, own_rights
from adpersist.restore.plan.limitations import Limitation
from adpersist.state.differences import Gap
from adpersist.state.inherited_rights import DESCRIPTOR
from adpersist.state.state import State


def apart(found: Sequence[Gap], have: State) -> tuple[list[Gap], list[Gap]]:
    """Those that have to be closed, and those that close by that.

    A gap follows where nothing differs but what a descriptor that nobody wrote has from above, and that of a container
    there differs, too: then the server works it out anew. What it makes of it, the look afterwards tells.

    Args:
        found: What differs.
        have: The DC.
    """
    handing_down = _handing_down(found)
    if len(handing_down) < 2:
        return list(found), []
    closing: list[Gap] = []
    following: list[Gap] = []
    for gap in found:
        follows = _is_derived(gap) and not handing_down.isdisjoint(have.above(gap.guid))
        (following if follows else closing).append(gap)
    return closing, following


def of_those(closing: Iterable[Gap], following: Sequence[Gap], have: State) -> list[Gap]:
    """The ones that still follow, now that some gaps are left open on purpose."""
    if not following:
        return []
    handing_down = _handing_down(closing)
    return [gap for gap in following if not handing_down.isdisjoint(have.above(gap.guid))]


def by_others(gaps: Sequence[Gap], want: State, have: State) -> tuple[list[Gap], list[Limitation]]:
    """The gaps of a part, without rights that containers hand down which are no part of it and have others by now.

    The server works out what an object gets from above, whatever is written to it.

    Args:
        gaps: What of the part differs.
        want: What is wanted.
        have: The DC.
    """
    changing = {gap.guid for gap in gaps if DESCRIPTOR in gap.values}
    kept, notes = [], []
    for gap in sorted(gaps, key=lambda each: want.depth(each.guid) if each.wanted_live else 0):
        if not _gets_others(gap, want, have, changing):
            kept.append(gap)
            continue
        what = "its access rights are those that its container hands down now: that is no part of this"
        notes.append(Limitation(guid=gap.guid, dn=want.dn(gap.guid), what=what))
        rest = gap
        if gap.is_live and not gap.moved and _are_own(gap):
            changing.discard(gap.guid)
            rest = replace(gap, values={name: found for name, found in gap.values.items() if name != DESCRIPTOR})
        if rest.is_open:
            kept.append(rest)
    return kept, notes


def _gets_others(gap: Gap, want: State, have: State, changing: Collection[Guid]) -> bool:
    if gap.want is None or not gap.wanted_live:
        return False
    above = list(want.above(gap.guid))
    if not above or not all(map(have.is_live, above)) or any(each in changing for each in above):
        return False  # the next look tells, once those above are as they are to be
    if gap.is_live and not gap.moved:
        return DESCRIPTOR in gap.values and _inherited(gap.want) != _inherited(have[gap.guid])
    # a tombstone keeps its rights, and what moves takes them along, until it is where it is to be
    return not keeps_off(_descriptor(gap.want)) and _handed_on(want[above[0]]) != _handed_on(have[above[0]])


def _are_own(gap: Gap) -> bool:
    """What is not handed down is as it is to be."""
    assert gap.want is not None and gap.have is not None  # noqa: S101 - it lives, and is to
    return own_rights(_descriptor(gap.want)) == own_rights(_descriptor(gap.have))


def _inherited(item: ObjectState) -> list[bytes]:
    return inherited(_descriptor(item))


def _handed_on(item: ObjectState) -> list[bytes]:
    return handed_on(_descriptor(item))


def _descriptor(item: ObjectState) -> bytes:
    return b"".join(item.values.get(DESCRIPTOR, ()))


def beforehand(following: Iterable[Gap], have: State, others: Iterable[Guid]) -> dict[str, list[tuple[Guid, bytes]]]:
    """The access rights, by naming context, that may be written before those of the containers they come from.

    Samba works out all of them in one transaction, and stops at whoever has already what it would make of them: at
    that it looks no further down.

    Args:
        following: What :func:`of_those` gave.
        have: The DC.
        others: Living objects of which Samba has to work out what they get: the journal does not say. What lies above
            one is left to Samba.
    """
    passed = {container for guid in others for container in have.above(guid)}
    rights: dict[str, list[tuple[Guid, bytes]]] = {}
    for gap in following:
        if gap.want is not None and gap.guid not in passed:
            for descriptor in gap.want.values.get(DESCRIPTOR, ()):
                rights.setdefault(gap.want.nc, []).append((gap.guid, descriptor))
    return rights


def _handing_down(found: Iterable[Gap]) -> frozenset[Guid]:
    return frozenset(gap.guid for gap in found if DESCRIPTOR in gap.values and gap.is_live and gap.wanted_live)


def _is_derived(gap: Gap) -> bool:
    if gap.moved or gap.added or gap.removed or gap.values.keys() != {DESCRIPTOR}:
        return False
    if gap.want is None or gap.have is None or not (gap.is_live and gap.wanted_live):
        return False
    written = gap.want.stamps.get(DESCRIPTOR)
    if written is not None and written.is_same_write(gap.have.stamps.get(DESCRIPTOR)):
        return True
    # over LDAP we wrote it ourselves
    return all(DESCRIPTOR in item.values for item in (gap.want, gap.have)) and _are_own(gap)
