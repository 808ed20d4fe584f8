"""All that the journal tells, in memory and without secrets: every object at every commit, and what happened in order.

The journal is read once and then followed. An object's versions share what did not change, so memory follows the
directory's size (some 6 kB an object) and what changed since. A secret is replaced by a digest as soon as it is
decoded, under a key that dies with the process: it can be told that a password changed, never what it was.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from adpersist.audit.log import AuditLog
from adpersist.errors import PointError
from adpersist.journal.journal import Journal
from adpersist.model.identity.dn import components, value_of
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.model.identity.reference import target_of
from adpersist.model.identity.sid import sid_from_text
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.objects import link_values
from adpersist.model.objects.change import AttributeStamps, Change, Kind, LinkStamps, Values
from adpersist.model.objects.object_state import Gone, ObjectState
from adpersist.model.objects.rows.stamp_row import when_and_where
from adpersist.reading.find import type_ids
from adpersist.reading.past.glimpse import Glimpse
from adpersist.reading.past.sealing import Sealing
from adpersist.reading.past.writers import SealedLog, Writers, Written
from adpersist.state.changes import changed_values, evolve
from adpersist.state.fold import fold
from adpersist.state.journal_schema import JournalSchema
from adpersist.state.state import State

TAKEN_BACK: Final = "taken-back"
"""The kind of what a restore undid."""
_SCHEMA: Final = b"attributeSchema"
_NO_STAMPS: Final[AttributeStamps] = {}
_NO_LINK_STAMPS: Final[LinkStamps] = {}
_Told = TypeVar("_Told")
Told = Callable[[int, int], None]
"""Commits read, of so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One commit, without its changes.

    Attributes:
        first: Of a LOOK: it is the journal's first one, which tells what was there already.
        count: Changes in it.
    """

    seq: Seq
    time: float
    timeline: int
    kind: CommitKind
    count: int
    digest: bytes
    first: bool = False
    mark: str | None = None
    target: Seq | None = None
    host: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What happened to one object in one look.

    Attributes:
        number: Counts all entries, from 1: newer ones are higher.
        kind: As the change's, or ``taken-back`` where a restore went behind it.
        old, new: The object before and after; None where it was not there.
        names: All attributes that are others than before, links among them: see :func:`changed_names`.
        stamps: Who wrote each attribute, where that is known.
        link_stamps: The same of the links.
    """

    number: int
    look: Look
    kind: str
    guid: Guid
    old: ObjectState | None
    new: ObjectState | None
    names: frozenset[str]
    stamps: AttributeStamps = field(default_factory=dict)
    link_stamps: LinkStamps = field(default_factory=dict)

    @property
    def shown(self) -> ObjectState:
        """As it is after, or else was before."""
        found = self.new or self.old
        assert found is not None  # noqa: S101 - nothing happens to nothing
        return found

    def values(self) -> dict[str, tuple[Values, Values]]:
        """Attributes that are others than before: the values before, and after."""
        before, after = (self.old.values if self.old else {}), (self.new.values if self.new else {})
        return {name: (before.get(name, ()), now) for name, now in changed_values(before, after).items()}

    def links(self) -> tuple[Mapping[str, frozenset[bytes]], Mapping[str, frozenset[bytes]]]:
        """Links that came, and that went."""
        return link_values.changed(self.old.links if self.old else {}, self.new.links if self.new else {})

    def written(self) -> list[Written]:
        """What changed, with its stamps."""
        written = [(name, stamp) for name, stamp in self.stamps.items() if name in self.names or name == "name"]
        links = ((name, found) for name, found in self.link_stamps.items() if name in self.names)
        return [*written, *((name, stamp) for name, found in links for stamp in found.values())]

    def when_and_where(self) -> Iterator[tuple[int, bytes]]:
        """Time and origin of all that was written, be it as it was before; quicker than :meth:`written`."""
        yield from when_and_where(self.stamps)
        for links in self.link_stamps.values():
            for stamp in links.values():
                yield stamp.time, stamp.origin

    def origins(self) -> frozenset[Guid]:
        """invocationIDs of the databases that wrote it."""
        return frozenset(stamp.origin for _, stamp in self.written())

    @property
    def moved(self) -> bool:
        """It has another name or another container."""
        old, new = self.old, self.new
        return old is not None and new is not None and (old.rdn != new.rdn or old.parent != new.parent)


def is_first(commit: Commit) -> bool:
    """It begins the journal's first look, which tells what was there already; however many commits that took."""
    return commit.kind is CommitKind.LOOK and commit.usn_from == 0 and commit.timeline == 1


def class_of(item: ObjectState) -> str:
    """The most special class; empty where nobody knows."""
    classes = item.values.get("objectClass", ())
    return classes[-1].decode(errors="replace") if classes else ""


def changed_names(old: ObjectState | None, new: ObjectState | None) -> frozenset[str]:
    """Attributes, links among them, that are not the same in both."""
    values = changed_values(old.values if old else {}, new.values if new else {})
    came, went = link_values.changed(old.links if old else {}, new.links if new else {})
    return frozenset((*values, *came, *went))


def _differ(old: ObjectState | None, new: ObjectState | None) -> bool:
    if old is None or new is None:
        return True
    return (old.rdn, old.parent) != (new.rdn, new.parent) or bool(changed_names(old, new))


class StateAt(State):
    """The directory at one commit: a view that costs nothing until it is asked."""

    def __init__(self, past: "Past", seq: Seq) -> None:
        super().__init__()
        self._past = past
        self._seq = seq

    def __getitem__(self, guid: Guid) -> ObjectState:
        found = self._past.version(guid, self._seq)
        if found is None:
            raise KeyError(guid)
        return found

    def __contains__(self, guid: object) -> bool:
        return isinstance(guid, bytes) and self._past.version(Guid(guid), self._seq) is not None

    def __iter__(self) -> Iterator[Guid]:
        return (guid for guid in self._past.guids() if guid in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> ItemsView[Guid, ObjectState]:
        """Objects by their GUID."""
        return ItemsView(self)

    def values(self) -> ValuesView[ObjectState]:
        """Objects."""
        return ValuesView(self)

    def is_live(self, guid: Guid | None) -> bool:
        """The object is here and is no tombstone."""
        item = self._past.version(guid, self._seq) if guid is not None else None
        return item is not None and not item.deleted

    def dn(self, guid: Guid) -> str:
        """The object's DN as of then."""
        parts = []
        item: ObjectState | None = self[guid]
        while item is not None:
            parts.append(item.rdn)
            item = self._past.version(item.parent, self._seq) if item.parent is not None else None
        return ",".join(parts)


class Past:
    """Every object at every commit from a point on, and what happened since; see the module.

    Attributes:
        begins: The commit it begins after.
        entries: What happened, oldest first. What was there at the beginning is no entry.
        looks: Every commit, oldest first.
        server: The DC's own NTDS settings; None: nobody knows.
        audit_log: Samba's, where there is one: see :mod:`adpersist.reading.past.writers`.
        sealed_log: What of it is sealed with the changes.
        kinds, classes: How many entries there are of each kind, and of objects of each class.
    """

    def __init__(
        self, begins: Seq = BEFORE_FIRST, objects: Iterable[ObjectState | Gone] = (), *, fold_to: Callable[[Seq], State]
    ) -> None:
        """Begin with a state.

        Args:
            begins: The commit that the objects are of.
            objects: The directory there.
            fold_to: The state at a commit from before that; raises PointError where it was pruned.
        """
        self.begins = begins
        self.entries: list[Entry] = []
        self.looks: list[Look] = []
        self.server: Guid | None = None
        self.audit_log: AuditLog | None = None
        self.sealed_log = SealedLog()
        self.kinds: Counter[str] = Counter()
        self.classes: Counter[str] = Counter()
        self._fold_to = fold_to
        self._read = begins
        self._versions: dict[Guid, list[ObjectState | None]] = {}
        self._seqs: dict[Guid, list[Seq]] = {}
        self._of: dict[Guid, list[Entry]] = {}
        self._schema = State()
        self.facts = JournalSchema({})
        self._sealing = Sealing(self.facts)
        self._pending: list[Change] = []
        self._is_first: bool | None = None
        self._databases: dict[Guid, tuple[Guid, Seq]] = {}
        self._by_sid: dict[bytes, Guid] = {}
        self._by_class: dict[str, set[Guid]] = {}
        self._by_type: dict[str, set[Guid]] = {}
        self._linking: dict[Guid, set[Guid]] = {}
        self._left: list[tuple[Seq, Seq]] = []
        self._name_sets: dict[frozenset[str], frozenset[str]] = {}
        items = [each for each in objects if isinstance(each, ObjectState)]
        self._learn(item for item in items if _SCHEMA in item.values.get("objectClass", ()))
        for item in items:
            self._put(begins, item.guid, self._sealing.item(item))

    @classmethod
    def of(
        cls,
        journal: Journal,
        begins: Seq | None = None,
        *,
        through: Seq | None = None,
        told: Told = lambda *_: None,
    ) -> "Past":
        """What a journal tells after a commit, up to another one; None: all that was not pruned.

        Raises:
            PointError: No such point.
            DamagedError: The journal is not what was written.
        """
        if begins is None:
            begins = journal.head.pruned
        objects = fold(journal, begins).everything() if begins > BEFORE_FIRST else iter(())
        return cls.since(journal, begins, objects, through=through, told=told)

    @classmethod
    def since(
        cls,
        journal: Journal,
        begins: Seq,
        objects: Iterable[ObjectState | Gone],
        *,
        through: Seq | None = None,
        told: Told = lambda *_: None,
    ) -> "Past":
        """The same, of a state that was folded before.

        Args:
            objects: The directory at the commit it begins after.
        """
        past = cls(begins, objects, fold_to=lambda seq: fold(journal, seq))
        past.server = journal.head.identity.server
        past.follow(journal, through=through, told=told)
        return past

    def follow(self, journal: Journal, *, through: Seq | None = None, told: Told = lambda *_: None) -> int:
        """Take in what came since; returns how many commits that were.

        Raises:
            DamagedError, PointError: The journal is not what was written, or was pruned too far. What is known stays.
        """
        before, last = self._read, journal.head.seq if through is None else through
        for commit in journal.commits(after=before, through=last):
            self.take(commit)
            told(commit.seq - before, last - before)
        return self._read - before

    def take(self, commit: Commit) -> None:
        """Take the next commit in; those of one look together with its last."""
        self._pending += commit.changes
        self.sealed_log.take(commit)
        self._read = commit.seq
        if self._is_first is None and commit.kind is CommitKind.LOOK:
            self._is_first = is_first(commit)
        if not (commit.ends_look or commit.kind not in (CommitKind.LOOK, CommitKind.PART)):
            return
        changes, self._pending = self._pending, []
        first, self._is_first = bool(self._is_first), None
        look = Look(
            seq=commit.seq,
            time=commit.time,
            timeline=commit.timeline,
            kind=commit.kind,
            count=len(changes),
            digest=commit.digest,
            first=first,
            mark=commit.mark,
            target=commit.target,
            host=commit.writer.host if commit.writer else "",
            account=commit.account,
        )
        self.looks.append(look)
        if commit.kind is CommitKind.RESTORE_END and commit.target is not None:
            self._left.append((commit.target, commit.seq))
            self._take_back(look, commit.target)
        definitions = [change for change in changes if self._defines(change)]
        if definitions:
            self._learn(State(self._schema.values()).apply(definitions).values())
        for guid, of_one in _by_object(changes).items():
            self._change(look, guid, of_one)

    # --- asking -----------------------------------------------------------------------------------------------------

    @property
    def last(self) -> Look | None:
        """The newest commit."""
        return self.looks[-1] if self.looks else None

    @property
    def seq(self) -> Seq:
        """The number of the newest commit."""
        return self.looks[-1].seq if self.looks else self.begins

    @property
    def read_through(self) -> Seq:
        """The commit that was taken in last, be it in the middle of a look."""
        return self._read

    @property
    def earliest(self) -> Seq:
        """The first commit at which the whole directory is known."""
        return self.looks[0].seq if self.looks and self.looks[0].first else self.begins

    def marked(self, name: str) -> Seq | None:
        """The last commit of a mark."""
        return next((look.seq for look in reversed(self.looks) if look.mark == name), None)

    def last_before(self, moment: float) -> Seq | None:
        """The last commit up to a time. Unix seconds."""
        return next((look.seq for look in reversed(self.looks) if look.time <= moment), None)

    def look_at(self, seq: Seq) -> Look | None:
        """The last look or other commit up to one; None: none is known."""
        at = bisect_right(self.looks, seq, key=lambda look: look.seq)
        return self.looks[at - 1] if at else None

    def looks_of(self, kind: CommitKind) -> list[Look]:
        """All commits of a kind, oldest first."""
        return [look for look in self.looks if look.kind is kind]

    def newest(self) -> Look | None:
        """The last commit that is no use of the console."""
        return next((look for look in reversed(self.looks) if look.kind is not CommitKind.USE), None)

    def glimpses(self, after: Seq, attributes: Collection[str], classes: Collection[str]) -> Iterator[Glimpse]:
        """What happened after a commit to living objects, oldest first; no more than what touched one of these
        attributes, is of one of these classes, or ended a life. What a restore took back is left out."""
        first = bisect_right(self.entries, after, key=lambda entry: entry.look.seq)
        for entry in self.entries[first:]:
            lived, lives = _lives(entry.old), _lives(entry.new)
            names = entry.names if entry.new is not None else frozenset[str]()
            if entry.kind == TAKEN_BACK or not (lived or lives):
                continue
            if not lives or class_of(entry.shown) in classes or not names.isdisjoint(attributes):
                yield Glimpse(
                    number=entry.number,
                    seq=entry.look.seq,
                    time=entry.look.time,
                    kind=entry.kind,
                    guid=entry.guid,
                    object_class=class_of(entry.shown),
                    names=names,
                    was_there=entry.old is not None,
                    was_alive=lived,
                    is_alive=lives,
                )

    def entries_of(self, glimpses: Sequence[Glimpse]) -> Iterator[Entry]:
        """What was glimpsed, whole, in that order."""
        return (self.entries[each.number - 1] for each in glimpses)

    def ever_within(self, rids: Collection[int], accounts: Collection[str], attribute: str) -> frozenset[Guid]:
        """Objects that ever had a SID that ends so or such an account name, and all that links of an attribute ever
        led to from there, directly or through others."""
        endings = {number.to_bytes(4, "little") for number in rids}
        found = {guid for sid, guid in self._by_sid.items() if sid[-4:] in endings}
        found |= {
            guid
            for guid in self.guids_of("group")
            for item in self.versions(guid)
            for name in item.values.get("sAMAccountName", ())
            if name.decode(errors="replace") in accounts
        }
        ways = list(found)
        while ways:
            for item in self.versions(ways.pop()):
                targets = {each for each in map(target_of, item.links.get(attribute, ())) if each is not None}
                ways += targets - found
                found |= targets
        return frozenset(found)

    def links_to(self, guid: Guid, seq: Seq) -> list[tuple[str, Guid]]:
        """Links that led to an object as of a commit, by attribute and by who has them; a deleted object's sleep."""
        state = self.at(seq)
        return [
            (name, source)
            for source in sorted(self._linking.get(guid, ()))
            if (item := state.get(source)) is not None and not item.deleted
            for name, references in item.links.items()
            if any(target_of(each) == guid for each in references)
        ]

    def of_sid(self, sid: str, seq: Seq) -> Guid | None:
        """The object that had a SID as of a commit."""
        guid = self._by_sid.get(sid_from_text(sid)) if sid else None
        return guid if guid is not None and self.version(guid, seq) is not None else None

    def types(self, type_id: str) -> list[Guid]:
        """Objects that ever said what a GUID in permissions stands for: :func:`~adpersist.reading.find.type_ids`."""
        return sorted(self._by_type.get(type_id, ()))

    def was_ever(self, guid: Guid) -> bool:
        """There was such an object once."""
        return bool(self.versions(guid))

    def guids(self) -> Iterator[Guid]:
        """Every object there ever was."""
        return iter(self._versions)

    def version(self, guid: Guid, seq: Seq) -> ObjectState | None:
        """An object as of a commit; None: it was not there."""
        seqs = self._seqs.get(guid)
        if seqs is None:
            return None
        at = bisect_right(seqs, seq)
        return self._versions[guid][at - 1] if at else None

    def guids_of(self, name: str) -> frozenset[Guid]:
        """Every object that ever was of a class, the most special one."""
        return frozenset(self._by_class.get(name, ()))

    def versions(self, guid: Guid) -> list[ObjectState]:
        """All that an object ever was, oldest first."""
        return [item for item in self._versions.get(guid, ()) if item is not None]

    def at(self, seq: Seq) -> StateAt:
        """The directory as of a commit, one of an abandoned timeline too."""
        return StateAt(self, seq)

    def of_object(
        self, guid: Guid, *, after: Seq = BEFORE_FIRST, through: Seq | None = None, most: int | None = None
    ) -> list[Entry]:
        """What happened to an object, oldest first; see :meth:`~adpersist.reading.past.telling.Telling.of_object`."""
        last = self.seq if through is None else through
        found = [entry for entry in self._of.get(guid, ()) if after < entry.look.seq <= last]
        return found if most is None else found[-most:]

    def read_ahead(self, guids: Collection[Guid], last: Seq) -> None:
        """It is all in memory."""

    def differing(self, first: Seq, last: Seq) -> list[tuple[str, Guid]]:
        """Objects that are not the same at two commits, sorted by their DNs: at the second, or of what is gone there at
        the first."""
        low, high = min(first, last), max(first, last)
        old, new = self.at(first), self.at(last)
        found = []
        for guid, seqs in self._seqs.items():
            if seqs[-1] <= low or not any(low < seq <= high for seq in seqs):
                continue
            was, now = old.get(guid), new.get(guid)
            if was is not now and _differ(was, now):
                found.append(((new if now is not None else old).dn(guid), guid))
        return sorted(found, key=lambda each: (each[0].casefold(), each[1]))

    def databases(self) -> dict[Guid, str]:
        """Names of the DCs by the invocationIDs their databases ever had."""
        return {
            invocation: value_of(components(self.at(seq).dn(guid))[1])  # CN=NTDS Settings,CN=DC1,...
            for invocation, (guid, seq) in self._databases.items()
        }

    def writers(self) -> Writers:
        """Who wrote, as far as that is known."""
        own = {invocation for invocation, (guid, _) in self._databases.items() if guid == self.server}
        return Writers(self.databases(), own, self.audit_log, self.sealed_log)

    def accounts(self, sids: Collection[str], seq: Seq) -> dict[str, str]:
        """Account names by SID, as of a commit."""
        found = {}
        for sid in sids:
            guid = self._by_sid.get(sid_from_text(sid)) if sid else None
            item = self.version(guid, seq) if guid is not None else None
            for name in item.values.get("sAMAccountName", ()) if item is not None else ():
                found[sid] = name.decode(errors="replace")
        return found

    def versions_of_sid(self, sid: bytes) -> list[ObjectState]:
        """All that the object with a SID ever was; none where nobody knows one."""
        guid = self._by_sid.get(sid)
        return self.versions(guid) if guid is not None else []

    def is_abandoned(self, seq: Seq) -> bool:
        """A later restore went back behind this commit, so the present is not made of it."""
        return any(base < seq < begins for base, begins in self._left)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _change(self, look: Look, guid: Guid, changes: list[Change]) -> None:
        old = new = self.version(guid, look.seq)
        for change in changes:
            # who wrote what is told by the entry; a version that had stamps, too, would be twice as large
            told = replace(self._sealing.change(change), stamps=_NO_STAMPS, link_stamps=_NO_LINK_STAMPS)
            new = evolve(new, told)
        if old == new and changes[-1].kind in (Kind.CHANGED, Kind.EXPUNGED):
            return
        self._put(look.seq, guid, new)
        if look.first:
            return
        entry = Entry(
            number=len(self.entries) + 1,
            look=look,
            kind=str(changes[-1].kind),
            guid=guid,
            old=old,
            new=new,
            names=self._once(changed_names(old, new)),
            stamps=joined([change.stamps for change in changes]) or _NO_STAMPS,
            link_stamps=joined([change.link_stamps for change in changes]) or _NO_LINK_STAMPS,
        )
        # a stamp alone is no news
        if entry.kind != Kind.CHANGED or entry.names or entry.moved:
            self._add(entry)

    def _take_back(self, look: Look, target: Seq) -> None:
        """A restore left a timeline: what it had done is undone."""
        before: Mapping[Guid, ObjectState] | None = None
        if target < self.begins:
            try:
                folded = self._fold_to(target)
            except PointError:  # pruned: the look after the restore tells what became of everything
                return
            before = {item.guid: self._sealing.item(item) for item in folded.values()}
        for guid in list(self._versions):
            old = self.version(guid, look.seq)
            new = self.version(guid, target) if before is None else before.get(guid)
            if old != new:
                self._put(look.seq, guid, new)
                self._add(
                    Entry(
                        number=len(self.entries) + 1,
                        look=look,
                        kind=TAKEN_BACK,
                        guid=guid,
                        old=old,
                        new=new,
                        names=self._once(changed_names(old, new)),
                    )
                )

    def _once(self, names: frozenset[str]) -> frozenset[str]:
        """The same set for all entries that have the same names: there are few."""
        return self._name_sets.setdefault(names, names)

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.kinds[entry.kind] += 1
        self.classes[class_of(entry.shown)] += 1
        self._of.setdefault(entry.guid, []).append(entry)

    def _put(self, seq: Seq, guid: Guid, item: ObjectState | None) -> None:
        seqs, versions = self._seqs.setdefault(guid, []), self._versions.setdefault(guid, [])
        before = versions[-1] if versions else None
        if seqs and seqs[-1] == seq:
            versions[-1] = item
        else:
            seqs.append(seq)
            versions.append(item)
        if item is not None:
            self._by_class.setdefault(class_of(item), set()).add(guid)
            self._note_links(before.links if before is not None else {}, item)
            for each in type_ids(item.values):
                self._by_type.setdefault(each, set()).add(guid)
            self._by_sid.update(dict.fromkeys(item.values.get("objectSid", ()), guid))
        if item is not None and item.parent is not None:
            self._databases |= {Guid(each): (guid, seq) for each in item.values.get("invocationId", ())}

    def _note_links(self, before: Mapping[str, frozenset[bytes]], item: ObjectState) -> None:
        for name, references in item.links.items() if item.links is not before else ():
            for each in references - before.get(name, frozenset()):
                target = target_of(each)
                if target is not None:
                    self._linking.setdefault(target, set()).add(item.guid)

    def _defines(self, change: Change) -> bool:
        return change.guid in self._schema or _SCHEMA in change.values.get("objectClass", ())

    def _learn(self, definitions: Iterable[ObjectState]) -> None:
        self._schema = State(definitions)
        self.facts = JournalSchema.of(self._schema)
        self._sealing.learn(self.facts)


def _lives(item: ObjectState | None) -> bool:
    return item is not None and not item.deleted


def joined(parts: list[Mapping[str, _Told]]) -> Mapping[str, _Told]:
    """What one look tells of an object; of most there is one part, which stays as it lies in the journal."""
    return parts[0] if len(parts) == 1 else {name: each for part in parts for name, each in part.items()}


def _by_object(changes: Iterable[Change]) -> dict[Guid, list[Change]]:
    found: dict[Guid, list[Change]] = {}
    for change in changes:
        found.setdefault(change.guid, []).append(change)
    return found
