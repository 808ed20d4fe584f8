"""Gaps that close with those of the containers above: access rights that come from there. Pure.

One entry at the root of a domain is handed down to everything in it. To write a hundred thousand descriptors one by
one, each of which the server works out by itself once it has the root's, takes minutes, and the memory of a domain.
"""

from collections.abc import Iterable, Sequence

from adpersist.model.identity.ids import Guid
from adpersist.state.differences import Gap
from adpersist.state.inherited_rights import DESCRIPTOR
from adpersist.state.state import State


def apart(found: Sequence[Gap], have: State) -> tuple[list[Gap], list[Gap]]:
    """Those that have to be closed, and those that close by that.

    A gap follows where nothing differs but a descriptor that nobody wrote, and that of a container above differs, too:
    then the server works it out anew. What it makes of it, the look afterwards tells.

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
    return written is not None and written.is_same_write(gap.have.stamps.get(DESCRIPTOR))
