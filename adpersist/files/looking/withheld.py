"""What is no news while a restore still has files to put back: what lies on the disk because it went back. Pure."""

from collections.abc import Iterable

from adpersist.files.differences import alike
from adpersist.model.files.file_changes import FileChanges
from adpersist.model.files.file_state import FileKey, FileState, Place


class Withheld:
    """Tells what the image left on the disk from what somebody did since.

    A state that the journal saw at that path before is the image's, and so is a lack; unless the journal was told
    something newer of that path since the restore ended.

    Args:
        before: All that was told of files until the restore ended.
        since: What was told since.
    """

    def __init__(self, before: Iterable[FileChanges], since: Iterable[FileChanges]) -> None:
        self._told = set[FileKey]()
        for changes in since:
            self._told.update(state.key for state in changes.states)
            self._told.update(changes.gone)
        self._seen: dict[FileKey, list[FileState]] = {}
        for changes in before:
            for state in changes.states:
                if state.place is not Place.SETTINGS and state.key not in self._told:
                    self._seen.setdefault(state.key, []).append(state)

    def may_be(self, key: FileKey) -> bool:
        """Something at that path may be the image's."""
        return key in self._seen and key not in self._told

    def is_the_images(self, state: FileState, known: FileState | None) -> bool:
        """It is what went back with the disk, and no news.

        Args:
            state: As it is.
            known: As the journal has it; None: it has not.
        """
        if not self.may_be(state.key):
            return False
        if known is not None and alike(known, state):
            return known != state and state in self._seen[state.key]  # a folder under its old time
        return any(alike(old, state) for old in self._seen[state.key])

    def told(self, keys: Iterable[FileKey]) -> None:
        """The journal has these as they are now."""
        self._told.update(keys)
