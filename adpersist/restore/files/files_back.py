"""Bringing SYSVOL and the local databases to a point: before the directory what clients look for, after it the rest.

Numbers come first, since owners and permissions on the disk are numbers; then files that are new or other; then the
directory, so that no policy is seen there whose files are missing; then what is to go, and what only this machine
heeds. Whatever is in the way here, the directory comes back all the same; what is left is told, and the next run goes
on with it.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from adpersist.directory.samba.local_databases import LocalDatabaseError
from adpersist.errors import AdpersistError, IntegrityError
from adpersist.files.differences import (
    FileDifference,
    entries,
    file_differences,
    gives_more,
    smb_conf_differs,
    touched_directories,
    written_locally,
)
from adpersist.files.functional_level import missing_line
from adpersist.files.id_numbers import healed
from adpersist.files.local_files import LocalFiles, absent_folder
from adpersist.files.looking.file_look import DATABASES, DATABASES_PATH, SMB_CONF, Told, said_alone
from adpersist.files.looking.reading import (
    FileReader,
    NotCapturableError,
    OpenFile,
    UnrestedError,
    open_below,
    open_to_read,
)
from adpersist.files.looking.whole import files_now
from adpersist.files.putting_back import FileNotRestoredError, PuttingBack
from adpersist.journal.journal import Journal
from adpersist.model.files.file_changes import Files
from adpersist.model.files.file_state import FileKey, FileKind, FileState, Place, path_text
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.model.journal.head import Phase
from adpersist.model.plan.difference import FILE, Difference
from adpersist.model.plan.terms import OnConflict
from adpersist.restore.files.stale_policies import StalePolicy
from adpersist.restore.progress import Progress
from adpersist.system.files.durable_file import replaced
from adpersist.system.secrecy import environment_for_others
from adpersist.telemetry import logger

_NET: Final = "net"
_NET_TIMEOUT_S: Final = 30

TROUBLES: Final = (FileNotRestoredError, LocalDatabaseError, IntegrityError)
"""What may be in the way of files, and is in nobody else's: no room, a database that is none, content that is lost."""

NO_OBJECT: Final = Guid(bytes(16))
"""A file is no object of the directory."""

log = logger("restore")


@dataclass(slots=True, kw_only=True)
class FilesOutcome:
    """What became of SYSVOL and the local databases.

    Attributes:
        restored: What was put back or changed.
        removed: What was taken away.
        local: What was written there after the DC was put back.
        saved: The commit that keeps these; 0: none does.
        left: What is not as it should be.
        refused: Why, by path, as far as the system said so.
        troubles: What kept more than one file from being put back.
        unknown: Why nobody can tell how the databases differ; empty: it can be told.
        smb_conf_differs: smb.conf says something else than it did, and was not to be put back.
        stale: Policies whose files are older than their container: another DC has newer ones.
    """

    restored: list[FileKey] = field(default_factory=list)
    removed: list[FileKey] = field(default_factory=list)
    local: list[FileKey] = field(default_factory=list)
    saved: Seq = BEFORE_FIRST
    left: list[FileDifference] = field(default_factory=list)
    refused: Mapping[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    unknown: str = ""
    smb_conf_differs: bool = False
    stale: list[StalePolicy] = field(default_factory=list)

    @property
    def lines(self) -> list[Difference]:
        """What is left, as a restore tells of it, what gives somebody more first."""
        words = "; ".join(self.troubles)
        found = [
            Difference(
                guid=NO_OBJECT,
                dn=f"{each.key[0]}/{path_text(each.key[1])}",
                attribute="",
                kind=FILE,
                gives_more=gives_more(each),
                reason=self.refused.get(each.key[1], words),
            )
            for each in self.left
        ]
        if self.unknown or (self.troubles and not found):
            name, reason = "SYSVOL and the local databases", self.unknown or words
            found.append(Difference(guid=NO_OBJECT, dn=name, attribute="", kind=FILE, gives_more=True, reason=reason))
        return sorted(found, key=lambda line: not line.gives_more)


def together(parts: Sequence[FilesOutcome]) -> FilesOutcome:
    """What became of files in several steps, each of files of its own."""
    return FilesOutcome(
        restored=[key for part in parts for key in part.restored],
        removed=[key for part in parts for key in part.removed],
        left=[each for part in parts for each in part.left],
        refused={path: why for part in parts for path, why in part.refused.items()},
    )


def verify_files(files: LocalFiles, journal: Journal, point: Seq) -> list[FileDifference] | None:
    """What of SYSVOL and the local databases differs from a point; None: nobody had looked at them then."""
    want = journal.files(point)
    if not want:
        return None
    return file_differences(want, files_now(files, time.sleep)[0])


class FilesBack:
    """Brings files to a commit.

    Args:
        files: Where they lie.
        journal: Where they come from.
        target: The commit.
        policy: Whose word counts for what was written after the DC was put back.
    """

    def __init__(
        self, files: LocalFiles, journal: Journal, target: Seq, policy: OnConflict, progress: Progress | None = None
    ) -> None:
        self._files = files
        self._journal = journal
        self._target = target
        self._progress = progress or Progress()
        self._progress.looking("looking at SYSVOL")
        self._want = journal.files(target)
        self._have, named = files_now(files, time.sleep, needs_databases=False) if self._want else ({}, {})
        self._unread = named.get(DATABASES_PATH, "")
        self._unmade: AdpersistError | None = None
        self._unsaved: dict[FileKey, str] = {}
        found = self._differing(self._have)
        self.local = written_locally(found, journal.every_file_change()) if found else []
        if absent_folder(files.sysvol, self._want) is not None:
            self.local = [each for each in self.local if each.key[0] is not Place.SYSVOL]  # nobody's: it is not mounted
        kept = {each.key for each in self.local} if policy is OnConflict.DC else set[FileKey]()
        self._found = [each for each in found if each.key not in kept and not _holds_one(each, kept)]
        self._putting = PuttingBack(files.sysvol, lambda wanted: journal.content(target, wanted), self._want)
        self.outcome = FilesOutcome(
            local=[each.key for each in self.local],
            smb_conf_differs=bool(self._want) and smb_conf_differs(self._want, self._have),
            unknown=self._unread,
        )

    @property
    def sysvol(self) -> Path:
        """The share's directory."""
        return self._files.sysvol

    @property
    def differences(self) -> list[FileDifference]:
        """What is to be closed."""
        return self._found

    def missing_line(self, level: int) -> str | None:
        """The line of smb.conf that went back with the disk, and without which Samba would not start again.

        Args:
            level: The domain's functional level at the commit.
        """
        state = self._want.get((Place.SETTINGS, SMB_CONF))
        if state is None or not self.outcome.smb_conf_differs or self._comes_back(state.key):
            return None
        return missing_line(level, before=self._content(state), now=self._files.settings.smb_conf.read_bytes())

    def _comes_back(self, key: FileKey) -> bool:
        return any(each.key == key and each.want is not None for each in self._found)

    def _content(self, state: FileState) -> bytes:
        pieces = dict(self._journal.content(self._target, state.pieces))
        return b"".join(pieces[piece] for piece in state.pieces)

    def save_local(self) -> None:
        """Make durable what is about to be overwritten; what cannot be saved is left as it is, and told."""
        overwritten = {each.key for each in self._found}
        local = [each for each in self.local if each.key in overwritten]
        if not local:
            return
        before = self._journal.head.seq
        head = self._journal.commit_files(self._told(local), now=time.time(), phase=Phase.RESTORING)
        self.outcome.saved = head.seq if head.seq > before else BEFORE_FIRST
        self._found = [
            each for each in self._found if each.key not in self._unsaved and not _holds_one(each, self._unsaved)
        ]

    def before_the_directory(self) -> None:
        """Numbers, and files that are new or other. Raises: StoreError."""
        if not self._found:
            return
        with self._bearing():
            self._write_smb_conf()
        with self._bearing():
            self._heal_numbers()
        self._make()
        if self._unmade is None:
            with self._bearing():  # a folder made anew is closed until it has its permissions
                self._putting.settle(touched_directories(self._found, self._want))

    def after_the_directory(self) -> None:
        """What is to go, directories' own permissions, the other databases; then all is looked at once more.

        Raises:
            StoreError.
        """
        if not self._found and not self._unsaved:
            return
        with self._bearing():
            self._putting.remove(self._found)
        if self._unmade is not None:
            self._make()  # what was taken away may have made room
        if self._unmade is None:
            with self._bearing():
                self._putting.settle(touched_directories(self._found, self._want))
        else:
            self._bear(self._unmade)
            with self._bearing():
                self._putting.permit(self._found)
        for place in (Place.PRIVILEGES, Place.SHARES, Place.REGISTRY):
            with self._bearing():
                self._write(place)
        self._prove()

    def _write_smb_conf(self) -> None:
        state = self._want.get((Place.SETTINGS, SMB_CONF))
        if state is None or not self._comes_back(state.key):
            return
        path = self._files.settings.smb_conf
        try:
            with replaced(path) as file:
                file.write(self._content(state))
        except OSError as error:
            raise FileNotRestoredError(
                f"{path} cannot be restored: {error.strerror}",
                hint="`adpersist files show smb.conf --in settings --content` shows what it was.",
            ) from error
        log.info("smb_conf.restored", path=str(path))

    def _make(self) -> None:
        try:
            self._putting.make(self._found, self._progress.applying)
        except TROUBLES as error:
            self._unmade = error
        else:
            self._unmade = None

    @contextmanager
    def _bearing(self) -> Iterator[None]:
        try:
            yield
        except TROUBLES as error:
            self._bear(error)

    def _bear(self, error: AdpersistError) -> None:
        """It is told, and keeps nothing else from coming back."""
        if error.message in self.outcome.troubles:
            return
        self.outcome.troubles.append(error.message)
        log.warning("files.not_restored", reason=error.message, hint=error.hint)

    def _write(self, place: Place) -> None:
        found = [each for each in self._found if each.key[0] is place]
        if found:
            if place is Place.REGISTRY:
                _make_registry(self._files)
            with self._files.databases() as databases:
                put = [each.want for each in found if each.want is not None]
                databases.write(place, put, [each.key[1] for each in found if each.want is None])

    def _differing(self, have: Files) -> list[FileDifference]:
        """What differs, as far as that can be told: nothing is written over a database that cannot be read."""
        found = file_differences(self._want, have) if self._want else []
        key = Place.SETTINGS, SMB_CONF
        if self._files.restores_smb_conf and key in self._want and smb_conf_differs(self._want, have):
            found.append(FileDifference(want=self._want[key], have=have.get(key)))
        return [each for each in found if not (self._unread and each.key[0] in DATABASES)]

    def _prove(self) -> None:
        outcome = self.outcome
        have, named = files_now(self._files, time.sleep, needs_databases=False)
        self._unread = outcome.unknown = named.get(DATABASES_PATH, "")
        again = {each.key: each for each in self._differing(have) if not _only_time(each)}
        outcome.smb_conf_differs = smb_conf_differs(self._want, have)
        for each in self._found:
            if each.key in again:
                outcome.left.append(again[each.key])
            elif each.want is None:
                outcome.removed.append(each.key)
            else:
                outcome.restored.append(each.key)
        outcome.left += [again[key] for key in self._unsaved if key in again]
        outcome.refused = self._putting.refused | {path: why for (_, path), why in self._unsaved.items()}
        for path, reason in outcome.refused.items():
            log.warning("file.not_restored", path=path_text(path), reason=reason)
        log.info("files.restored", restored=len(outcome.restored), removed=len(outcome.removed), left=len(outcome.left))

    def _heal_numbers(self) -> None:
        if not any(each.key[0] is Place.IDMAP for each in self._found):
            return
        written = healed(entries(self._want, Place.IDMAP), entries(self._have, Place.IDMAP))
        with self._files.databases() as databases:
            databases.write(Place.IDMAP, written)
        _flush_cache(self._files)
        log.info("numbers.restored", entries=len(written))

    def _told(self, local: list[FileDifference]) -> Iterator[Told]:
        states = []
        for each in local:
            if each.have is None or each.have.kind is not FileKind.FILE:
                states += [each.have] if each.have is not None else []
                continue
            try:
                with self._opened(each.key) as opened:
                    reader = FileReader(opened, *each.key)
                    for _, content in reader.pieces():
                        yield content
                    if reader.state is not None:
                        is_conf = reader.state.place is Place.SETTINGS
                        states.append(said_alone(reader.state) if is_conf else reader.state)
            except (OSError, UnrestedError, NotCapturableError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                self._unsaved[each.key] = reason or "it is written to"
        yield from states

    @contextmanager
    def _opened(self, key: FileKey) -> Iterator[OpenFile]:
        """A file to read; below SYSVOL no link is followed. Raises: OSError, NotCapturableError."""
        place, path = key
        is_conf = place is Place.SETTINGS
        root = None if is_conf else os.open(self._files.sysvol, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            opened = open_to_read(self._files.settings.smb_conf) if root is None else open_below(root, path)
        finally:
            if root is not None:
                os.close(root)
        try:
            yield opened
        finally:
            os.close(opened.descriptor)


def _holds_one(each: FileDifference, kept: Collection[FileKey]) -> bool:
    """What is to give way is a folder that something lies in which stays."""
    if each.have is None or each.have.kind is not FileKind.DIRECTORY:
        return False
    if each.want is not None and each.want.kind is FileKind.DIRECTORY:
        return False
    place, above = each.key
    return any(where is place and path.startswith(f"{above}/") for where, path in kept)


def _only_time(each: FileDifference) -> bool:
    """Somebody made or took away a file in a directory meanwhile."""
    if each.want is None or each.have is None or each.want.kind is not FileKind.DIRECTORY:
        return False
    return replace(each.want, mtime_ns=0) == replace(each.have, mtime_ns=0)


def _flush_cache(files: LocalFiles) -> None:
    """Have a running winbindd and smbd forget the numbers they handed out; without these there is nothing to forget."""
    if shutil.which(_NET) is not None and (trouble := _net(files, "cache", "flush")):
        log.warning("numbers.still_cached", reason=trouble)


def _make_registry(files: LocalFiles) -> None:
    """Have Samba make a registry where there is none: what `net conf` wrote lies in it, and is not all of it.

    Raises:
        LocalDatabaseError: There is none, and nobody made one.
    """
    path = files.settings.database(Place.REGISTRY)
    if not path.exists() and (trouble := _net(files, "conf", "list")) and not path.exists():
        raise LocalDatabaseError(f"there is no {path}, and `net conf list` does not make one: {trouble}")


def _net(files: LocalFiles, *words: str) -> str:
    """Run Samba's `net`; why it failed, empty for success."""
    command = [_NET, *words, f"--configfile={files.settings.smb_conf}"]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_NET_TIMEOUT_S, check=False, env=environment_for_others()
        )
    except subprocess.TimeoutExpired:
        return f"`net {' '.join(words)}` was not done in {_NET_TIMEOUT_S} s"
    except OSError as error:
        return f"`net` cannot be run: {error.strerror}"
    return (done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}") if done.returncode else ""
