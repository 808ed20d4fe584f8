"""Bringing back files of SYSVOL, or folders with all that is in them; everything else stays as it is."""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from adpersist.capture.capture import Capture
from adpersist.directory.domain_controller import DomainController
from adpersist.errors import NotConvergedError, PointError
from adpersist.files.differences import FileDifference, file_differences, touched_directories
from adpersist.files.local_files import LocalFiles
from adpersist.files.looking.whole import files_now
from adpersist.files.putting_back import PuttingBack
from adpersist.journal.journal import Journal
from adpersist.model.files.file_changes import Files
from adpersist.model.files.file_state import FileKey, FileState, Place, folders_above, path_text
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Writer
from adpersist.reading.text.file_text import below_any
from adpersist.restore.progress import Progress


class NoSuchFileError(PointError):
    """Neither then nor now is there anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeFiles:
    """What is to be brought back.

    Attributes:
        want: As they were.
        differences: What differs from that now.
    """

    want: dict[FileKey, FileState]
    differences: list[FileDifference]


def some_files(files: LocalFiles, journal: Journal, point: Seq, paths: Collection[str]) -> SomeFiles:
    """What a restore of paths would change; nothing is written.

    Raises:
        NoSuchFileError: Neither the point nor the disk has anything at any of them.
    """
    then, now = journal.files(point), files_now(files, time.sleep)[0]
    want = {state.key: state for state in _with_folders(then, paths)}
    have = {state.key: state for state in below_any(now, Place.SYSVOL, paths)}
    have |= {key: now[key] for key in want if key in now}
    if not want and not have:
        raise NoSuchFileError(
            f"SYSVOL has no {', '.join(map(path_text, paths))}, and had none at commit {point}",
            hint="`adpersist files list --at POINT` lists what it had.",
        )
    meant = {state.key for found in (then, now) for state in below_any(found, Place.SYSVOL, paths)}
    found = [each for each in file_differences(want, have) if each.key in meant or each.have is None]
    return SomeFiles(want=want, differences=found)


def restore_some_files(
    dc: DomainController,
    journal: Journal,
    writer: Writer,
    files: LocalFiles,
    point: Seq,
    path: str,
    *,
    progress: Progress,
) -> SomeFiles:
    """Bring a path to what it was; what is there now is captured before, so that nothing is lost.

    Raises:
        RevertedError: The DC is not the journal's: the guard comes first.
        FileNotRestoredError: There is no room; nothing was touched.
        NotConvergedError: Something is not as it was.
        NoSuchFileError: There was and is nothing.
    """
    capture = Capture.begin(dc, journal, writer, files=files)
    capture.look()
    capture.look_at_files_until_whole(time.sleep)
    found, left, refused = bring(files, journal, point, [path], progress)
    capture.look_at_files_until_whole(time.sleep)
    capture.hand_back()
    if left:
        reason = "; ".join(f"{path_text(name)}: {why}" for name, why in refused.items())
        raise NotConvergedError(
            f"{len(left)} files are not as they were" + (f": {reason}" if reason else ""),
            hint="Run the same command again, once whoever writes there is done.",
        )
    return found


def bring(
    files: LocalFiles, journal: Journal, point: Seq, paths: Collection[str], progress: Progress
) -> tuple[SomeFiles, list[FileDifference], dict[str, str]]:
    """Make paths what they were; what is there now must be in the journal.

    Returns:
        What differed, what still does, and by path why, as far as the system said so.

    Raises:
        FileNotRestoredError: There is no room; nothing was touched.
        NoSuchFileError: There was and is nothing.
    """
    found = some_files(files, journal, point, paths)
    putting = PuttingBack(files.sysvol, lambda wanted: journal.content(point, wanted), journal.files(point))
    putting.make(found.differences, progress.applying)
    putting.remove(found.differences)
    # what they lie in is no part of them, but where it was made
    meant = {state.key for state in below_any(found.want, Place.SYSVOL, paths)}
    meant.update(each.key for each in found.differences)
    putting.settle(state for state in touched_directories(found.differences, found.want) if state.key in meant)
    try:
        left = some_files(files, journal, point, paths).differences
    except NoSuchFileError:  # all of it was to go, and is gone
        left = []
    return found, left, putting.refused


def _with_folders(files: Files, paths: Collection[str]) -> Iterator[FileState]:
    """What lies at paths and below, and the folders it lies in; what is above comes first."""
    found = list(below_any(files, Place.SYSVOL, paths))
    above = {folder for state in found for folder in folders_above(state.path)}
    yield from (files[Place.SYSVOL, folder] for folder in sorted(above - {state.path for state in found}))
    yield from found
