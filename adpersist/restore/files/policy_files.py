"""The files of the group policies that a restore is limited to: each policy's container and files are one thing."""

import time
from dataclasses import dataclass
from typing import Final

from adpersist.capture.capture import Capture
from adpersist.files.differences import FileDifference
from adpersist.files.local_files import LocalFiles
from adpersist.journal.journal import Journal
from adpersist.model.files.file_state import Place
from adpersist.reading.policies.along import every_policy
from adpersist.reading.policies.places import is_policy, policy_place
from adpersist.restore.files.files_back import FilesOutcome
from adpersist.restore.files.some_files import NoSuchFileError, bring, some_files
from adpersist.restore.progress import Progress
from adpersist.restore.wanted import WantedState
from adpersist.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPaths:
    """Where they lie.

    Attributes:
        coming: Folders of policies that live at the point: a client that sees the container finds the files.
        going: Of those that do not: nobody sees a container whose files are gone.
    """

    coming: tuple[str, ...] = ()
    going: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them; none: no policy's files are wanted."""
        return self.coming + self.going


NO_POLICIES: Final = PolicyPaths()


def policy_paths(journal: Journal, wanted: WantedState, have: State) -> PolicyPaths:
    """Where the files lie of the policies that a restore is limited to.

    None where nobody had looked at files at that point, nor of a policy that had a container by then and no file yet,
    which is half of one that its tool was about to finish.

    Args:
        journal: Tells where those that do not live at the point had their files; the DC does not say it any more.
        wanted: The point, and what of it is wanted.
        have: The directory as it is.

    Raises:
        DamagedError: The journal is not what was written.
    """
    want, scope, then = wanted.state, wanted.scope, journal.files(wanted.target)
    if scope.is_everything or scope.attribute or not then:
        return NO_POLICIES
    objects = scope.objects(want, have)
    there = {path.lower() for place, path in then if place is Place.SYSVOL}
    living = {guid: policy_place(want, guid) for guid, item in want.items() if is_policy(item) and not item.deleted}
    coming = {path for guid, path in living.items() if guid in objects and path is not None and path.lower() in there}
    if not scope.below and all(map(want.is_live, scope.roots)):
        return PolicyPaths(coming=tuple(sorted(coming)))
    going = {
        guid: last.path
        for guid, last in every_policy(journal).items()
        if guid in objects or (scope.below and last.parent in objects)
    }
    now = {guid: policy_place(have, guid) for guid, item in have.items() if is_policy(item) and not item.deleted}
    going |= {guid: path for guid, path in now.items() if guid in objects}
    # one that was made again has the same folder under another objectGUID
    kept = [*living.values(), *(path for guid, path in now.items() if guid not in objects)]
    others = {path.lower() for path in kept if path is not None}
    leaving = {path for guid, path in going.items() if guid not in living and path and path.lower() not in others}
    return PolicyPaths(coming=tuple(sorted(coming)), going=tuple(sorted(leaving)))


def policy_differences(
    files: LocalFiles, journal: Journal, wanted: WantedState, have: State
) -> list[FileDifference] | None:
    """What of their files differs from the point wanted; None: no policy's files are wanted."""
    paths = policy_paths(journal, wanted, have).paths
    if not paths:
        return None
    try:
        return some_files(files, journal, wanted.target, paths).differences
    except NoSuchFileError:  # there was nothing at that point, and nothing is there: as it should be
        return []


def bring_policy_files(
    capture: Capture, files: LocalFiles, wanted: WantedState, paths: tuple[str, ...], progress: Progress
) -> FilesOutcome:
    """Make these what they were at the point wanted; what is there now is captured before."""
    capture.look_at_files_until_whole(time.sleep)
    try:
        found, left, refused = bring(files, capture.journal, wanted.target, paths, progress)
    except NoSuchFileError:  # no file then, and none now
        return FilesOutcome()
    failed = {each.key for each in left}
    done = [each for each in found.differences if each.key not in failed]
    return FilesOutcome(
        restored=[each.key for each in done if each.want is not None],
        removed=[each.key for each in done if each.want is None],
        left=left,
        refused=refused,
    )
