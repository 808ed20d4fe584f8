"""What is new in SYSVOL and the local databases since the journal was told last. Cheap when nothing is."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from adpersist.directory.samba.local_databases import LocalDatabaseError, Signature, signature
from adpersist.files.id_numbers import lacking
from adpersist.files.id_numbers import news as id_number_news
from adpersist.files.local_files import LocalFiles
from adpersist.files.looking.findings import Findings, folder_of
from adpersist.files.looking.reading import FileReader, identity, open_to_read
from adpersist.files.looking.sysvol_walk import SysvolWalk
from adpersist.files.looking.waking import Waker
from adpersist.files.looking.withheld import Withheld
from adpersist.model.files.file_changes import Files
from adpersist.model.files.file_state import FileKey, FileState, Piece, Place

SMB_CONF: Final = "smb.conf"
"""Its path in the journal, wherever it lies."""

DATABASES: Final = (Place.IDMAP, Place.PRIVILEGES, Place.SHARES, Place.REGISTRY)

DATABASES_PATH: Final = "(databases)"
"""Names them where a file would be named."""

_AGAIN_S: Final = 30.0

_NEVER: Final = (0, 0, 0, 0)
"""The signature of a database that was not read yet."""

Told = FileState | FileKey | bytes
"""What a look tells: content, states, keys of what is gone."""


class FileLook:
    """Looks again and again, and remembers what the disk showed.

    Args:
        files: Where everything lies.
        known: What the journal has.
        waker: Told of every directory, to watch it.
        withheld: What is no news, as a restore still has to put it right; None: it left nothing.

    Attributes:
        unread: Why the local databases could not be read; empty when they could.
    """

    def __init__(
        self, files: LocalFiles, known: Files, waker: Waker | None = None, withheld: Withheld | None = None
    ) -> None:
        self._files = files
        self._waker = waker
        self._found = Findings(known, withheld)
        self._signatures: dict[Place, Signature | None] = {}
        self._fresh_signatures: dict[Place, Signature | None] = {}
        self._databases_after = 0.0
        self._at_everything = True
        self.unread = ""

    def news(
        self,
        prove: Callable[[], None],
        *,
        have: Collection[Piece] | None = None,
        within: Collection[str] | None = None,
    ) -> Iterator[Told]:
        """Content first, as it is read; at last what is made of it, once the DC was proven after all was read.

        Args:
            prove: Called before any state is told; what it raises ends the look.
            have: Content that need not be told; None: what the known files are made of.
            within: The directories of SYSVOL in which something happened; None: all of it is looked at.
        """
        found = self._found
        found.begin(have)
        self._fresh_signatures, self._at_everything = {}, within is None
        walk = SysvolWalk(self._files.sysvol, found, self._waker)
        yield from walk.everything() if within is None else walk.directories(within)
        yield from self._smb_conf()
        self._databases()
        found.states.sort(key=lambda state: state.key)
        if found.states or found.gone:
            prove()
        yield from found.states
        yield from found.gone

    def told_all(self) -> int:
        """What the last look told is in the journal; returns how many changes that were."""
        self._signatures |= self._fresh_signatures
        return self._found.settle(everything=self._at_everything)

    @property
    def known(self) -> Mapping[FileKey, FileState]:
        """What the journal has, brought up to date by :meth:`told_all`."""
        return self._found.known

    @property
    def unrested(self) -> bool:
        """Something changed while the last look was at it: look again soon."""
        return bool(self._found.restless)

    @property
    def unrested_within(self) -> set[str]:
        """The directories of SYSVOL in which it did."""
        return {folder_of(path) for path in self._found.restless if not path.startswith("/")}

    @property
    def told_what_comes_back(self) -> bool:
        """The last look told of something that a heal puts back."""
        found = self._found
        return bool(found.gone) or any(state.place is not Place.SETTINGS for state in found.states)

    @property
    def not_captured(self) -> dict[str, str]:
        """Paths of SYSVOL that could not be captured, and why."""
        return dict(self._found.not_captured)

    # --- smb.conf ---------------------------------------------------------------------------------------------------

    def _smb_conf(self) -> Iterator[bytes]:
        path = str(self._files.settings.smb_conf)
        found = self._found
        with found.troubles(path):
            opened = open_to_read(Path(path))
            try:
                shown = identity(opened.status)
                found.seen.add(path)
                if found.shown.get(path) == shown:
                    return
                reader = FileReader(opened, Place.SETTINGS, SMB_CONF)
                for piece, content in reader.pieces():
                    if found.is_new(piece):
                        yield content
                if reader.state is not None:
                    found.take(path, shown, said_alone(reader.state))
            finally:
                os.close(opened.descriptor)

    # --- databases --------------------------------------------------------------------------------------------------

    def _databases(self) -> None:
        """A database that cannot be read takes nothing hostage: it is named, and tried again after a while."""
        if time.monotonic() < self._databases_after:
            self._found.name(DATABASES_PATH, self.unread)
            return
        try:
            self._read_databases()
        except (LocalDatabaseError, OSError) as error:
            self._databases_after = time.monotonic() + _AGAIN_S
            self._fresh_signatures.clear()
            self.unread = error.message if isinstance(error, LocalDatabaseError) else str(error)
            self._found.name(DATABASES_PATH, self.unread)
        else:
            self.unread = ""
            self._found.not_captured.pop(DATABASES_PATH, None)

    def _read_databases(self) -> None:
        settings = self._files.settings
        now = {place: signature(settings.database(place)) for place in DATABASES}
        changed = [place for place, shown in now.items() if self._signatures.get(place, _NEVER) != shown]
        for place in changed:
            if now[place] is None and any(where is place for where, _ in self._found.known):
                # more likely a disk that is not there than somebody who takes all of it away
                raise LocalDatabaseError(f"{settings.database(place)} is not there any more")
        if not changed:
            return
        with self._files.databases() as databases:
            found = [(place, databases.read(place)) for place in changed]
        for place, entries in found:
            self._entries(place, entries)
            self._fresh_signatures[place] = now[place]

    @property
    def databases_moved(self) -> bool:
        """A database was written to since it was read; their pages are written in memory, which wakes nobody."""
        if time.monotonic() < self._databases_after:
            return False
        settings = self._files.settings
        try:
            return any(
                self._signatures.get(place, _NEVER) != signature(settings.database(place)) for place in DATABASES
            )
        except OSError:
            return True  # the look says what is wrong

    def _entries(self, place: Place, read: list[FileState]) -> None:
        found = self._found
        known = {key: state for key, state in found.known.items() if key[0] is place}
        if place is Place.IDMAP:
            if not found.withholds or not lacking(known.values(), {state.path: state for state in read}):
                found.states += id_number_news(known.values(), read)
            return
        found.states += [state for state in read if known.get(state.key) != state and not found.is_withheld(state)]
        found.lack(sorted(known.keys() - {state.key for state in read}))


def said_alone(state: FileState) -> FileState:
    """Of smb.conf what it says counts: whoever writes it owns it."""
    return replace(state, uid=0, gid=0, mode=0, mtime_ns=0, attributes={})
