"""Policies from commit to commit: where each was last, and which a commit left half that wrote to one of the halves."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from adpersist.journal.journal import Journal
from adpersist.model.files.file_changes import FileChanges
from adpersist.model.files.file_state import Place, piece_of
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.objects.change import Change
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.history import earliest
from adpersist.reading.policies.folders import LARGEST_INI_BYTES, PolicyFolders, folder_of, policy_named, version_in
from adpersist.reading.policies.halves import HalfPolicy, half_policies
from adpersist.reading.policies.places import CLASS, is_policy, policy_place
from adpersist.state.changes import evolve
from adpersist.state.state import State

_NEW_TIMELINE: Final = frozenset({CommitKind.RESTORE_END, CommitKind.REPAIR})
_TELLING: Final = ("versionNumber", "gPCFileSysPath")
_NAME_LENGTH: Final = 38
"""Of ``{...}``; a deleted one's goes on behind that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPlace:
    """Where a group policy was last, while it lived.

    Attributes:
        path: Of its folder, as it said; None: it never did.
        parent: The container it lay in.
    """

    path: str | None
    parent: Guid | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of policies after a commit.

    Attributes:
        items: Their containers.
        folders: Their folders.
    """

    items: dict[Guid, ObjectState] = field(default_factory=dict)
    folders: PolicyFolders = field(default_factory=PolicyFolders)

    def after(self, commit: Commit) -> "_Known":
        """The same after a commit; itself where that tells of no policy."""
        items = _after(self.items, commit.changes)
        folders = self.folders.after(commit.files)
        return self if items is self.items and folders is self.folders else _Known(items=items, folders=folders)

    def unlike(self, before: "_Known") -> set[str]:
        """Names of the policies of which one half is another than before."""
        items = (self.items if self.items is not before.items else {}).items()
        written = {_name(item.rdn) for guid, item in items if _telling(item) != _telling(before.items.get(guid))}
        folders = {policy_named(path.rpartition("/")[2]) for path in self.folders.unlike(before.folders)}
        return {name for name in written | folders if name is not None}


def writes_a_half(commit: Commit) -> bool:
    """The commit may leave a policy half, or make it whole."""
    keys = (*(state.key for state in commit.files.states), *commit.files.gone)
    return any(map(_writes, commit.changes)) or any(
        place is Place.SYSVOL and folder_of(path) is not None for place, path in keys
    )


def _writes(change: Change) -> bool:
    """It may be of a policy's container: made, deleted, or another version of it."""
    return (change.rdn is not None and _name(change.rdn) is not None) or any(name in change.values for name in _TELLING)


class PoliciesAlong:
    """Follows policies from commit to commit.

    Args:
        journal: Open.
    """

    def __init__(self, journal: Journal) -> None:
        base = journal.head.pruned
        there = any(each.seq == base for each in journal.head.checkpoints)
        files = journal.files(base) if there else {}
        folders = PolicyFolders().after(FileChanges(states=tuple(files.values())))
        pieces = {piece for each in folders.inis.values() for piece in each[:1]}
        self._journal = journal
        self._versions = {piece: version_in(content) for piece, content in journal.content(base, pieces)}
        self._known = _Known(
            items={item.guid: item for item in earliest(journal).values() if is_policy(item)}, folders=folders
        )
        self._looked_at_files = bool(files)
        self._seqs, self._past = [base], [self._known]

    def halves(self, *, through: Seq) -> Iterator[tuple[Seq, list[HalfPolicy]]]:
        """Commits that wrote to one half of a policy which is half once their look is over, ascending.

        Until somebody looks at files nothing is half.

        Raises:
            DamagedError: While iterating: the journal is not what was written.
        """
        touching: list[tuple[Seq, set[str]]] = []
        for commit in self._journal.commits(after=self._seqs[0], through=through):
            if touched := self._take(commit):
                touching.append((commit.seq, touched))
            if not (commit.ends_look and self._looked_at_files and touching):
                continue
            names, known = {name for _, names in touching for name in names}, self._known
            half = half_policies(known.items.values(), known.folders, self._versions, named=names)
            for seq, names in touching:
                if found := [each for each in half if policy_named(each.path.rpartition("/")[2]) in names]:
                    yield seq, found
            touching.clear()

    def _take(self, commit: Commit) -> set[str]:
        """Names of the policies of which it wrote one half."""
        before = self._known
        if commit.kind in _NEW_TIMELINE:
            before = self._past[max(bisect_right(self._seqs, commit.target or 0) - 1, 0)]
        self._looked_at_files = self._looked_at_files or bool(commit.files.states)
        for content in commit.files.pieces:
            if len(content) <= LARGEST_INI_BYTES and (version := version_in(content)) is not None:
                self._versions[piece_of(content)] = version
        known = before.after(commit)
        if known is not self._known:
            self._known = known
            self._seqs.append(commit.seq)
            self._past.append(known)
        return known.unlike(before)


def every_policy(journal: Journal) -> dict[Guid, PolicyPlace]:
    """Every group policy the journal tells of, and where it was last: a deleted one does not say it any more.

    Raises:
        DamagedError: The journal is not what was written.
    """
    own = State(item for item in earliest(journal).values() if is_policy(item))
    found: dict[Guid, PolicyPlace] = {}

    def note(guid: Guid) -> None:
        if own.is_live(guid):
            before = found.get(guid)
            path = policy_place(own, guid) or (before.path if before is not None else None)
            found[guid] = PolicyPlace(path=path, parent=own[guid].parent)

    for guid in own:
        note(guid)
    for commit in journal.commits(after=journal.head.pruned):
        touching = [
            change for change in commit.changes if change.guid in own or CLASS in change.values.get("objectClass", ())
        ]
        own.apply(touching)
        for change in touching:
            note(change.guid)
    return found


def _after(items: dict[Guid, ObjectState], changes: Iterable[Change]) -> dict[Guid, ObjectState]:
    found = items
    for change in changes:
        old = found.get(change.guid)
        if old is None and CLASS not in change.values.get("objectClass", ()):
            continue
        new = evolve(old, change)
        found = {guid: item for guid, item in found.items() if guid != change.guid}
        if new is not None:
            found[change.guid] = new
    return found


def _telling(item: ObjectState | None) -> tuple[object, ...] | None:
    return None if item is None else (item.rdn, *(item.values.get(name) for name in _TELLING))


def _name(rdn: str) -> str | None:
    """The policy that a container is, or was before it was deleted."""
    return policy_named(rdn.partition("=")[2][:_NAME_LENGTH])
