"""Bringing back one file of SYSVOL, or a folder with all that is in it; everything else stays as it is."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from adpersist.capture.capture import Capture
from adpersist.directory.domain_controller import DomainController
from adpersist.errors import NotConvergedError, PointError
from adpersist.files.differences import FileDifference, file_differences
from adpersist.files.local_files import LocalFiles
from adpersist.files.looking.whole import files_now
from adpersist.files.putting_back import PuttingBack
from adpersist.journal.journal import Journal
from adpersist.model.files.file_changes import Files
from adpersist.model.files.file_state import FileKey, FileKind, FileState, Place, path_text
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Writer
from adpersist.reading.file_events import last_policy_place, policy_place
from adpersist.reading.text.file_text import below
from adpersist.restore.progress import Progress
from adpersist.restore.wanted import WantedState


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeFiles:
    """What is to be brought back.

    Attributes:
        want: As they were.
        differences: What differs from that now.
    """

    want: dict[FileKey, FileState]
    differences: list[FileDifference]


def some_files(files: LocalFiles, journal: Journal, point: Seq, path: str) -> SomeFiles:
    """What a restore of a path would change; nothing is written.

    Raises:
        PointError: Neither the point nor the disk has anything there.
    """
    then, now = journal.files(point), files_now(files, time.sleep)[0]
    want = {state.key: state for state in _with_folders(then, path)}
    have = {state.key: state for state in below(now, Place.SYSVOL, path)}
    have |= {key: now[key] for key in want if key in now}
    if not want and not have:
        raise PointError(
            f"SYSVOL has no {path_text(path)}, and had none at commit {point}",
            hint="`adpersist files list --at POINT` lists what it had.",
        )
    meant = {state.key for state in below(then, Place.SYSVOL, path)} | {
        state.key for state in below(now, Place.SYSVOL, path)
    }
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
        PointError: There was and is nothing.
    """
    capture = Capture.begin(dc, journal, writer, files=files)
    capture.look()
    capture.look_at_files_until_whole(time.sleep)
    found, left, refused = bring(files, journal, point, path, progress)
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
    files: LocalFiles, journal: Journal, point: Seq, path: str, progress: Progress
) -> tuple[SomeFiles, list[FileDifference], dict[str, str]]:
    """Make a path what it was; what is there now must be in the journal.

    Returns:
        What differed, what still does, and by path why, as far as the system said so.

    Raises:
        FileNotRestoredError: There is no room; nothing was touched.
        PointError: There was and is nothing.
    """
    found = some_files(files, journal, point, path)
    putting = PuttingBack(files.sysvol, lambda wanted: journal.content(point, wanted), journal.files(point))
    putting.make(found.differences, progress.applying)
    putting.remove(found.differences)
    touched = {each.key[1] for each in found.differences}
    folders = (state for state in found.want.values() if state.kind is FileKind.DIRECTORY)
    putting.settle(state for state in folders if state.path in touched)
    return found, some_files(files, journal, point, path).differences, putting.refused


def policy_path(journal: Journal, wanted: WantedState) -> str | None:
    """Where the files lie of the policy that a restore is limited to.

    None: it is limited to nothing, or to what is no policy; or nobody had looked at files at that point; or there was a
    container by then and no file yet, which is half of a policy that its tool was about to finish.
    """
    root = wanted.scope.root
    then = journal.files(wanted.target)
    if root is None or wanted.scope.attribute or not then:
        return None
    if not wanted.state.is_live(root):
        return last_policy_place(journal, root)
    place = policy_place(wanted.state, root)
    return place if place is not None and any(below(then, Place.SYSVOL, place)) else None


def policy_differences(files: LocalFiles, journal: Journal, wanted: WantedState) -> list[FileDifference] | None:
    """What of a policy's files differs from the point wanted; None: no policy's files are wanted."""
    path = policy_path(journal, wanted)
    if path is None:
        return None
    try:
        return some_files(files, journal, wanted.target, path).differences
    except PointError:  # there was nothing at that point, and nothing is there: as it should be
        return []


def _with_folders(files: Files, path: str) -> Iterator[FileState]:
    """What lies at a path and below, and the folders it lies in."""
    found = list(below(files, Place.SYSVOL, path))
    above = found[0].path.rpartition("/")[0] if found and found[0].path else ""
    while above:
        yield files[Place.SYSVOL, above]
        above = above.rpartition("/")[0]
    yield from found
