"""What no restore can do, told before anything is written instead of being tried in vain. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import plain, ref, target_of
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.reach import EVERYWHERE, Reach
from adpersist.model.plan.step import EnableFeature, Exempt
from adpersist.restore.plan.identities.foreign_principals import is_foreign
from adpersist.state.differences import Gap
from adpersist.state.state import State

FEATURES: Final = "msDS-EnabledFeature"
"""Link to the optional features that are on, [MS-ADTS] 3.1.1.9."""

_ZERO_IS_ABSENT: Final[Mapping[str, Values]] = {"lockoutTime": (b"0",)}
"""Zero: not locked out, [MS-ADTS] 2.2.16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limitation:
    """Something that will not be as the journal has it.

    Attributes:
        guid, dn: On which object.
        what: One sentence.
        loss: Somebody would be somebody else afterwards: only done when that was accepted.
        received: A DC that is healed as a replica has it after all.
    """

    guid: Guid
    dn: str
    what: str
    loss: bool = False
    received: bool = False


def attainable(
    gaps: Sequence[Gap], want: State, have: State, schema_nc: str, reach: Reach = EVERYWHERE
) -> tuple[list[Gap], list[Limitation]]:
    """The gaps that can be closed, and what cannot be had."""
    notes: list[Limitation] = []
    named = _foreign_members(want) if any(gap.want and is_foreign(gap.want) for gap in gaps) else frozenset()
    closing = []
    for each in gaps:
        gap = _with_zeros(each)
        if reach is not EVERYWHERE:
            notes += beyond(gap, want, reach)
            gap = within(gap, reach)
        narrowed: Gap | None = gap if gap == each or gap.is_open else None
        if not gap.wanted_live and gap.have is not None and gap.have.nc == schema_nc:
            dn, narrowed = have.dn(gap.guid), None
            notes.append(Limitation(guid=gap.guid, dn=dn, what="a schema never forgets: the definition stays"))
        elif features := gap.removed.get(FEATURES):
            dn = want.dn(gap.guid)
            notes.append(
                Limitation(guid=gap.guid, dn=dn, what=f"{len(features)} optional features cannot be switched off")
            )
            narrowed = _without(gap, FEATURES)
        elif gap.want is not None and gap.have is None and gap.wanted_live:
            dn = want.dn(gap.guid)
            if is_foreign(gap.want) and gap.guid not in named:
                what, narrowed = "a foreign principal in no group: the server makes it when it joins one", None
                notes.append(Limitation(guid=gap.guid, dn=dn, what=what, received=True))
            elif is_foreign(gap.want):
                what = "the server draws a new objectGUID; the SID, which says who it is, stays"
                notes.append(Limitation(guid=gap.guid, dn=dn, what=what, received=True))
            elif "msDS-IntId" in gap.want.values:
                what = "the server draws a new msDS-IntId, which only its own replication metadata use"
                notes.append(Limitation(guid=gap.guid, dn=dn, what=what, received=True))
        if narrowed is not None:
            closing.append(narrowed)
    return closing, notes


def within(gap: Gap, reach: Reach) -> Gap:
    """What a session can write of it."""
    hidden = reach.unwritable if gap.have is not None else reach.not_at_birth
    return replace(gap, values={name: values for name, values in gap.values.items() if name not in hidden})


def beyond(gap: Gap, want: State, reach: Reach) -> Iterator[Limitation]:
    """What a session cannot write of it."""
    if gap.want is None or gap.want.deleted:
        return
    dn = want.dn(gap.guid)
    if gap.have is None and "objectSid" in gap.want.values:
        what = "made again on this connection it is somebody else: a new objectSid and objectGUID, no password"
        yield Limitation(guid=gap.guid, dn=dn, what=what, loss=True)
    elif gap.have is None:
        yield Limitation(guid=gap.guid, dn=dn, what="made again on this connection it has a new objectGUID")
    elif not gap.is_live and is_account(gap.want):
        what = "its password is lost with the tombstone: it gets one that nobody knows until somebody sets it"
        yield Limitation(guid=gap.guid, dn=dn, what=what)
    hidden = sorted(name for name in gap.values if name in reach.unwritable and gap.have is not None)
    if hidden:
        yield Limitation(guid=gap.guid, dn=dn, what=f"this connection cannot write {', '.join(hidden)}")


def is_account(item: ObjectState) -> bool:
    """Somebody logs in with it."""
    return b"user" in item.values.get("objectClass", ())


def _without(gap: Gap, name: str) -> Gap | None:
    narrowed = replace(gap, removed={other: refs for other, refs in gap.removed.items() if other != name})
    return narrowed if narrowed.is_open else None


def _with_zeros(gap: Gap) -> Gap:
    """Attributes the server clears for nobody are set to what means the same."""
    values = dict(gap.values)
    for name, zero in _ZERO_IS_ABSENT.items():
        if values.get(name) == () and gap.have is not None:
            if gap.have.values.get(name) == zero:
                del values[name]
            else:
                values[name] = zero
    return gap if values == gap.values else replace(gap, values=values)


def _foreign_members(want: State) -> frozenset[Guid]:
    foreign = {ref(guid): guid for guid, item in want.items() if is_foreign(item)}
    linked = (refs for item in want.values() if not item.deleted for refs in item.links.values()) if foreign else ()
    return frozenset(foreign[each] for refs in linked for each in foreign.keys() & map(plain, refs))


def features(want: State, have: State, exempt: Exempt) -> Iterator[EnableFeature]:
    """Optional features that are to be on. The server notes them on its own NTDS Settings, else left alone."""
    scopes = [item for item in want.values() if FEATURES in item.links and item.guid not in exempt.objects]
    for scope in scopes:
        known = have[scope.guid].links.get(FEATURES, frozenset()) if scope.guid in have else frozenset()
        for link in sorted(scope.links[FEATURES] - known):
            target = target_of(link)
            if target is not None and target in want:
                feature = Guid(want[target].values["msDS-OptionalFeatureGUID"][0])
                dn, reason = have.dn(scope.guid), "an optional feature was switched on since"
                yield EnableFeature(guid=scope.guid, dn=dn, feature=feature, reason=reason)
