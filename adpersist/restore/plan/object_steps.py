"""Steps for objects that are to live: placed, filled, regrouped, linked. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import Ref, ref, target_of
from adpersist.model.objects.change import Values
from adpersist.model.objects.link_values import Links, to_others, without
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.password import had_keys, has_no_keys, with_smartcard, without_smartcard
from adpersist.model.objects.secret_attributes import PASSWORD_ATTRIBUTES
from adpersist.model.plan.step import Create, Exempt, Link, Modify, Move, Reanimate, Scramble, Step
from adpersist.restore.plan import service_names
from adpersist.restore.plan.identities.foreign_principals import by_sid, is_foreign
from adpersist.restore.plan.identities.primary_groups import MEMBER_FIRST, PRIMARY, living_by_sid, primary_sid
from adpersist.restore.plan.limitations import is_account
from adpersist.state.classes import Classes
from adpersist.state.differences import Gap
from adpersist.state.state import State

_CATEGORY: Final = "objectCategory"
"""Resolving it is a tenth of a server's work on an add; it gives the usual one by itself."""

_KEPT_FOR_GOOD: Final = frozenset(
    [
        "attributeID",
        "attributeSyntax",
        "dNReferenceUpdate",
        "dNSHostName",
        "flatName",
        "governsID",
        "groupType",
        "instanceType",
        "lDAPDisplayName",
        "legacyExchangeDN",
        "mS-DS-CreatorSID",
        "mSMQOwnerID",
        "msDS-PortLDAP",
        "nCName",
        "nTSecurityDescriptor",
        "objectClass",
        "objectGUID",
        "objectSid",
        "oMSyntax",
        "proxiedObjectName",
        "sAMAccountName",
        "sIDHistory",
        "securityIdentifier",
        "subClassOf",
        "trustAttributes",
        "trustDirection",
        "trustPartner",
        "trustType",
        "userAccountControl",
        "whenCreated",
    ]
)
"""What every deleted object keeps, a recycled one, too ([MS-ADTS] 3.1.1.5.5.1.1); systemFlags are lifted meanwhile."""

_FLAGS: Final = "systemFlags"
_MADE_UP: Final[Mapping[str, Values]] = {"adminCount": (), "operatorCount": ()}
"""Samba writes 0 to these as it reanimates a user or a group."""

_OF_THE_LIVING: Final = frozenset({*PASSWORD_ATTRIBUTES, "pwdLastSet", "userAccountControl", PRIMARY})
"""Samba makes its own of these as it reanimates an account."""

_GROUP_TYPE: Final = "groupType"
_GLOBAL, _LOCAL, _UNIVERSAL = 0x2, 0x4, 0x8
"""Scopes in groupType, [MS-ADTS] 2.2.12."""


class ObjectSteps:
    """Steps for objects that are to live, remembering what is there by then."""

    def __init__(
        self,
        want: State,
        have: State,
        exempt: Exempt,
        doomed: Collection[Guid],
        *,
        named_later: Collection[Guid] = (),
        regrouped: Mapping[Guid, Values] | None = None,
    ) -> None:
        """Begin.

        Args:
            want: What the DC is to be.
            have: What it is.
            exempt: What is left alone.
            doomed: Objects that will be deleted.
            named_later: Accounts whose service names are given by another.
            regrouped: Primary groups that accounts have by then, and not those of ``have``.
        """
        self._named_later = named_later
        self._regrouped = regrouped or {}
        self.want = want
        self._have = have
        self._exempt = exempt
        self._doomed = doomed
        self._placed: set[Guid] = set()
        self._born: dict[Guid, frozenset[str]] = {}
        self._revived: dict[Guid, frozenset[str]] = {}
        self._containers: frozenset[Guid | None] = frozenset()
        self._shapes: dict[frozenset[str], frozenset[str]] = {}
        self._swapped: dict[Guid, set[Ref]] = {}

    def build(self, wanted: Sequence[Gap]) -> Iterator[Step]:
        """Place, fill and link some objects, containers first."""
        wanted = [self._recycled(gap) if gap.have is not None and not gap.is_live else gap for gap in wanted]
        self._containers = frozenset(gap.want.parent for gap in wanted if gap.want is not None)
        for gap in wanted:
            yield from self._place(gap)
            if gap.have is not None or gap.guid in self._born:
                self._placed.add(gap.guid)
        for gap in wanted:
            if gap.is_live or gap.guid in self._born:
                yield from self._fill(gap)
            elif gap.have is not None:
                yield from self._refer(gap)
        for gap in wanted:
            yield from self._regroup(gap)
        for gap in wanted:
            yield from self._link(gap)

    def _place(self, gap: Gap) -> Iterator[Step]:
        assert gap.want is not None  # noqa: S101 - wanted
        dn = self.want.dn(gap.guid)
        if gap.have is None and is_foreign(gap.want):
            return  # the server makes it when it becomes a member
        if gap.have is None:
            reach = self._exempt.reach
            unborn = self._exempt.created_with | reach.not_at_birth
            if reach.unseen:
                unborn |= {"userAccountControl", PRIMARY}  # an account is enabled once it has a password
            ends = {name: tuple(sorted(refs)) for name, refs in gap.added.items()}
            given = self._classes.category(gap.want)
            values = {
                name: found
                for name, found in {**gap.values, **ends}.items()
                if name not in unborn
                and not (name == _CATEGORY and found == given)
                and not (name == service_names.NAME and gap.guid in self._named_later)
                and all(map(self._is_there, found))
                and not (name == "supplementalCredentials" and has_no_keys(found))
            }
            born = frozenset(values if gap.values.get(_CATEGORY) != given else {*values, _CATEGORY})
            self._born[gap.guid] = self._shapes.setdefault(born, born)
            yield Create(guid=gap.guid, dn=dn, values=values, reason="created since")
            yield from self._locked(gap, dn)
        elif not gap.is_live:
            reason = "alive in the journal, a tombstone here"
            insisted = self._insisted(gap)
            more = self._given_at_once(gap, insisted) if gap.guid in self._containers else {}
            self._revived[gap.guid] = frozenset({*insisted, *more})
            fixed = gap.have is not None and _FLAGS in gap.have.values
            yield Reanimate(guid=gap.guid, dn=dn, reason=reason, values=insisted, more=more, fixed=fixed)
            yield from self._locked(gap, dn)
            # at once: a tombstone has no password, and may be an enabled account's
            yield from self._fill(gap)
        elif gap.moved and gap.want.parent is not None:
            yield Move(
                guid=gap.guid,
                dn=self._have.dn(gap.guid),
                parent_dn=self.want.dn(gap.want.parent),
                rdn=gap.want.rdn,
                reason="moved or renamed since",
            )

    def _recycled(self, gap: Gap) -> Gap:
        """With what the Recycle Bin kept among what is to be given: Samba takes it away as it reanimates, and makes up
        what was not there."""
        assert gap.want is not None and gap.have is not None  # noqa: S101 - a tombstone of what is wanted
        exempt, known = self._exempt, gap.have.values
        spared = exempt.derived | exempt.reach.unseen | exempt.reach.unwritable | _KEPT_FOR_GOOD
        spared |= exempt.attributes.get(gap.guid, frozenset())
        kept = {name: found for name, found in gap.want.values.items() if name not in spared and name in known}
        if "objectSid" in known:
            kept |= {name: found for name, found in _MADE_UP.items() if name not in {*gap.want.values, *spared}}
        return replace(gap, values={**kept, **gap.values}) if kept else gap

    @cached_property
    def _classes(self) -> Classes:
        return Classes(self.want)

    def _insisted(self, gap: Gap) -> Mapping[str, Values]:
        """What it cannot live without and has lost."""
        assert gap.want is not None  # noqa: S101 - wanted
        lost = self._classes.mandatory(gap.want) - _KEPT_FOR_GOOD
        ends = {name: tuple(sorted(refs)) for name, refs in gap.added.items()}
        found = {name: values for name, values in {**gap.values, **ends}.items() if name in lost and values}
        return {name: values for name, values in found.items() if all(map(self._is_there, values))}

    def _given_at_once(self, gap: Gap, insisted: Collection[str]) -> Mapping[str, Values]:
        """What a container comes to life with, beside what it insists on, so that none is there bare.

        Of an account not what Samba makes up as it reanimates one: it takes that only of one that lives.
        """
        ends = {name: tuple(sorted(refs)) for name, refs in gap.added.items()}
        later = {*insisted, _FLAGS, _CATEGORY, *_OF_THE_LIVING, *self._exempt.reach.unwritable}
        if gap.guid in self._named_later:
            later.add(service_names.NAME)
        found = {name: values for name, values in {**gap.values, **ends}.items() if name not in later}
        return {name: values for name, values in found.items() if all(map(self._is_there, values))}

    def _locked(self, gap: Gap, dn: str) -> Iterator[Step]:
        """Where no hash can be written: no account is ever without a password."""
        if self._exempt.reach.unseen and gap.want is not None and is_account(gap.want):
            yield Scramble(guid=gap.guid, dn=dn, reason="its own password cannot be restored, for want of it")

    def _is_there(self, value: bytes) -> bool:
        """A reference can be written once its target exists; some classes insist on one at birth."""
        target = target_of(value)
        return target is None or target in self._placed or self._have.may_be_meant(target)

    def _fill(self, gap: Gap) -> Iterator[Step]:
        rest, reason = dict(gap.values), "changed since"
        if gap.have is None:
            rest = {name: found for name, found in rest.items() if name not in self._born[gap.guid]}
            reason = "cannot be set while creating"
        else:
            rest.pop(PRIMARY, None)
        if gap.have is not None and not gap.is_live:
            given = self._revived[gap.guid]
            rest = {name: found for name, found in rest.items() if name not in given and not any(map(target_of, found))}
        if gap.guid in self._named_later:
            rest.pop(service_names.NAME, None)
        if _GROUP_TYPE in rest and gap.have is not None:
            yield from self._between_scopes(gap, rest[_GROUP_TYPE])
        if has_no_keys(rest.get("supplementalCredentials", ())):
            yield from self._emptied_keys(gap)
            del rest["supplementalCredentials"]
        if rest:
            yield Modify(guid=gap.guid, dn=self.want.dn(gap.guid), values=rest, reason=reason)

    def _refer(self, gap: Gap) -> Iterator[Step]:
        """A reanimated object's references, once all they may mean is in its place."""
        given = self._revived[gap.guid]
        rest = {name: found for name, found in gap.values.items() if name not in given and any(map(target_of, found))}
        if rest:
            yield Modify(guid=gap.guid, dn=self.want.dn(gap.guid), values=rest, reason="changed since")

    def _between_scopes(self, gap: Gap, wanted: Values) -> Iterator[Step]:
        """From global to domain local, and back, the way is over universal ([MS-ADTS] 3.1.1.5.3.1.2)."""
        found = gap.have.values.get(_GROUP_TYPE, wanted) if gap.have is not None else wanted
        new = int(wanted[0])
        if {int(found[0]) & (_GLOBAL | _LOCAL), new & (_GLOBAL | _LOCAL)} == {_GLOBAL, _LOCAL}:
            over = new & ~(_GLOBAL | _LOCAL) | _UNIVERSAL
            values: dict[str, Values] = {_GROUP_TYPE: (str(over).encode(),)}
            yield Modify(guid=gap.guid, dn=self.want.dn(gap.guid), values=values, reason="its scope changes in steps")

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
        if gap.want is None or gap.have is None or not gap.is_live:
            return
        meanwhile = self._regrouped.get(gap.guid)
        wanted = gap.want.values.get(PRIMARY) if meanwhile else gap.values.get(PRIMARY)
        if wanted is None:
            return
        found = meanwhile or gap.have.values[PRIMARY]
        new, old = (self._group(gap.have, rid) for rid in (wanted, found))
        member = ref(gap.guid)
        for group in (new, old):
            if group is not None:
                self._swapped.setdefault(group, set()).add(member)
        if wanted == found:
            return
        if new is not None and member not in self._members(new):
            yield Link(guid=new, dn=self.want.dn(new), added={"member": frozenset({member})}, reason=MEMBER_FIRST)
        regrouped = Modify(guid=gap.guid, dn=self.want.dn(gap.guid), values={PRIMARY: wanted}, reason="changed since")
        yield from self._widened(new, regrouped)
        if old is not None and self._have.is_live(old) and self._is_no_member(member, old):
            reason = "the server made it a member of what was its primary group"
            yield Link(guid=old, dn=self.want.dn(old), removed={"member": frozenset({member})}, reason=reason)

    def _widened(self, group: Guid | None, step: Modify) -> Iterator[Step]:
        """The step, with the group a universal one meanwhile: newer Sambas let no domain local one become primary, and
        leave it that when it becomes domain local afterwards."""
        kind = int(self.want[group].values.get(_GROUP_TYPE, (b"0",))[0]) if group is not None else 0
        if group is None or not kind & _LOCAL:
            yield step
            return
        wide: dict[str, Values] = {_GROUP_TYPE: (str(kind & ~_LOCAL | _UNIVERSAL).encode(),)}
        dn, reason = self.want.dn(group), "no domain local group becomes somebody's primary group"
        yield Modify(guid=group, dn=dn, values=wide, reason=reason)
        yield step
        yield Modify(guid=group, dn=dn, values={_GROUP_TYPE: self.want[group].values[_GROUP_TYPE]}, reason=reason)

    def _is_no_member(self, member: Ref, group: Guid) -> bool:
        """Nor will it be, and the group lives."""
        wanted = self.want[group]
        return not wanted.deleted and member not in wanted.links.get("member", ())

    def _group(self, account: ObjectState, rid: Values) -> Guid | None:
        return self._groups.get(primary_sid(account, rid))

    @cached_property
    def _groups(self) -> dict[bytes, Guid]:
        return living_by_sid(self.want)

    def _members(self, group: Guid) -> frozenset[bytes]:
        return self._have[group].links.get("member", frozenset()) if group in self._have else frozenset()

    def _link(self, gap: Gap) -> Iterator[Step]:
        born = self._born.get(gap.guid) or self._revived.get(gap.guid, frozenset())
        swapped = {"member": frozenset(self._swapped.get(gap.guid, ()))}
        rest = {name: self._named(refs) for name, refs in without(gap.added, swapped).items() if name not in born}
        # links to what will be deleted go with it; taken off before, they would stay behind as traces
        gone = to_others(without(gap.removed, swapped), self._doomed)
        if rest or gone:
            reason = f"{_count(rest)} added, {_count(gone)} removed since"
            only = self._exempt.single_links & rest.keys()
            yield Link(guid=gap.guid, dn=self.want.dn(gap.guid), added=rest, removed=gone, only=only, reason=reason)

    def _named(self, refs: frozenset[bytes]) -> frozenset[bytes]:
        """Foreign principals that are not there are named by their SID, which has the server make them."""
        named = set()
        for value in refs:
            target = target_of(value)
            item = self.want.get(target) if target is not None else None
            lost = item is not None and is_foreign(item) and not self._have.is_live(item.guid)
            named.add(by_sid(item) if lost and item is not None and item.guid not in self._placed else value)
        return frozenset(named)


def _count(links: Links) -> int:
    return sum(map(len, links.values()))
