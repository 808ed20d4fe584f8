"""The smallest set of steps from what a DC has to what is wanted, in an order that works."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from adpersist.model.change import Values
from adpersist.model.ids import Guid
from adpersist.model.password import had_keys, has_no_keys, with_smartcard, without_smartcard
from adpersist.model.reference import Ref, ref, target_of
from adpersist.model.state import ObjectState
from adpersist.model.step import Create, Delete, Exempt, Link, Modify, Move, Reanimate, ReloadSchema, Scramble, Step
from adpersist.replay.diff import Gap, Links
from adpersist.replay.order import bottom_up, definitions_in_order, evictions, parking, top_down
from adpersist.replay.state import State

_PRIMARY: Final = "primaryGroupID"
"""Refused until the account is a member of that group ([MS-SAMR] 3.1.1.8.2)."""


class OnConflict(StrEnum):
    """Whose word counts where the DC was written to after it was put back."""

    JOURNAL = "journal"
    DC = "dc"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Something written on the reverted DC before the restore.

    Attributes:
        guid: Which object.
        dn: Where it is on the DC.
        attributes: What was written; empty when the whole object is unknown to the journal.
    """

    guid: Guid
    dn: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in order, and what was written locally meanwhile.

    Attributes:
        steps: What will be done.
        conflicts: Local writes the steps overwrite, or (``dc``) leave alone.
    """

    steps: tuple[Step, ...]
    conflicts: tuple[Conflict, ...] = ()


def settle(gaps: Sequence[Gap], conflicts: Sequence[Conflict], policy: OnConflict) -> list[Gap]:
    """The gaps that are to be closed under a policy; with ``dc`` local writes stay."""
    if policy is not OnConflict.DC:
        return list(gaps)
    kept = {conflict.guid: conflict.attributes for conflict in conflicts}
    closing = []
    for gap in gaps:
        if gap.guid not in kept:
            closing.append(gap)
        elif kept[gap.guid] and gap.is_live and gap.wanted_live:
            narrowed = Gap(
                guid=gap.guid,
                want=gap.want,
                have=gap.have,
                values={name: values for name, values in gap.values.items() if name not in kept[gap.guid]},
                added={name: refs for name, refs in gap.added.items() if name not in kept[gap.guid]},
                removed={name: refs for name, refs in gap.removed.items() if name not in kept[gap.guid]},
                moved=gap.moved and "name" not in kept[gap.guid],
            )
            if narrowed.values or narrowed.added or narrowed.removed or narrowed.moved:
                closing.append(narrowed)
    return closing


def steps(gaps: Iterable[Gap], want: State, have: State, exempt: Exempt, contexts: Sequence[str]) -> Iterator[Step]:
    """Steps that close the gaps, in order.

    Parking first; whoever holds the SID of a lost account makes way; the schema, and its reload, before anything that
    may need it; then objects made, reanimated and moved from the top down; their attributes; the primary group; links,
    when both ends exist; deletes from the bottom up.

    Args:
        contexts: Naming contexts in the order they are restored, the schema first.
    """
    everything = list(gaps)
    yield from parking(everything, have)
    wanted = top_down((gap for gap in everything if gap.wanted_live), want, contexts)
    schema = [gap for gap in wanted if gap.want is not None and gap.want.nc == contexts[0]]
    doomed = frozenset(gap.guid for gap in everything if not gap.wanted_live)
    builder = _Builder(want, have, exempt, doomed)
    evicted = list(evictions(wanted, have, doomed))
    yield from evicted
    yield from _schema(schema, builder)
    yield from builder.build(wanted[len(schema) :])
    gone = {step.guid for step in evicted}
    for gap in bottom_up((gap for gap in everything if gap.guid in doomed - gone), have):
        yield Delete(
            guid=gap.guid,
            dn=have.dn(gap.guid),
            reason="deleted since" if gap.want is not None else "the journal has no such object",
        )


def _schema(schema: Sequence[Gap], builder: "_Builder") -> Iterator[Step]:
    """Attributes, then classes in the order they build on each other; each known to the server before the next."""
    attributes = [gap for gap in schema if not _defines_class(gap)]
    classes = definitions_in_order([gap for gap in schema if _defines_class(gap)])
    for group, reason in ((attributes, "new attributes"), (classes, "new classes")):
        yield from builder.build(group)
        if group:
            root = next(gap.want.parent or gap.guid for gap in group if gap.want is not None)
            yield ReloadSchema(guid=root, dn=builder.want.dn(root), reason=f"{reason} can be used from here on")


def _defines_class(gap: Gap) -> bool:
    return gap.want is not None and b"classSchema" in gap.want.values.get("objectClass", ())


class _Builder:
    """Steps for objects that are to live, remembering what is there by then."""

    def __init__(self, want: State, have: State, exempt: Exempt, doomed: Collection[Guid]) -> None:
        self.want = want
        self._have = have
        self._exempt = exempt
        self._doomed = doomed
        self._placed: set[Guid] = set()
        self._born: dict[Guid, frozenset[str]] = {}
        self._swapped: dict[Guid, set[Ref]] = {}
        self._by_sid: dict[bytes, Guid] = {}

    def build(self, wanted: Sequence[Gap]) -> Iterator[Step]:
        """Place, fill and link some objects, containers first."""
        for gap in wanted:
            yield from self._place(gap)
            self._placed.add(gap.guid)
        for gap in wanted:
            yield from self._fill(gap)
        for gap in wanted:
            yield from self._regroup(gap)
        for gap in wanted:
            yield from self._link(gap)

    def _place(self, gap: Gap) -> Iterator[Step]:
        assert gap.want is not None  # noqa: S101 - wanted
        dn = self.want.dn(gap.guid)
        if gap.have is None:
            ends = {name: tuple(sorted(refs)) for name, refs in gap.added.items()}
            values = {
                name: found
                for name, found in {**gap.values, **ends}.items()
                if name not in self._exempt.created_with
                and all(map(self._is_there, found))
                and not (name == "supplementalCredentials" and has_no_keys(found))
            }
            self._born[gap.guid] = frozenset(values)
            yield Create(guid=gap.guid, dn=dn, values=values, reason="created since")
        elif not gap.is_live:
            yield Reanimate(guid=gap.guid, dn=dn, reason="alive in the journal, a tombstone here")
        elif gap.moved and gap.want.parent is not None:
            yield Move(
                guid=gap.guid,
                dn=self._have.dn(gap.guid),
                parent_dn=self.want.dn(gap.want.parent),
                rdn=gap.want.rdn,
                reason="moved or renamed since",
            )

    def _is_there(self, value: bytes) -> bool:
        """A reference can be written once its target exists; some classes insist on one at birth."""
        target = target_of(value)
        return target is None or target in self._placed or self._have.is_live(target)

    def _fill(self, gap: Gap) -> Iterator[Step]:
        if gap.have is None:
            rest = {name: found for name, found in gap.values.items() if name not in self._born[gap.guid]}
            reason = "cannot be set while creating"
        else:
            rest = {name: found for name, found in gap.values.items() if name != _PRIMARY or not gap.is_live}
            reason = "changed since"
        if has_no_keys(rest.get("supplementalCredentials", ())):
            yield from self._emptied_keys(gap)
            del rest["supplementalCredentials"]
        if rest:
            yield Modify(guid=gap.guid, dn=self.want.dn(gap.guid), values=rest, reason=reason)

    def _emptied_keys(self, gap: Gap) -> Iterator[Step]:
        """The server empties an account's keys itself when a smart card becomes required; it also makes up a password,
        so the real one follows."""
        assert gap.want is not None  # noqa: S101 - wanted
        values, control = gap.want.values, gap.want.values["userAccountControl"]
        dn, reason = self.want.dn(gap.guid), "its Kerberos keys were emptied when a smart card became required"
        yield Modify(guid=gap.guid, dn=dn, values={"userAccountControl": without_smartcard(control)}, reason=reason)
        if had_keys(values["supplementalCredentials"]):
            yield Scramble(guid=gap.guid, dn=dn, reason=reason)
        switched = {"userAccountControl": with_smartcard(control)}
        yield Modify(guid=gap.guid, dn=dn, values=switched, reason=reason, plain=True)
        secret = {name: values.get(name, ()) for name in ("unicodePwd", "ntPwdHistory", "pwdLastSet")}
        yield Modify(guid=gap.guid, dn=dn, values={**secret, "userAccountControl": control}, reason=reason)

    def _regroup(self, gap: Gap) -> Iterator[Step]:
        """Another primary group: the account must be its member first; the server then swaps the two memberships."""
        if _PRIMARY not in gap.values or gap.have is None or not gap.is_live:
            return
        new, old = (self._group(gap.have, values) for values in (gap.values[_PRIMARY], gap.have.values[_PRIMARY]))
        member, reason = ref(gap.guid), "a primary group is one the account is a member of"
        if new is not None and member not in self._members(new):
            yield Link(guid=new, dn=self.want.dn(new), added={"member": frozenset({member})}, reason=reason)
        values = {_PRIMARY: gap.values[_PRIMARY]}
        yield Modify(guid=gap.guid, dn=self.want.dn(gap.guid), values=values, reason="changed since")
        if old is not None:
            self._swapped.setdefault(old, set()).add(member)

    def _group(self, account: ObjectState, rid: Values) -> Guid | None:
        sid = account.values["objectSid"][0][:-4] + int(rid[0]).to_bytes(4, "little")
        if not self._by_sid:
            self._by_sid = {
                found: guid for guid, item in self.want.items() for found in item.values.get("objectSid", ())
            }
        return self._by_sid.get(sid)

    def _members(self, group: Guid) -> frozenset[bytes]:
        return self._have[group].links.get("member", frozenset()) if group in self._have else frozenset()

    def _link(self, gap: Gap) -> Iterator[Step]:
        born = self._born.get(gap.guid, frozenset())
        swapped = self._swapped.get(gap.guid, set())
        rest = {name: refs - swapped for name, refs in gap.added.items() if name not in born}
        rest = {name: refs for name, refs in rest.items() if refs}
        # links to what will be deleted go with it; taken off before, they would stay behind as traces
        gone = {
            name: frozenset(r for r in refs if target_of(r) not in self._doomed) for name, refs in gap.removed.items()
        }
        gone = {name: refs for name, refs in gone.items() if refs}
        if rest or gone:
            reason = f"{_count(rest)} added, {_count(gone)} removed since"
            yield Link(guid=gap.guid, dn=self.want.dn(gap.guid), added=rest, removed=gone, reason=reason)


def _count(links: Links) -> int:
    return sum(map(len, links.values()))
