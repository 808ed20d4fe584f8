"""What a DC lacks, put as a replication partner would send it. Pure.

Replication compares stamps, attribute by attribute and link by link ([MS-DRSR] 4.1.10.6.9, 4.1.10.6.14): what is sent
and not newer than what is there changes nothing. So all is sent whose stamp the DC does not have.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import Final

from adpersist.model.identity.dn import first, unique_name, value_of
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.identity.reference import REFERENCE_SYNTAXES, target_of
from adpersist.model.identity.sid import sid_text
from adpersist.model.objects.change import LinkStamp, Stamp, Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.interning import shared
from adpersist.model.objects.stamps import LIFE
from adpersist.model.plan.conflict import Conflict, by_object
from adpersist.model.plan.replicated import Batch, MachinePassword, Replica, ReplicatedLink, ReplicatedObject, Spared
from adpersist.restore.plan.definitions import defines_class, definitions_in_order
from adpersist.restore.plan.limitations import FEATURES
from adpersist.restore.plan.ordering import parked_name
from adpersist.state.journal_schema import JournalSchema
from adpersist.state.state import State

_INSTANCE: Final = "instanceType"
"""In every object that is sent ([MS-DRSR] 4.1.10.6.3)."""
_NEEDED: Final = frozenset({_INSTANCE, "name"})
_INVOCATION: Final = "invocationId"
_NTDS_SETTINGS: Final = "CN=NTDS Settings"
"""The name of every DC's nTDSDSA object ([MS-ADTS] 6.1.1.2.2.1.2.1.1)."""
_CALLED: Final = "lDAPDisplayName"
_OIDS: Final = frozenset({"attributeID", "governsID"})
"""Of a definition ([MS-ADTS] 3.1.1.2.3, 3.1.1.2.4)."""
_OID: Final = re.compile(rb"[0-2](\.[0-9]+)+")
"""Of any other there is no prefix, and its definition is refused by itself."""


def replica(
    want: State,
    have: State,
    contexts: Sequence[str],
    spared: Spared,
    *,
    own: Stamp,
    overwritten: Collection[Guid] = (),
    staying: Iterable[Conflict] = (),
    preferred: Iterable[Conflict] = (),
    machine_passwords: Sequence[MachinePassword] = (),
) -> Replica:
    """All that the DC lacks, by stamp.

    Args:
        want: What it is to have.
        have: What it has.
        contexts: Its naming contexts in the order they are restored, the schema first.
        spared: What stays.
        own: The DC's own invocationID, the time and a USN, for what it writes once more.
        overwritten: Objects somebody wrote to since the DC was put back, where the journal's word counts.
        staying: What is newer than the journal and stays, whatever the policy.
        preferred: What stays because the DC's word counts. Its links are sent once more where a partner would not
            follow them; attributes need none of this, as their stamps can be written by themselves.
        machine_passwords: That the DC's own account had lately.
    """
    return _Difference(
        want, have, contexts, spared, own, frozenset(overwritten), staying, preferred, machine_passwords
    ).replica()


class _Difference:
    def __init__(
        self,
        want: State,
        have: State,
        contexts: Sequence[str],
        spared: Spared,
        own: Stamp,
        overwritten: frozenset[Guid],
        staying: Iterable[Conflict],
        preferred: Iterable[Conflict],
        machine_passwords: Sequence[MachinePassword],
    ) -> None:
        self._want = want
        self._have = have
        self._contexts = contexts
        self._spared = spared
        self._own = own
        self._overwritten = overwritten
        self._preferred = by_object(preferred)
        self._staying = by_object([*self._preferred.values(), *staying])
        self._machine_passwords = tuple(machine_passwords)
        self._schema = JournalSchema.of(want)

    def replica(self) -> Replica:
        touched = [guid for guid in self._want.unlike(self._have) if guid in self._want and not self._is_kept(guid)]
        objects = {guid: sent for guid in touched if (sent := self._object(guid)) is not None}
        parked = dict(self._parked(objects))
        objects |= {guid: sent for guid in self._preferred if (sent := self._kept_alive(guid)) is not None}
        links: dict[str, list[ReplicatedLink]] = {}
        for guid in touched:
            for link in self._links(guid):
                links.setdefault(self._want[guid].nc, []).append(link)
        for conflict in self._preferred.values():
            for link in self._preferred_links(conflict):
                links.setdefault(self._have[conflict.guid].nc, []).append(link)
        return Replica(
            parked=parked,
            defined=tuple(self._defined(objects)),
            batches=tuple(self._batches(objects, links)),
            links={nc: tuple(found) for nc, found in links.items()},
            machine_passwords=self._machine_passwords,
        )

    def _is_kept(self, guid: Guid) -> bool:
        conflict = self._staying.get(guid)
        return guid in self._spared.objects or (conflict is not None and not conflict.attributes)

    def _object(self, guid: Guid) -> ReplicatedObject | None:
        item, there = self._want[guid], self._have.get(guid)
        if there is not None and guid not in self._spared.attributes and item.stamps == there.stamps:
            return None  # the rule, where rights were handed down
        known = item.stamps if there is None else {**there.stamps, **item.stamps}
        if not known.keys() >= _NEEDED:
            return None  # the journal is from before it knew of stamps
        conflict = self._staying.get(guid)
        own = self._spared.attributes.get(guid, frozenset())
        spared = own | frozenset(conflict.attributes if conflict else ())
        rdn = item.rdn.partition("=")[0].casefold()
        had = there.stamps if there is not None else {}
        stamps = {
            name: stamp
            for name, stamp in item.stamps.items()
            # Samba makes the naming attribute from the name, and replication never sends it
            if not stamp.is_same_write(had.get(name)) and name not in spared and name.casefold() != rdn
        }
        lowered = frozenset[str]()
        if guid in self._overwritten and there is not None:
            if there.deleted and not item.deleted:
                stamps |= _alive(item)
            lowered = frozenset(name for name, stamp in stamps.items() if name in had and beats(had[name], stamp))
        kept = {
            name: self._once_more(item.stamps[name], had[name]) for name in own if self._is_missed(item, there, name)
        }
        stamps |= kept
        if not stamps:
            return None
        stamps.setdefault(_INSTANCE, known[_INSTANCE])
        return ReplicatedObject(
            guid=guid,
            dn=self._want.dn(guid),
            parent=item.parent,
            sid=_sid(item),
            values=partial(self._sent, item, there, stamps.keys(), kept.keys()),
            stamps=stamps,
            expected=had if there is not None else None,
            lowered=lowered,
            imposed=frozenset(kept),
        )

    def _sent(
        self, item: ObjectState, there: ObjectState | None, names: Iterable[str], kept: Collection[str]
    ) -> Mapping[str, Values]:
        item = replace(item, values=shared(item.values.items()))  # one look into a file, where they lie in one
        found = {name: self._kept_values(there, name) if name in kept else self._values(item, name) for name in names}
        return {name: values for name, values in found.items() if values}

    def _kept_alive(self, guid: Guid) -> ReplicatedObject | None:
        """That it was not deleted, said above the delete: a partner that heard of that brings it back to life."""
        item, there = self._want.get(guid), self._have.get(guid)
        if item is None or there is None or not item.deleted or there.deleted or _INSTANCE not in there.stamps:
            return None
        stamps = {
            name: self._once_more(*filter(None, [item.stamps[name], there.stamps.get(name)]))
            for name in LIFE
            if name in item.stamps and (name not in there.stamps or not beats(there.stamps[name], item.stamps[name]))
        }
        if not stamps:
            return None
        return ReplicatedObject(
            guid=guid,
            dn=self._have.dn(guid),
            parent=there.parent,
            sid=_sid(there),
            values=lambda: {_INSTANCE: self._values(there, _INSTANCE)},
            stamps={**stamps, _INSTANCE: there.stamps[_INSTANCE]},
            expected=there.stamps,
        )

    def _is_missed(self, item: ObjectState, there: ObjectState | None, name: str) -> bool:
        """A partner would not follow the DC: it knows a later write, or would take the DC's for read."""
        stamp, had = item.stamps.get(name), there.stamps.get(name) if there is not None else None
        if stamp is None or had is None:
            return False
        # the DC took its new invocationID by a write under the old one, and a USN that it had handed out before
        is_read = name == _INVOCATION and had.origin != self._own.origin and self._has_partners
        return is_read or beats(stamp, had)

    @cached_property
    def _has_partners(self) -> bool:
        domain_controllers = (item for item in self._want.values() if item.rdn == _NTDS_SETTINGS)
        return any(not item.deleted and item.guid not in self._spared.attributes for item in domain_controllers)

    def _once_more(self, *stamps: Stamp) -> Stamp:
        """Above writes that the DC does not follow: no partner's may win over what it has."""
        return replace(self._own, version=max(each.version for each in stamps) + 1)

    def _kept_values(self, there: ObjectState | None, name: str) -> Values:
        if name == _INVOCATION:
            return (bytes(self._own.origin),)
        return self._values(there, name) if there is not None else ()

    def _values(self, item: ObjectState, name: str) -> Values:
        if name == "name":
            return (value_of(first(item.rdn)).encode("utf-8", "surrogateescape"),)
        values = item.values.get(name, ())
        if self._schema[name].syntax not in REFERENCE_SYNTAXES:
            return values
        return tuple(map(self._extended, values))

    def _extended(self, value: bytes) -> bytes:
        """The reference as replication wants it: with the target's SID, and its DN."""
        target = target_of(value)
        known = next((state for state in (self._want, self._have) if target in state), None)
        if target is None or known is None:
            return value
        sid = _sid(known[target])
        parts = [f"<SID={sid}>"] if sid else []
        return b";".join(
            [value, *(part.encode() for part in parts), known.dn(target).encode("utf-8", "surrogateescape")]
        )

    def _links(self, guid: Guid) -> Iterator[ReplicatedLink]:
        item = self._want[guid]
        conflict, there = self._staying.get(guid), self._have.get(guid)
        for name, stamps in item.link_stamps.items():
            had = there.link_stamps.get(name, {}) if there is not None else {}
            staying = conflict.links.get(name, frozenset()) if conflict else frozenset()
            # what went comes first: of an attribute with one link Samba takes it away itself, by a stamp of its own
            for value, stamp in sorted(stamps.items(), key=lambda each: each[1].present):
                if _is_same(stamp, had.get(value)) or value in staying or target_of(value) not in self._want:
                    continue
                yield ReplicatedLink(
                    source=guid,
                    attribute=name,
                    value=self._extended(value),
                    stamp=self._above(stamp, had.get(value), overwritten=guid in self._overwritten),
                )

    def _preferred_links(self, conflict: Conflict) -> Iterator[ReplicatedLink]:
        """Links that stay as they are here, once more: a partner knows a later write, or takes this one for read."""
        there, want = self._have.get(conflict.guid), self._want.get(conflict.guid)
        for name, stamps in there.link_stamps.items() if there is not None and not there.deleted else ():
            chosen = conflict.links.get(name, frozenset()) if conflict.attributes else stamps.keys()
            wanted = want.link_stamps.get(name, {}) if want is not None else {}
            for value in chosen & stamps.keys():
                had, known = stamps[value], wanted.get(value)
                is_read = self._has_partners and had.origin != self._own.origin
                if not is_read and (known is None or not beats(known, had)):
                    continue
                once_more = self._once_more(had, *filter(None, [known]))
                stamp = LinkStamp(**asdict(once_more), present=had.present)
                yield ReplicatedLink(source=conflict.guid, attribute=name, value=self._extended(value), stamp=stamp)

    @staticmethod
    def _above(stamp: LinkStamp, had: LinkStamp | None, *, overwritten: bool) -> LinkStamp:
        """One that wins where it is to: a link's stamp cannot be lowered."""
        if not overwritten or had is None or not beats(had, stamp):
            return stamp
        return replace(stamp, version=had.version + 1)

    def _parked(self, objects: Mapping[Guid, ReplicatedObject]) -> Iterator[tuple[Guid, str]]:
        """Whoever has a name that another object of these takes, and does not have its own yet."""
        taking: dict[tuple[Guid | None, str], Guid] = {
            (item.parent, unique_name(item.rdn)): guid
            for guid in objects
            if not (item := self._want[guid]).deleted and item.parent is not None
        }
        for guid in objects:
            if (there := self._have.get(guid)) is None or there.deleted:
                continue
            if (staying := self._staying.get(guid)) is not None and "name" in staying.attributes:
                continue  # has made way by now, where it had to
            if taking.get((there.parent, unique_name(there.rdn)), guid) != guid:
                yield guid, parked_name(there)

    def _batches(
        self, objects: Mapping[Guid, ReplicatedObject], links: Mapping[str, Sequence[ReplicatedLink]]
    ) -> Iterator[Batch]:
        _, configuration, *_ = self._contexts
        by_context: dict[str, list[Guid]] = {configuration: []} if configuration in links else {}
        for guid in objects:
            by_context.setdefault(self._want[guid].nc, []).append(guid)
        known = [nc for nc in self._contexts if nc in by_context]
        new = sorted(nc for nc in by_context if nc not in self._contexts)
        for nc in (*known, *new):
            ordered = self._ordered(by_context[nc])
            if nc == self._contexts[0]:
                yield from self._definitions(nc, ordered, objects)
                continue
            if nc in new:
                root, *ordered = ordered
                yield Batch(context=nc, objects=(objects[root],), is_new=True)
            at_once = links.get(nc, ()) if nc == configuration else ()
            # what rules how objects are deleted is switched on before any goes, of the configuration, too
            if features := tuple(link for link in at_once if link.attribute == FEATURES):
                yield Batch(context=nc, objects=(), links=features, configures=True)
            at_once = tuple(link for link in at_once if link.attribute != FEATURES)
            if ordered or at_once:
                yield Batch(
                    context=nc,
                    objects=tuple(objects[guid] for guid in ordered),
                    links=at_once,
                    configures=nc == configuration,
                )

    def _defined(self, objects: Iterable[Guid]) -> Iterator[str]:
        new = (self._want[guid] for guid in objects if guid not in self._have)
        found = [
            (stamp.time, stamp.usn, oid)
            for item in new
            if item.nc == self._contexts[0]
            for name, stamp in item.stamps.items()
            if name in _OIDS
            for oid in item.values.get(name, ())
            if _OID.fullmatch(oid)
        ]
        yield from (oid.decode() for _, _, oid in sorted(found))

    def _ordered(self, guids: Iterable[Guid]) -> list[Guid]:
        """What lives from the top down, so that it is out of what goes by then; then what goes, from the bottom up.

        Last what is new and deleted, from the top down again: in a new naming context so is the very container that the
        others lie in.
        """
        want, have = self._want, self._have
        alive = [guid for guid in guids if not want[guid].deleted]
        gone = [guid for guid in guids if want[guid].deleted]
        return [
            *sorted(alive, key=lambda guid: (want.depth(guid), guid)),
            *sorted(gone, key=lambda guid: (-have.depth(guid) if guid in have else want.depth(guid), guid)),
        ]

    def _definitions(self, nc: str, guids: Sequence[Guid], objects: Mapping[Guid, ReplicatedObject]) -> Iterator[Batch]:
        """New attributes, new classes each after those it builds on, then all else: each known before the next.

        Before them the names of those that are called otherwise by now, all at once: one that is new may have such a
        name, and with two of a name Samba does not start.
        """
        known = [objects[guid] for guid in guids if guid in self._have]
        if called := tuple(_only(sent, _CALLED) for sent in known if _CALLED in sent.stamps):
            yield Batch(context=nc, objects=called, defines=True)
        new = [guid for guid in guids if guid not in self._have]
        attributes = [guid for guid in new if not defines_class(self._want[guid])]
        classes = definitions_in_order(self._want[guid] for guid in new if defines_class(self._want[guid]))
        rest = [guid for guid in guids if guid in self._have]
        groups = [attributes, *([guid] for guid in classes), rest]
        for group in groups:
            if group:
                yield Batch(context=nc, objects=tuple(objects[guid] for guid in group), defines=True)


def _only(sent: ReplicatedObject, name: str) -> ReplicatedObject:
    """One of the attributes, and what no object is sent without."""
    names = {name, _INSTANCE}
    return replace(
        sent,
        values=lambda: {each: values for each, values in sent.values().items() if each in names},
        stamps={each: sent.stamps[each] for each in names},
        lowered=sent.lowered & names,
        imposed=sent.imposed & names,
    )


def _alive(item: ObjectState) -> dict[str, Stamp]:
    """Stamps for what a tombstone has and a living object never had: written when it was made."""
    born = replace(item.stamps.get(_INSTANCE, item.stamps["name"]), version=1)
    return {name: born for name in LIFE if name not in item.stamps}


def _is_same(stamp: LinkStamp, had: LinkStamp | None) -> bool:
    return had is not None and stamp.is_same_write(had) and stamp.present == had.present


def beats(one: Stamp, other: Stamp) -> bool:
    """Replication takes the one over the other."""
    return _rank(one) > _rank(other)


def told_anew(had: Stamp, known: Stamp | None, own: Stamp) -> Stamp:
    """A stamp for an attribute that stays as the DC has it: every partner hears of it and takes it.

    Where nobody can know a later write, only whose it is changes: version and time stay, and with unicodePwd's version
    the account's key version number, which keytabs and tickets hold.

    Args:
        had: The attribute's on the DC.
        known: The journal's, which a partner may have; None: there is none.
        own: The DC's own invocationID, the time and a USN.
    """
    # an invocationID decides between writes of one second, and it is what changes
    if known is None or (had.version, had.time) > (known.version, known.time):
        return replace(had, origin=own.origin, usn=own.usn)
    if had == known and own.time > had.time:
        return replace(own, version=had.version)  # whoever deleted it has that write, and its value no more
    return replace(own, version=max(had.version, known.version) + 1)


def _rank(stamp: Stamp) -> tuple[int, int, str]:
    return stamp.version, stamp.time, guid_text(stamp.origin)


def _sid(item: ObjectState) -> str | None:
    found = item.values.get("objectSid", ())
    return sid_text(found[0]) if found else None
