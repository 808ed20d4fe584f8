"""What happened to files of SYSVOL, over all timelines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adpersist.errors import PointError
from adpersist.files.differences import FileDifference, alike
from adpersist.journal.journal import Journal
from adpersist.model.files.file_changes import Files, applied
from adpersist.model.files.file_state import FileKey, FileState, Place
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.reading.text.file_text import CAME_ABOUT, is_below

_NEW_TIMELINE: Final = frozenset({CommitKind.RESTORE_END, CommitKind.REPAIR})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvent:
    """One change of one file.

    Attributes:
        commit: Where it was captured; of ``taken-back`` the end of the restore that went behind it.
        kind: ``first-seen``, ``created``, ``changed``, ``permissions``, ``gone`` or ``taken-back``.
        path: Which file.
        old, new: As it was and is; None: it was or is not there.
    """

    commit: Commit
    kind: str
    path: str
    old: FileState | None
    new: FileState | None


def file_events(journal: Journal, place: Place, path: str) -> Iterator[FileEvent]:
    """What happened at a path and below it, oldest first; a folder's time alone is no event.

    What was pruned is not told.

    Raises:
        DamagedError: While iterating: the journal is not what was written.
    """
    pruned = journal.head.pruned
    files = dict(_at(journal, pruned, {})) if pruned else dict[FileKey, FileState]()
    for commit in journal.commits(after=pruned):
        before, first = files, not files
        if commit.kind in _NEW_TIMELINE and commit.target is not None:
            files = dict(_at(journal, commit.target, files))
            touched = {key for key in before.keys() | files.keys() if before.get(key) != files.get(key)}
        elif commit.kind is CommitKind.FILES:
            touched = {*(state.key for state in commit.files.states), *commit.files.gone}
            before = {key: files[key] for key in touched if key in files}
            applied(files, commit.files)
        else:
            continue
        for key in sorted(key for key in touched if is_below(key, place, path)):
            old, new = before.get(key), files.get(key)
            if old == new or (old is not None and new is not None and alike(old, new)):
                continue
            came = "first-seen" if first else CAME_ABOUT[FileDifference(want=old, have=new).gap]
            kind = "taken-back" if commit.kind in _NEW_TIMELINE else came
            yield FileEvent(commit=commit, kind=kind, path=key[1], old=old, new=new)


def _at(journal: Journal, point: Seq, otherwise: Files) -> Files:
    try:
        return journal.files(point)
    except PointError:  # pruned
        return otherwise
