"""What of SYSVOL and the local databases is not as it should be, and who made it so. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from adpersist.files.id_numbers import lacking
from adpersist.model.files.file_changes import FileChanges, Files
from adpersist.model.files.file_state import FILES, FileKey, FileKind, FileState, Place


class FileGap(StrEnum):
    """In which way a file differs."""

    MISSING = "missing"
    EXTRA = "extra"
    CONTENT = "content"
    PERMISSIONS = "permissions"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """One file or entry that is not as it should be.

    Attributes:
        want: As it should be; None: it should not be.
        have: As it is; None: it is not there.
    """

    want: FileState | None
    have: FileState | None

    @property
    def key(self) -> FileKey:
        """Which one."""
        state = self.want or self.have
        if state is None:
            raise ValueError("what is nowhere does not differ")
        return state.key

    @property
    def gap(self) -> FileGap:
        """In which way."""
        if self.have is None:
            return FileGap.MISSING
        if self.want is None:
            return FileGap.EXTRA
        same = (self.want.kind, self.want.pieces) == (self.have.kind, self.have.pieces)
        return FileGap.PERMISSIONS if same and self.want.kind is not FileKind.ENTRY else FileGap.CONTENT


def file_differences(want: Files, have: Files) -> list[FileDifference]:
    """What is to be closed, by place and path; smb.conf is told apart, by :func:`smb_conf_differs`.

    Of idmap.ldb nothing is too much, and a counter that is higher is right. Of the registry nothing is too much where
    nobody had looked at it by then: even without a share it has its own key.
    """
    found = []
    knows_registry = any(place is Place.REGISTRY for place, _ in want)
    numbers = entries(have, Place.IDMAP)
    wrong = {state.key for state in lacking(entries(want, Place.IDMAP).values(), numbers)}
    for key in sorted({*want, *have}):
        wanted, there = want.get(key), have.get(key)
        if key[0] is Place.IDMAP:
            if key in wrong:
                found.append(FileDifference(want=wanted, have=there))
        elif key[0] is Place.SETTINGS or (key[0] is Place.REGISTRY and not knows_registry):
            continue
        elif wanted != there:
            found.append(FileDifference(want=wanted, have=there))
    return found


def smb_conf_differs(want: Files, have: Files) -> bool:
    """Whether smb.conf says something else than it did."""
    wanted = [state.pieces for (place, _), state in want.items() if place is Place.SETTINGS]
    there = [state.pieces for (place, _), state in have.items() if place is Place.SETTINGS]
    return bool(wanted) and wanted != there


def written_locally(found: Iterable[FileDifference], ever: Iterable[FileChanges]) -> list[FileDifference]:
    """Those differences that no image explains: on the disk lies what the journal never saw there.

    What the journal did see at that path is the image's. A folder's time moves with each file in it, and is no news.
    """
    suspects = {each.key: each for each in found if each.have is not None and each.key[0] in FILES}
    for changes in ever:
        for state in changes.states:
            each = suspects.get(state.key)
            if each is not None and each.have is not None and alike(state, each.have):
                del suspects[state.key]
    return [each for each in suspects.values() if not _only_time(each)]


def gives_more(each: FileDifference) -> bool:
    """Somebody may do more than the journal says: under the number of somebody else, or by rights that went back.

    Nobody gets at a file while a folder is in its place, nor the other way round.
    """
    if each.key[0] not in FILES:
        return True
    if each.want is None or each.have is None or each.want.kind is not each.have.kind:
        return False
    return _permissions(each.want) != _permissions(each.have)


def _permissions(state: FileState) -> tuple[object, ...]:
    rights = {name: value for name, value in state.attributes.items() if name.startswith(("security.", "system."))}
    return state.uid, state.gid, state.mode, rights


def alike(one: FileState, other: FileState) -> bool:
    """They are the same, but for the time of a folder, which moves with each file in it."""
    if one.kind is FileKind.DIRECTORY and other.kind is FileKind.DIRECTORY:
        return replace(one, mtime_ns=0) == replace(other, mtime_ns=0)
    return one == other


def _only_time(each: FileDifference) -> bool:
    return each.want is not None and each.have is not None and alike(each.want, each.have)


def entries(files: Files, place: Place) -> Mapping[str, FileState]:
    """The entries of one database, by path."""
    return {path: state for (where, path), state in files.items() if where is place}


def touched_directories(found: Iterable[FileDifference], want: Files) -> Iterator[FileState]:
    """Directories of SYSVOL that closing differences writes to, as they are to be: whatever is made, or gets another
    content, in one gives it another time."""
    paths = {each.key[1] for each in found if each.key[0] is Place.SYSVOL}
    paths |= {path.rpartition("/")[0] for path in paths}
    for path in paths:
        state = want.get((Place.SYSVOL, path))
        if state is not None and state.kind is FileKind.DIRECTORY:
            yield state
