"""Bringing SYSVOL and the local databases to a point: before the directory what clients look for, after it the rest.

Numbers come first, since owners and permissions on the disk are numbers; then files that are new or other; then the
directory, so that no policy is seen there whose files are missing; then what is to go, and what only this machine
heeds.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from adpersist.directory.samba.local_databases import LocalDatabases
from adpersist.files.differences import (
    FileDifference,
    entries,
    file_differences,
    smb_conf_differs,
    written_locally,
)
from adpersist.files.functional_level import missing_line
from adpersist.files.id_numbers import healed
from adpersist.files.local_files import LocalFiles
from adpersist.files.looking import SMB_CONF, Told
from adpersist.files.putting_back import PuttingBack
from adpersist.files.reading import FileReader, NotCapturableError, UnrestedError, open_to_read
from adpersist.files.whole import files_now
from adpersist.journal.journal import Journal
from adpersist.model.files.file_state import FileKey, FileKind, FileState, Place, path_text
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import Phase
from adpersist.model.plan.terms import OnConflict
from adpersist.restore.progress import Progress
from adpersist.system.secrecy import environment_for_others
from adpersist.telemetry import logger

_FLUSH_TIMEOUT_S: Final = 30

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
        smb_conf_differs: smb.conf says something else than it did; it is never put back.
    """

    restored: list[FileKey] = field(default_factory=list)
    removed: list[FileKey] = field(default_factory=list)
    local: list[FileKey] = field(default_factory=list)
    saved: Seq = BEFORE_FIRST
    left: list[FileDifference] = field(default_factory=list)
    refused: Mapping[str, str] = field(default_factory=dict)
    smb_conf_differs: bool = False


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
        self._have = files_now(files, time.sleep)[0] if self._want else {}
        found = file_differences(self._want, self._have) if self._want else []
        self.local = written_locally(found, journal.every_file_change()) if found else []
        kept = {each.key for each in self.local} if policy is OnConflict.DC else set[FileKey]()
        self._found = [each for each in found if each.key not in kept and not _holds_one(each, kept)]
        self._putting = PuttingBack(files.sysvol, lambda wanted: journal.content(target, wanted))
        self.outcome = FilesOutcome(
            local=[each.key for each in self.local],
            smb_conf_differs=bool(self._want) and smb_conf_differs(self._want, self._have),
        )

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
        if state is None or not self.outcome.smb_conf_differs:
            return None
        pieces = dict(self._journal.content(self._target, state.pieces))
        before = b"".join(pieces[piece] for piece in state.pieces)
        return missing_line(level, before=before, now=self._files.settings.smb_conf.read_bytes())

    def save_local(self) -> None:
        """Make durable what is about to be overwritten; what cannot be saved is left as it is."""
        overwritten = {each.key for each in self._found}
        local = [each for each in self.local if each.key in overwritten]
        if not local:
            return
        unsaved = set[FileKey]()
        before = self._journal.head.seq
        head = self._journal.commit_files(self._told(local, unsaved), now=time.time(), phase=Phase.RESTORING)
        self.outcome.saved = head.seq if head.seq > before else BEFORE_FIRST
        self._found = [each for each in self._found if each.key not in unsaved]

    def before_the_directory(self) -> None:
        """Numbers, and files that are new or other. Raises: FileNotRestoredError, LocalDatabaseError."""
        if not self._found:
            return
        self._heal_numbers()
        self._putting.make(self._found, self._progress.applying)

    def after_the_directory(self) -> None:
        """What is to go, directories' own permissions, the other databases; then all is looked at once more."""
        if not self._found:
            return
        self._putting.remove(self._found)
        self._putting.settle(self._touched_directories())
        with LocalDatabases(self._files.settings.smb_conf) as databases:
            for place in (Place.PRIVILEGES, Place.SHARES):
                found = [each for each in self._found if each.key[0] is place]
                if found:
                    put = [each.want for each in found if each.want is not None]
                    databases.write(place, put, [each.key[1] for each in found if each.want is None])
        self._prove()

    def _prove(self) -> None:
        outcome = self.outcome
        have, _ = files_now(self._files, time.sleep)
        again = {each.key: each for each in file_differences(self._want, have) if not _only_time(each)}
        for each in self._found:
            if each.key in again:
                outcome.left.append(again[each.key])
            elif each.want is None:
                outcome.removed.append(each.key)
            else:
                outcome.restored.append(each.key)
        outcome.refused = self._putting.refused
        for path, reason in outcome.refused.items():
            log.warning("file.not_restored", path=path_text(path), reason=reason)
        log.info("files.restored", restored=len(outcome.restored), removed=len(outcome.removed), left=len(outcome.left))

    def _heal_numbers(self) -> None:
        if not any(each.key[0] is Place.IDMAP for each in self._found):
            return
        written = healed(entries(self._want, Place.IDMAP), entries(self._have, Place.IDMAP))
        with LocalDatabases(self._files.settings.smb_conf) as databases:
            databases.write(Place.IDMAP, written)
        _flush_cache(self._files)
        log.info("numbers.restored", entries=len(written))

    def _touched_directories(self) -> Iterator[FileState]:
        paths = {each.key[1] for each in self._found if each.key[0] is Place.SYSVOL}
        paths |= {path.rpartition("/")[0] for path in paths}
        for path in paths:
            state = self._want.get((Place.SYSVOL, path))
            if state is not None and state.kind is FileKind.DIRECTORY:
                yield state

    def _told(self, local: list[FileDifference], unsaved: set[FileKey]) -> Iterator[Told]:
        states = []
        for each in local:
            if each.have is None or each.have.kind is not FileKind.FILE:
                states += [each.have] if each.have is not None else []
                continue
            try:
                opened = open_to_read(self._files.sysvol / _on_disk(each.key[1]))
                try:
                    reader = FileReader(opened, Place.SYSVOL, each.key[1])
                    for _, content in reader.pieces():
                        yield content
                    states += [reader.state] if reader.state is not None else []
                finally:
                    os.close(opened)
            except (OSError, UnrestedError, NotCapturableError) as error:
                unsaved.add(each.key)
                log.warning(
                    "file.not_overwritten", path=path_text(each.key[1]), reason=str(error) or "it is written to"
                )
        yield from states


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


def _on_disk(path: str) -> str:
    return os.fsdecode(path.encode("utf-8", "surrogateescape"))


def _flush_cache(files: LocalFiles) -> None:
    """Have a running winbindd and smbd forget the numbers they handed out; without these there is nothing to forget."""
    program = shutil.which("net")
    if program is None:
        return
    command = [program, "cache", "flush", f"--configfile={files.settings.smb_conf}"]
    env = environment_for_others()
    done = subprocess.run(command, capture_output=True, timeout=_FLUSH_TIMEOUT_S, check=False, env=env)
    if done.returncode:
        log.warning("numbers.still_cached", reason=done.stderr.decode(errors="replace").strip())
