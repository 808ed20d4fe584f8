"""What a restore could not put back of files: told, kept from being taken for news, and gone on with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adpersist.files.differences import FileDifference, gives_more
from adpersist.files.local_files import LocalFiles
from adpersist.files.looking.file_look import FileLook
from adpersist.files.looking.reading import REST_NS
from adpersist.files.looking.whole import files_now
from adpersist.files.looking.withheld import Withheld
from adpersist.journal.journal import Journal
from adpersist.model.files.file_changes import FileChanges, Files
from adpersist.model.files.file_state import FileKey, FileKind, FileState, Place
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.commit import Commit, CommitKind
from adpersist.model.plan.difference import FILE, Difference
from adpersist.model.plan.terms import OnConflict
from adpersist.restore.files.files_back import FilesBack
from tests.golden.journal_samples import AGENT, NOON, created, fresh_store, look, new_journal, opened
from tests.unit.shares import share
from tools.samba_dc.layout import remove

REST_S = REST_NS / 1_000_000_000


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    """A share with a file in it, and a Samba that never ran."""
    found = share(tmp_path)
    (found.sysvol / "logon.bat").write_bytes(b"of the image")
    return found


def rested(watching: FileLook) -> list[FileState | FileKey | bytes]:
    """What one more look tells, once nothing is being written."""
    time.sleep(REST_S)
    told = list(watching.news(lambda: None))
    watching.told_all()
    return told


def paths(told: list[FileState | FileKey | bytes]) -> list[str]:
    """Of states, and of what is gone; content has none."""
    return sorted(
        each.path if isinstance(each, FileState) else f"-{each[1]}" for each in told if not isinstance(each, bytes)
    )


def _day(files: LocalFiles) -> tuple[Files, list[FileChanges]]:
    """What the journal has, and all that it was told, of a day that the disk went back behind."""
    time.sleep(REST_S)
    image, _ = files_now(files, time.sleep)
    script = files.sysvol / "logon.bat"
    old = script.read_bytes(), script.stat()
    script.write_bytes(b"of the day")
    (files.sysvol / "new.bat").write_bytes(b"of the day, too")
    newest, _ = files_now(files, time.sleep)
    (files.sysvol / "new.bat").unlink()
    script.write_bytes(old[0])
    os.utime(script, ns=(old[1].st_atime_ns, old[1].st_mtime_ns))
    return newest, [FileChanges(states=tuple(image.values())), FileChanges(states=tuple(newest.values()))]


def test_what_the_image_left_is_no_news_and_what_somebody_writes_is(files: LocalFiles) -> None:
    newest, ever = _day(files)
    assert paths(rested(FileLook(files, newest))) == ["", "-new.bat", "logon.bat"], "all of it would be taken for news"
    watching = FileLook(files, newest, withheld=Withheld(ever, []))
    # a folder's time moves, and is no matter; content of what is not told is not told either
    assert [each for each in paths(rested(watching)) if each] == []
    assert not any(isinstance(each, bytes) for each in rested(watching))
    (files.sysvol / "own.bat").write_bytes(b"somebody's")
    script = files.sysvol / "logon.bat"
    image = script.read_bytes(), script.stat()
    script.write_bytes(b"somebody's, too")
    assert [each for each in paths(rested(watching)) if each] == ["logon.bat", "own.bat"]
    script.write_bytes(image[0])
    os.utime(script, ns=(image[1].st_atime_ns, image[1].st_mtime_ns))
    assert "logon.bat" in paths(rested(watching)), "once it was told of, the image has no say any more"
    (files.sysvol / "own.bat").unlink()
    assert "-own.bat" in paths(rested(watching))


def test_what_was_told_since_the_restore_is_not_the_images() -> None:
    old = FileState(place=Place.SYSVOL, path="a", kind=FileKind.FILE, mtime_ns=1)
    new, entry = replace(old, mtime_ns=2), FileState(place=Place.PRIVILEGES, path="S-1-1", kind=FileKind.ENTRY)
    before = [FileChanges(states=(old, entry)), FileChanges(states=(new,))]
    assert Withheld(before, []).is_the_images(old, new)
    assert Withheld(before, []).is_the_images(entry, None)
    assert not Withheld(before, []).is_the_images(replace(old, mtime_ns=3), new)
    assert not Withheld(before, [FileChanges(states=(new,))]).is_the_images(old, new)
    assert not Withheld(before, [FileChanges(gone=(old.key,))]).may_be(old.key)


def test_the_number_or_the_rights_of_somebody_else_are_more_and_an_old_script_is_not() -> None:
    want = FileState(place=Place.SYSVOL, path="a", kind=FileKind.FILE, uid=1, mode=0o600, size=1)
    entry = FileState(place=Place.IDMAP, path="S-1-1", kind=FileKind.ENTRY)
    assert not gives_more(FileDifference(want=want, have=None))
    assert not gives_more(FileDifference(want=None, have=want))
    assert not gives_more(FileDifference(want=want, have=replace(want, size=2, mtime_ns=5)))
    for more in (replace(want, uid=2), replace(want, mode=0o666), replace(want, attributes={"security.NTACL": b"x"})):
        assert gives_more(FileDifference(want=want, have=more))
    assert not gives_more(FileDifference(want=want, have=replace(want, kind=FileKind.DIRECTORY, mode=0o777)))
    assert gives_more(FileDifference(want=entry, have=None))


@pytest.fixture
def journal(files: LocalFiles) -> Iterator[Journal]:
    """It has the share, with a file more, and a Unix number."""
    (files.sysvol / "other.bat").write_bytes(b"stays")
    made = new_journal(fresh_store())
    look(made, [created("ada")], 100)
    keeper = FileLook(files, {})
    time.sleep(REST_S)
    number = FileState(place=Place.IDMAP, path="S-1-5-21-1", kind=FileKind.ENTRY, attributes={"xidNumber": b"3000001"})
    told = [each for each in keeper.news(lambda: None) if isinstance(each, bytes | FileState)]
    made.commit_files([*told, number], now=NOON)
    yield made
    made.close()


def test_a_database_that_is_none_keeps_no_file_from_coming_back(files: LocalFiles, journal: Journal) -> None:
    script, database = files.sysvol / "logon.bat", files.settings.private / "idmap.ldb"
    script.unlink()
    database.write_bytes(b"no database" * 1000)
    back = FilesBack(files, journal, journal.head.seq, OnConflict.JOURNAL)
    back.before_the_directory()
    back.after_the_directory()
    assert script.read_bytes() == b"of the image"
    assert "logon.bat" in [each[1] for each in back.outcome.restored]
    (line,) = back.outcome.lines
    assert (line.kind, line.gives_more) == (FILE, True)
    assert "idmap.ldb" in line.reason
    assert database.read_bytes() == b"no database" * 1000, "what cannot be read is not written over"


def test_a_folder_made_anew_is_open_before_the_directory_tells_of_it(files: LocalFiles, journal: Journal) -> None:
    folder = files.sysvol / "{GUID}"
    folder.mkdir(0o751)
    folder.chmod(0o751)
    (folder / "GPT.INI").write_bytes(b"Version=1")
    time.sleep(REST_S)
    states = files_now(files, time.sleep)[0].values()
    journal.commit_files([b"Version=1", *states], now=NOON)
    remove(folder)
    back = FilesBack(files, journal, journal.head.seq, OnConflict.JOURNAL)
    back.before_the_directory()
    assert folder.stat().st_mode & 0o777 == 0o751
    assert (folder / "GPT.INI").read_bytes() == b"Version=1"


def test_what_lies_out_of_the_share_is_never_kept_as_what_was_written_there(
    files: LocalFiles, journal: Journal, tmp_path: Path
) -> None:
    folder, elsewhere = files.sysvol / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "file").write_bytes(b"written since the reset")
    elsewhere.mkdir()
    (elsewhere / "file").write_bytes(b"secret")
    time.sleep(REST_S)
    back = FilesBack(files, journal, journal.head.seq, OnConflict.JOURNAL)
    assert [each.key[1] for each in back.local] == ["folder", "folder/file"]
    folder.rename(tmp_path / "away")
    folder.symlink_to(elsewhere)  # whoever may write there, between two looks
    journal.begin_restore(target=journal.head.seq, writer=AGENT, now=NOON)
    back.save_local()
    kept = journal.files(journal.head.seq)
    assert (Place.SYSVOL, "folder/file") not in kept
    back.before_the_directory()
    back.after_the_directory()
    assert (elsewhere / "file").read_bytes() == b"secret"


def test_what_cannot_be_kept_is_not_overwritten_and_told(files: LocalFiles, journal: Journal) -> None:
    script = files.sysvol / "logon.bat"
    script.write_bytes(b"written since the reset")
    back = FilesBack(files, journal, journal.head.seq, OnConflict.JOURNAL)
    assert [each.key[1] for each in back.local] == ["logon.bat"]
    journal.begin_restore(target=journal.head.seq, writer=AGENT, now=NOON)
    script.write_bytes(b"and all the time")
    back.save_local()
    back.before_the_directory()
    back.after_the_directory()
    assert script.read_bytes() == b"and all the time"
    assert {line.dn: line.reason for line in back.outcome.lines}["sysvol/logon.bat"] == "it is written to"


def test_a_share_and_a_database_that_are_gone_are_told(files: LocalFiles, journal: Journal) -> None:
    files.sysvol.rename(files.sysvol.with_name("away"))
    back = FilesBack(files, journal, journal.head.seq, OnConflict.JOURNAL)
    back.before_the_directory()
    back.after_the_directory()
    told = {line.dn: line for line in back.outcome.lines}
    assert set(told) == {"idmap/S-1-5-21-1", "sysvol/", "sysvol/logon.bat", "sysvol/other.bat"}
    assert "SYSVOL cannot be restored: No such file" in told["sysvol/logon.bat"].reason
    assert [line.gives_more for line in told.values()] == [True, False, False, False]
    assert len(back.outcome.troubles) == 2, "each is said once"


def test_the_head_says_how_many_files_are_left_until_they_are_back() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("ada")], 100)
    lines = [Difference(guid=Guid(bytes(16)), dn=f"sysvol/{each}", attribute="", kind=FILE) for each in "ab"]
    journal.begin_restore(target=Seq(1), writer=AGENT, now=NOON)
    journal.end_restore(now=NOON, left=lines, files_left=2)
    assert opened(store).head.files_left == 2
    assert (restored := journal.last_restore()) is not None
    assert (restored.left_count, restored.left_now(2), restored.left_now(0)) == (2, 2, 0)
    journal.begin_restore(target=Seq(1), writer=AGENT, now=NOON)
    journal.end_restore(now=NOON)
    assert opened(store).head.files_left == 2, "who left files alone does not know better"
    journal.note_files_left(0, now=NOON)
    assert opened(store).head.files_left == 0


def test_of_what_is_left_files_are_told_last_and_counted_as_they_come_back() -> None:
    def commit(*kinds: str, count: int) -> Commit:
        left = tuple(Difference(guid=Guid(bytes(16)), dn="x", attribute="", kind=kind) for kind in kinds)
        return Commit(
            seq=Seq(9), timeline=2, kind=CommitKind.RESTORE_END, time=NOON, usn_from=Usn(0), usn_to=Usn(0), changes=(),
            ends_look=True, complete=True, left=left, left_count=count, digest=bytes(32), size=1,
        )  # fmt: skip

    assert commit("value", FILE, count=5000).left_now(4999) == 5000
    assert commit("value", FILE, count=5000).left_now(0) == 1
    assert commit("value", count=1).left_now(0) == 1
