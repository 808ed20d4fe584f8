"""What happened to one object, over all renames and all timelines."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from adpersist.errors import PointError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.objects import link_values
from adpersist.model.objects.change import Change, Kind, Stamp, Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import NoSuchObjectError, find, matching
from adpersist.state.changes import changed_values
from adpersist.state.fold import fold
from adpersist.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one object.

    Attributes:
        commit: Where it was captured.
        kind: ``first-seen`` for an object that was there before the journal, ``carried`` where a container above it was
            renamed, ``taken-back`` where a restore undid what the abandoned timeline had done, else the change's kind.
        dn: The object's name before, and after; empty where there is none.
        values: Attributes with their values before and after.
        added: Links that came.
        removed: Links that went.
        stamps: Who wrote each attribute, where it is known.
    """

    commit: Commit
    kind: str
    dn: tuple[str, str]
    values: Mapping[str, tuple[Values, Values]] = field(default_factory=dict)
    added: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    removed: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    stamps: Mapping[str, Stamp] = field(default_factory=dict)

    @property
    def shows(self) -> bool:
        """Something is another than before; what was written once more as it was is no event."""
        return bool(self.values or self.added or self.removed) or self.dn[0] != self.dn[1]


def history(
    journal: Journal, guid: Guid, seen: Callable[[Commit], None] = lambda _: None
) -> Iterator[tuple[Event, State]]:
    """Events of an object, oldest first, each with the directory at that commit, valid until the next one is taken.

    What was pruned is not told: an object older than that begins with nothing.

    Args:
        journal: Open.
        guid: The object.
        seen: Called with every commit, before what it tells of the object.

    Raises:
        DamagedError: While iterating: the journal is not what was written.
    """
    state = earliest(journal)
    for commit in _looks(journal, seen):
        if commit.kind in _NEW_TIMELINE and commit.target is not None:
            old, before = state.get(guid), _dn(state, guid)
            state = _at(journal, commit.target, state)
            event = event_of(commit, "taken-back", old, state.get(guid), (before, _dn(state, guid)))
            if event.shows:
                yield event, state
        touching = [change for change in commit.changes if change.guid == guid]
        old, before = state.get(guid), _dn(state, guid)
        state.apply(commit.changes)
        if touching:
            new = state.get(guid)
            kind = event_kind(commit, touching[-1])
            stamps = {name: stamp for change in touching for name, stamp in change.stamps.items()}
            event = event_of(commit, kind, old, new, (before, _dn(state, guid)), stamps)
            if kind != Kind.CHANGED or event.shows:
                yield event, state
        elif before != (now := _dn(state, guid)):
            yield event_of(commit, "carried", old, old, (before, now)), state


def find_ever(journal: Journal, name: str) -> Guid:
    """The object a person means, at the journal's head or, failing that, at any time it tells of.

    Raises:
        NoSuchObjectError, AmbiguousObjectError.
    """
    try:
        return find(fold(journal), name)
    except NoSuchObjectError:
        found = _find_in_the_past(journal, name)
        if found is None:
            raise
        return found


def _find_in_the_past(journal: Journal, name: str) -> Guid | None:
    """The last object that bore the name."""
    match = matching(name)
    state = earliest(journal)
    found = next((item.guid for item in state.values() if match(state, item)), None)
    for commit in _looks(journal):
        state.apply(commit.changes)
        named = [change for change in commit.changes if _names(change)]
        # a container that moves carries everything below it along
        suspects = state.values() if any(change.kind is Kind.MOVED for change in named) else _present(state, named)
        found = next((item.guid for item in suspects if match(state, item)), found)
    return found


def _looks(journal: Journal, seen: Callable[[Commit], None] = lambda _: None) -> Iterator[Commit]:
    """All commits, those of one look together as its last: in its middle an object may stand before its container."""
    changes: list[Change] = []
    commit: Commit | None = None
    for commit in journal.commits(after=journal.head.pruned):
        seen(commit)
        changes += commit.changes
        if commit.ends_look or commit.kind not in (CommitKind.LOOK, CommitKind.PART):
            yield replace(commit, changes=tuple(changes))
            changes.clear()
    if changes and commit is not None:
        yield replace(commit, changes=tuple(changes))


def _names(change: Change) -> bool:
    return change.rdn is not None or change.parent is not None or not _NAMES.isdisjoint(change.values)


_NEW_TIMELINE = frozenset({CommitKind.RESTORE_END, CommitKind.REPAIR})
_NAMES = frozenset({"sAMAccountName", "objectSid", "sIDHistory"})


def _present(state: State, changes: list[Change]) -> list[ObjectState]:
    return [state[change.guid] for change in changes if change.guid in state]


def earliest(journal: Journal) -> State:
    """The directory before the first commit that is still there."""
    pruned = journal.head.pruned
    there = any(each.seq == pruned for each in journal.head.checkpoints)  # a damaged one counts no more
    return State(journal.read_checkpoint(pruned)) if there else State()


def _at(journal: Journal, target: Seq, otherwise: State) -> State:
    try:
        return fold(journal, target)
    except PointError:  # pruned: the look after the restore tells what became of everything
        return otherwise


def event_kind(commit: Commit, change: Change) -> str:
    """What happened in a look, by the last that it tells of an object."""
    return "first-seen" if change.kind is Kind.CREATED and commit.usn_from == 0 else str(change.kind)


def _dn(state: State, guid: Guid) -> str:
    return state.dn(guid) if guid in state else ""


def event_of(
    commit: Commit,
    kind: str,
    old: ObjectState | None,
    new: ObjectState | None,
    dn: tuple[str, str],
    stamps: Mapping[str, Stamp] | None = None,
) -> Event:
    """What is another than before."""
    before, after = (old.values if old else {}), (new.values if new else {})
    added, removed = link_values.changed(old.links if old else {}, new.links if new else {})
    return Event(
        commit=commit,
        kind=kind,
        dn=dn,
        values={name: (before.get(name, ()), values) for name, values in changed_values(before, after).items()},
        added=added,
        removed=removed,
        stamps=stamps or {},
    )
