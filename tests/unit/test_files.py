"""A SYSVOL of the test's own: what a look tells, what it leaves for the next, and what is put back."""

from __future__ import annotations

import errno
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adpersist.capture.file_capture import LONGEST_WATCHED_PAUSE_S, SOON_S, WATCHED_PAUSE_S, FileCapture
from adpersist.directory.samba.local_databases import LocalDatabaseError, LocalDatabases
from adpersist.files.differences import FileDifference, FileGap, file_differences, written_locally
from adpersist.files.functional_level import missing_line
from adpersist.files.id_numbers import healed, number_of
from adpersist.files.local_files import LocalFiles, NoFilesError
from adpersist.files.looking import reading, sysvol_walk
from adpersist.files.looking.file_look import FileLook
from adpersist.files.looking.waking import Waker
from adpersist.files.looking.whole import files_now
from adpersist.files.putting_back import FileNotRestoredError, PuttingBack
from adpersist.model.files.file_changes import FileChanges, Files
from adpersist.model.files.file_state import (
    PIECE_BYTES,
    FileKey,
    FileKind,
    FileState,
    Piece,
    Place,
    path_text,
    piece_of,
    written_path,
)
from adpersist.model.identity.ids import Seq
from adpersist.reading.text.file_text import in_order, named
from tests.golden.journal_samples import NOON, created, fresh_store, look, new_journal
from tests.unit.shares import share
from tools.samba_dc.layout import remove

REST_S = reading.REST_NS / 1_000_000_000


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    """A share with two files in it, and a Samba that never ran."""
    found = share(tmp_path)
    (found.sysvol / "corp.example" / "Policies").mkdir(parents=True)
    (found.sysvol / "corp.example" / "Policies" / "GPT.INI").write_bytes(b"Version=1")
    (found.sysvol / "corp.example" / "logon.bat").write_bytes(b"echo")
    return found


class Keeper:
    """What a journal keeps of looks."""

    def __init__(self, files: LocalFiles) -> None:
        self.look = FileLook(files, {})
        self.pieces: dict[Piece, bytes] = {}
        self.told: list[FileState | FileKey] = []

    def take(self, prove: Callable[[], None] = lambda: None) -> list[FileState | FileKey]:
        """What one more look told."""
        self.told = []
        for each in self.look.news(prove):
            if isinstance(each, bytes):
                self.pieces[piece_of(each)] = each
            else:
                self.told.append(each)
        self.look.told_all()
        return self.told

    def rested(self) -> list[FileState | FileKey]:
        """The same, once nothing is being written."""
        time.sleep(REST_S)
        return self.take()

    @property
    def files(self) -> Files:
        """All that is known."""
        return self.look.known

    def fetch(self, wanted: object) -> Iterator[tuple[Piece, bytes]]:
        """Every piece, wanted or not, in no order."""
        assert wanted is not None
        yield from [(piece, self.pieces[piece]) for piece in sorted(self.pieces) if piece in set(wanted)]  # type: ignore[call-overload]


def put_all_back(files: LocalFiles, keeper: Keeper, want: Files) -> None:
    """Put back what differs; nothing is refused, and nothing differs any more."""
    found = file_differences(want, files_now(files, time.sleep)[0])
    putting = PuttingBack(files.sysvol, keeper.fetch)
    putting.make(found, lambda *_: None)
    putting.remove(found)
    putting.settle(want.values())
    assert putting.refused == {}
    assert file_differences(want, files_now(files, time.sleep)[0]) == []


def paths(told: list[FileState | FileKey]) -> list[str]:
    return [each.path if isinstance(each, FileState) else f"-{each[1]}" for each in told]


def test_a_look_at_what_did_not_change_tells_nothing_and_reads_nothing(files: LocalFiles) -> None:
    keeper = Keeper(files)
    assert "corp.example/logon.bat" in paths(keeper.rested())

    def never() -> None:
        raise AssertionError("there is nothing to be proven")

    assert keeper.take(never) == []


@pytest.mark.parametrize("is_permitted", [True, False])
def test_a_look_leaves_no_trace_of_having_read(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch, is_permitted: bool
) -> None:
    script = files.sysvol / "corp.example" / "logon.bat"
    os.utime(script, ns=(1_000_000_000, 2_000_000_000))  # a read would be written down: the last is before the change
    time.sleep(2 * REST_S)
    if not is_permitted:
        opened = os.open

        def refuse(path: Path | bytes, flags: int, *args: int, dir_fd: int | None = None) -> int:
            if flags & os.O_NOATIME:
                raise PermissionError(errno.EPERM, "Operation not permitted")
            return opened(path, flags, *args, dir_fd=dir_fd)

        monkeypatch.setattr(os, "open", refuse)
    keeper = Keeper(files)
    keeper.take()
    assert piece_of(b"echo") in keeper.pieces
    if is_permitted:  # by who may not, it is read all the same
        assert script.stat().st_atime_ns == 1_000_000_000


def test_what_is_being_written_is_left_for_the_next_look(files: LocalFiles) -> None:
    keeper = Keeper(files)
    keeper.rested()
    script = files.sysvol / "corp.example" / "logon.bat"
    script.write_bytes(b"half")
    assert paths(keeper.take()) == []
    assert keeper.look.unrested
    script.write_bytes(b"whole")
    assert paths(keeper.rested()) == ["corp.example/logon.bat"]
    assert not keeper.look.unrested


def test_a_file_that_changes_while_it_is_read_is_told_by_nobody(files: LocalFiles) -> None:
    keeper, big = Keeper(files), files.sysvol / "big"
    big.write_bytes(random.Random(1).randbytes(3 * PIECE_BYTES))
    time.sleep(REST_S)
    pieces = 0
    for each in keeper.look.news(lambda: None):
        if isinstance(each, bytes) and len(each) == PIECE_BYTES:
            pieces += 1
            with big.open("r+b") as file:
                file.write(b"changed")
        assert not (isinstance(each, FileState) and each.path == "big")
    assert pieces
    assert keeper.look.unrested


def test_a_file_that_vanishes_while_it_is_read_is_gone_at_the_next_look(files: LocalFiles) -> None:
    keeper, big = Keeper(files), files.sysvol / "big"
    big.write_bytes(random.Random(1).randbytes(3 * PIECE_BYTES))
    keeper.rested()
    big.write_bytes(random.Random(2).randbytes(3 * PIECE_BYTES))
    time.sleep(REST_S)
    for each in keeper.look.news(lambda: None):
        if isinstance(each, bytes):
            big.unlink(missing_ok=True)
        assert not (isinstance(each, FileState) and each.path == "big")
    assert keeper.look.unrested
    keeper.look.told_all()
    assert (Place.SYSVOL, "big") in keeper.files, "until a look finds it gone"
    assert "-big" in paths(keeper.rested())


def test_a_sparse_file_comes_back_with_its_holes(files: LocalFiles) -> None:
    keeper, path = Keeper(files), files.sysvol / "sparse"
    with path.open("wb") as file:
        file.seek(100 * PIECE_BYTES)
        file.write(b"in the middle")
        file.truncate(200_000_000)
    keeper.rested()
    assert sum(map(len, keeper.pieces.values())) < 4 * PIECE_BYTES, "a hole is kept once"
    path.unlink()
    PuttingBack(files.sysvol, keeper.fetch).make(file_differences(keeper.files, {}), lambda *_: None)
    assert path.stat().st_size == 200_000_000
    assert path.stat().st_blocks * 512 < 4 * PIECE_BYTES
    with path.open("rb") as file:
        file.seek(100 * PIECE_BYTES)
        assert file.read(20) == b"in the middle" + bytes(7)


@pytest.mark.parametrize("name", [b"latin-\xfc", "u\u0308mlaut".encode(), b"new\nline", b" ", b"x" * 255])
def test_any_name_is_captured_and_put_back(files: LocalFiles, name: bytes) -> None:
    keeper = Keeper(files)
    path = Path(os.fsdecode(os.fsencode(files.sysvol) + b"/" + name))
    path.write_bytes(b"content")
    keeper.rested()
    path.unlink()
    found = file_differences(keeper.files, files_now(files, time.sleep)[0])
    PuttingBack(files.sysvol, keeper.fetch).make(found, lambda *_: None)
    assert path.read_bytes() == b"content"


def test_folders_in_folders_in_the_place_of_a_file_keep_nothing_else_from_coming_back(files: LocalFiles) -> None:
    keeper = Keeper(files)
    keeper.rested()
    place, other = files.sysvol / "corp.example/logon.bat", files.sysvol / "corp.example/Policies/GPT.INI"
    other.unlink()
    place.unlink()
    place.mkdir()
    at = os.open(place, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    try:
        putting = PuttingBack(files.sysvol, keeper.fetch)
        putting.make(file_differences(keeper.files, files_now(files, time.sleep)[0]), lambda *_: None)
        assert other.read_bytes() == b"Version=1"
        assert place.is_dir(), "what lies deeper than a look goes is in no journal, and stays"
        assert putting.refused == {"corp.example/logon.bat": "Directory not empty"}
    finally:
        subprocess.run(["rm", "-rf", place], check=True, timeout=60)  # pytest could not


def test_whatever_took_the_place_of_what_gives_it_back(files: LocalFiles, tmp_path: Path) -> None:
    keeper, place, elsewhere = Keeper(files), files.sysvol / "corp.example", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("folder", "moved", "moved over", "link to a folder"):
        (place / name / "in it").mkdir(parents=True)
        (place / name / "in it" / "file").write_bytes(name.encode())
    for name in ("file", "Case.bat", "linked"):
        (place / name).write_bytes(name.encode())
    os.link(place / "linked", place / "linked, too")
    (place / "link").symlink_to("nowhere\n")
    os.setxattr(place / "folder", "user.note", b"")
    subprocess.run(["setfacl", "-m", "u:3000016:rwx,d:u:3000016:rx", place / "folder"], check=True, timeout=30)
    os.utime(place / "file", ns=(0, -1_000_000_001))
    keeper.rested()
    want = dict(keeper.files)

    remove(place / "folder")
    (place / "folder").write_bytes(b"a file")
    (place / "file").unlink()
    (place / "file" / "folder").mkdir(parents=True)
    (place / "file" / "folder" / "link").symlink_to(elsewhere)
    remove(place / "moved over")
    (place / "moved").rename(place / "moved over")
    remove(place / "link to a folder")
    (place / "link to a folder").symlink_to(elsewhere)
    (place / "link").unlink()
    (place / "link" / "x").mkdir(parents=True)
    (place / "Case.bat").rename(place / "CASE.BAT")
    (place / "linked").write_bytes(b"both of them")
    put_all_back(files, keeper, want)
    assert list(elsewhere.iterdir()) == []


def test_what_was_written_since_it_was_looked_at_stays(files: LocalFiles) -> None:
    keeper, place = Keeper(files), files.sysvol / "corp.example"
    for name in ("missing", "folder"):
        (place / name).mkdir()
    (place / "missing" / "file").write_bytes(b"captured")
    (place / "tree").write_bytes(b"a file")
    keeper.rested()
    want = dict(keeper.files)
    remove(place / "missing")
    remove(place / "folder")
    (place / "folder").write_bytes(b"a file")
    (place / "tree").unlink()
    (place / "tree").mkdir()
    (place / "tree" / "inside").write_bytes(b"seen")
    (place / "logon.bat").write_bytes(b"seen")
    (place / "extra").write_bytes(b"seen")
    found = file_differences(want, files_now(files, time.sleep)[0])
    written = ("logon.bat", "extra", "folder", "tree/inside", "missing")
    for name in written:
        (place / name).write_bytes(b"written since")
    putting = PuttingBack(files.sysvol, keeper.fetch)
    putting.make(found, lambda *_: None)
    putting.remove(found)
    assert {name: (place / name).read_bytes() for name in written} == dict.fromkeys(written, b"written since")
    words = "somebody wrote to it meanwhile"
    refused = {path.removeprefix("corp.example/"): why for path, why in putting.refused.items()}
    assert refused == {
        **dict.fromkeys(("logon.bat", "extra", "folder", "tree", "tree/inside", "missing"), words),
        "missing/file": "Not a directory",
    }
    put_all_back(files, keeper, want)


def test_a_time_that_64_bits_do_not_hold_is_the_last_one_they_do(files: LocalFiles, tmp_path: Path) -> None:
    """A client may set any, and a file system of 64-bit seconds takes it."""
    subprocess.run(["mount", "-t", "tmpfs", "none", files.sysvol], check=True, timeout=30)
    try:
        for name, seconds in (("late", 910_692_730_085), ("early", -910_692_730_085)):
            (files.sysvol / name).touch()
            os.utime(files.sysvol / name, (seconds, seconds))
        keeper = Keeper(files)
        keeper.rested()
        times = {path: state.mtime_ns for (_, path), state in keeper.files.items()}
        assert (times["late"], times["early"]) == (2**64 - 1, -(2**63))
        journal = new_journal(fresh_store())
        look(journal, [created("ada")], 100)
        journal.commit_files(iter(keeper.files.values()), now=NOON)
        assert journal.files(journal.head.seq) == keeper.files
    finally:
        subprocess.run(["umount", files.sysvol], check=True, timeout=30)


def test_what_is_no_file_is_named_and_takes_nothing_hostage(files: LocalFiles) -> None:
    keeper = Keeper(files)
    os.mkfifo(files.sysvol / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(files.sysvol / "socket"))
    (files.sysvol / "link").symlink_to("/etc/shadow")
    told = {each.path: each for each in keeper.rested() if isinstance(each, FileState)}
    assert set(keeper.look.not_captured) == {"pipe", "socket"}
    assert told["link"].kind is FileKind.SYMLINK
    assert told["link"].attributes == {"target": b"/etc/shadow"}
    assert "corp.example/logon.bat" in told
    (files.sysvol / "pipe").unlink()
    (files.sysvol / "socket").unlink()
    keeper.rested()
    assert keeper.look.not_captured == {}, "what is gone is no trouble any more"


def test_a_folder_that_cannot_be_read_is_not_taken_for_empty(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(files)
    keeper.rested()
    listed = os.scandir

    def refusing(descriptor: int) -> object:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "Policies":
            raise PermissionError(13, "Permission denied")
        return listed(descriptor)

    monkeypatch.setattr(os, "scandir", refusing)
    assert keeper.rested() == []
    assert "corp.example/Policies" in keeper.look.not_captured


def test_a_share_that_is_empty_of_a_sudden_is_taken_for_not_there(files: LocalFiles) -> None:
    keeper = Keeper(files)
    keeper.rested()
    files.sysvol.rename(files.sysvol.with_name("away"))
    assert keeper.rested() == []
    files.sysvol.mkdir()
    assert keeper.rested() == []
    assert len(keeper.files) > 3
    (files.sysvol / "stray").touch()
    (files.sysvol / "corp.example").mkdir()
    (files.sysvol / "corp.example" / "stray").touch()
    assert keeper.rested() == [], "one of a domain, neither"
    assert "is it mounted?" in keeper.look.not_captured[""]
    found = file_differences(keeper.files, files_now(files, time.sleep)[0])
    putting = PuttingBack(files.sysvol, keeper.fetch, keeper.files)
    with pytest.raises(FileNotRestoredError, match="not mounted"):
        putting.make(found, lambda *_: None)
    with pytest.raises(FileNotRestoredError, match="not mounted"):
        putting.remove(found)
    with pytest.raises(FileNotRestoredError, match="not mounted"):
        putting.settle(keeper.files.values())
    assert sorted(each.name for each in files.sysvol.rglob("*")) == ["corp.example", "stray", "stray"]
    (files.sysvol / "corp.example" / "Policies").mkdir()  # by hand: the disk is gone for good
    putting.make(found, lambda *_: None)
    putting.settle(keeper.files.values())
    assert (files.sysvol / "corp.example" / "logon.bat").read_bytes() == b"echo"
    keeper.rested()
    assert "" not in keeper.look.not_captured


def test_a_folder_under_its_first_name_is_passed_over(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, name = Keeper(files), ".::TMPNAME:D:1:{GUID}"
    (files.sysvol / name).mkdir()
    assert not [each for each in paths(keeper.rested()) if "TMPNAME" in each]
    assert (keeper.look.unrested, keeper.look.not_captured) == (True, {})
    monkeypatch.setattr(sysvol_walk, "_NAMED_WITHIN_NS", 0)
    assert keeper.rested() == []
    assert not keeper.look.unrested, "smbd died before it named it: nobody waits for that"
    assert list(keeper.look.not_captured) == [name]


def test_of_names_that_differ_in_case_alone_the_one_meant_is_found(files: LocalFiles) -> None:
    for name in ("Logon.bat", "LOGON.BAT"):
        (files.sysvol / name).write_bytes(name.encode())
    time.sleep(REST_S)
    found, _ = files_now(files, time.sleep)
    assert [getattr(named(found, Place.SYSVOL, name), "path", None) for name in ("Logon.bat", "/LOGON.BAT", "x")] == [
        "Logon.bat", "LOGON.BAT", None
    ]  # fmt: skip
    assert named(found, Place.SYSVOL, "Corp.Example/Policies/gpt.ini") is not None


def test_put_back_is_content_owner_permissions_attributes_and_time(files: LocalFiles) -> None:
    keeper, script = Keeper(files), files.sysvol / "corp.example" / "logon.bat"
    content = random.Random(2).randbytes(2 * PIECE_BYTES + 5)
    script.write_bytes(content)
    os.setxattr(script, "user.DOSATTRIB", b"0x2")
    os.chown(script, 3_000_016, 100)
    script.chmod(0o2755)
    os.utime(script, ns=(1, 1_234_567_890_123_456_789))
    (files.sysvol / "empty").touch()
    keeper.rested()
    want = dict(keeper.files)
    script.unlink()
    script.mkdir()
    (script / "inside").touch()
    (files.sysvol / "empty").write_bytes(b"no more")
    (files.sysvol / "extra").mkdir()
    (files.sysvol / "extra" / "file").touch()
    have, _ = files_now(files, time.sleep)
    found = file_differences(want, have)
    gaps = {each.key[1]: each.gap for each in found}
    assert gaps["empty"] is FileGap.CONTENT
    assert gaps["extra/file"] is FileGap.EXTRA
    putting = PuttingBack(files.sysvol, keeper.fetch)
    putting.make(found, lambda *_: None)
    putting.remove(found)
    putting.settle(want.values())
    assert file_differences(want, files_now(files, time.sleep)[0]) == []
    assert putting.refused == {}
    assert script.read_bytes() == content
    assert [each.name for each in files.sysvol.parent.iterdir()] == ["sysvol"]


def test_a_full_disk_leaves_every_file_as_it_was(files: LocalFiles, tmp_path: Path) -> None:
    keeper, disk = Keeper(files), tmp_path / "small"
    content = random.Random(3).randbytes(4 * PIECE_BYTES)
    (files.sysvol / "installer.msi").write_bytes(content)
    keeper.rested()
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], check=True, timeout=30)
    try:
        share = disk / "sysvol"
        share.mkdir()
        (share / "installer.msi").write_bytes(b"old")
        found = file_differences(keeper.files, {})
        with pytest.raises(FileNotRestoredError, match="No space left"):
            PuttingBack(share, keeper.fetch).make(found, lambda *_: None)
        assert [each.name for each in disk.iterdir()] == ["sysvol"]
        assert [(each.name, each.read_bytes()) for each in share.iterdir()] == [("installer.msi", b"old")]
    finally:
        subprocess.run(["umount", disk], check=True, timeout=30)


def test_attributes_that_the_disk_does_not_take_keep_nothing_else_from_coming_back(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Captured on another file system; ext4 has a block for those of one file."""
    keeper, ini = Keeper(files), files.sysvol / "corp.example" / "Policies" / "GPT.INI"
    keeper.rested()
    ini.unlink()
    found = file_differences(keeper.files, files_now(files, time.sleep)[0])
    large = {"user.large": bytes(8000)}
    script, folder = (
        replace(keeper.files[Place.SYSVOL, f"corp.example{name}"], attributes=large) for name in ("/logon.bat", "")
    )
    found += [FileDifference(want=script, have=keeper.files[script.key])]
    set_one = os.setxattr

    def as_on_ext4(descriptor: int, name: str, value: bytes) -> None:
        if len(value) > 4096:
            raise OSError(errno.ENOSPC, "No space left on device")
        set_one(descriptor, name, value)

    monkeypatch.setattr(os, "setxattr", as_on_ext4)
    putting = PuttingBack(files.sysvol, keeper.fetch)
    putting.make(found, lambda *_: None)
    putting.settle([folder])
    assert ini.read_bytes() == b"Version=1"
    words = "its attributes do not fit a file of this disk: user.large"
    assert putting.refused == {"corp.example/logon.bat": words, "corp.example": words}


def test_nobody_is_led_out_of_the_share_by_a_link(files: LocalFiles, tmp_path: Path) -> None:
    keeper = Keeper(files)
    keeper.rested()
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "Policies").mkdir(parents=True)
    found = file_differences(keeper.files, {})
    (files.sysvol / "corp.example").rename(tmp_path / "aside")
    (files.sysvol / "corp.example").symlink_to(elsewhere)
    putting = PuttingBack(files.sysvol, keeper.fetch)
    putting.make(found, lambda *_: None)
    assert list((elsewhere / "Policies").iterdir()) == []
    assert (files.sysvol / "corp.example" / "logon.bat").read_bytes() == b"echo"


def test_shares_of_a_registry_nobody_had_looked_at_are_not_too_much() -> None:
    def entry(place: Place, path: str) -> FileState:
        return FileState(place=place, path=path, kind=FileKind.ENTRY, attributes={"record": b"\1"})

    def of(*states: FileState) -> Files:
        return {state.key: state for state in states}

    own, sales = (entry(Place.REGISTRY, f"HKLM\\SOFTWARE\\SAMBA\\SMBCONF{name}") for name in ("", "\\SALES"))
    assert file_differences(of(entry(Place.SHARES, "SECDESC/x")), of(own, sales))[0].key[0] is Place.SHARES
    assert len(file_differences(of(entry(Place.SHARES, "SECDESC/x")), of(own, sales))) == 1
    assert [each.gap for each in file_differences(of(own), of(own, sales))] == [FileGap.EXTRA]


def test_what_the_journal_saw_at_a_path_is_the_images_and_all_else_is_local() -> None:
    def state(path: str, content: bytes) -> FileState:
        return FileState(place=Place.SYSVOL, path=path, kind=FileKind.FILE, size=1, pieces=(piece_of(content),))

    old, new, local = state("a", b"1"), state("a", b"2"), state("a", b"3")
    ever = [FileChanges(states=(old, state("b", b"3"))), FileChanges(states=(new,))]
    assert written_locally([FileDifference(want=new, have=old)], ever) == []
    assert [each.have for each in written_locally([FileDifference(want=new, have=local)], ever)] == [local]
    assert len(written_locally([FileDifference(want=None, have=state("c", b"1"))], ever)) == 1


@pytest.mark.parametrize("seed", range(50))
def test_no_number_is_ever_anybody_elses(seed: int) -> None:
    """Whatever both sides gave out: all whom the journal knows keep theirs, and none is there twice or to come."""
    chance = random.Random(seed)

    def database(people: list[str]) -> dict[str, FileState]:
        chance.shuffle(people)
        given = {sid: 3_000_000 + at for at, sid in enumerate(people)}
        values = {"lowerBound": b"3000000", "upperBound": b"4000000", "xidNumber": b"%d" % (3_000_000 + len(people))}
        numbers = {sid: {"xidNumber": b"%d" % number} for sid, number in given.items()} | {"CONFIG": values}
        return {
            path: FileState(place=Place.IDMAP, path=path, kind=FileKind.ENTRY, attributes=attributes)
            for path, attributes in numbers.items()
        }

    everybody = [f"S-1-5-21-{number}" for number in range(30)]
    wanted = database(chance.sample(everybody, chance.randrange(1, 30)))
    there = database(chance.sample(everybody, chance.randrange(1, 30)))
    written = {state.path: state for state in healed(wanted, there)}
    after = there | written
    assert {path: number_of(after[path]) for path in wanted if path != "CONFIG"} == {
        path: number_of(state) for path, state in wanted.items() if path != "CONFIG"
    }
    numbers = [number_of(state) for path, state in after.items() if path != "CONFIG"]
    assert len(numbers) == len(set(numbers))
    assert set(after) == {*wanted, *there}
    assert number_of(after["CONFIG"]) > max(numbers)
    assert healed(wanted, wanted) == []


def test_content_comes_in_order_and_only_what_is_early_is_held() -> None:
    one, two, three = (piece_of(each) for each in (b"1", b"2", b"3"))
    assert list(in_order([one, two, one, three], [(two, b"2"), (one, b"1"), (three, b"3")])) == [b"1", b"2", b"1", b"3"]
    coming = iter([(one, b"1"), (two, b"2")])
    told = in_order([one, two], coming)
    assert next(told) == b"1"
    assert next(coming) == (two, b"2"), "the rest was not read yet"


def test_a_person_may_write_a_byte_that_is_no_text() -> None:
    assert written_path("a/latin-\\xfc.cmd") == "a/latin-\udcfc.cmd"
    assert written_path("plain\\xzz") == "plain\\xzz"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"latin-\xfc", "latin-\\xfc"), (b"latin-\\xfc", "latin-\\x5cxfc"), (b"new\nline", "new\\x0aline"),
        (b"\x1b[31m", "\\x1b[31m"), (b"SMBCONF\\sales", "SMBCONF\\sales"), (b"\\\\x41\\x4", "\\\\x5cx41\\x4"),
        ("u\u0308".encode(), "u\u0308"), (b"\\x  ", "\\x  "),
    ],
)  # fmt: skip
def test_a_path_is_given_as_it_is_shown_and_no_two_are_shown_alike(name: bytes, shown: str) -> None:
    path = name.decode("utf-8", "surrogateescape")
    assert path_text(path) == shown
    assert written_path(shown) == path


# --- waking -----------------------------------------------------------------------------------------------------------


def test_whatever_happens_below_the_share_wakes(files: LocalFiles) -> None:
    with Waker() as waker:
        watching, script = FileLook(files, {}, waker), files.sysvol / "corp.example" / "logon.bat"

        def looked() -> None:
            for _ in watching.news(lambda: None):
                pass
            watching.told_all()

        looked()
        assert not waker.woke()
        for deed in (
            lambda: script.write_bytes(b"other"),
            lambda: os.setxattr(script, "security.NTACL", b"\x04"),
            lambda: script.chmod(0o700),
            lambda: script.rename(script.with_name("renamed.bat")),
            lambda: script.with_name("renamed.bat").unlink(),
            (files.sysvol / "new").mkdir,
        ):
            deed()
            assert waker.woke()
        looked()
        (files.sysvol / "new" / "file").touch()
        assert waker.woke(), "a folder is watched once it was looked at"
        assert not waker.woke()


def test_what_somebody_writes_all_the_time_does_not_take_all_of_it(files: LocalFiles, tmp_path: Path) -> None:
    elapsed = [0.0]
    journal = new_journal(fresh_store())
    look(journal, [created("ada")], 100)
    capture = FileCapture(files, journal, lambda: None, lambda: Seq(2), clock=lambda: 0.0, elapsed=lambda: elapsed[0])
    assert capture.is_due
    time.sleep(REST_S)
    capture.look()
    assert capture.behind_s == 0
    (files.sysvol / "busy").touch()
    assert not capture.is_due, "it was looked just now"
    elapsed[0] += SOON_S
    assert capture.is_due
    assert capture.behind_s == SOON_S, "since the kernel told of it"
    capture.look()
    assert capture.behind_s == SOON_S, "it is still being written"
    time.sleep(REST_S)
    assert capture.look() > 0
    assert capture.behind_s == 0
    elapsed[0] += WATCHED_PAUSE_S - 1
    assert not capture.is_due
    elapsed[0] += 2
    assert capture.is_due


@pytest.mark.parametrize(("takes_s", "pause_s"), [(0.1, 500), (1, LONGEST_WATCHED_PAUSE_S), (20, 2000)])
def test_the_larger_sysvol_is_the_more_seldom_all_of_it_is_looked_at(
    files: LocalFiles, takes_s: float, pause_s: float
) -> None:
    elapsed = [0.0]

    def prove() -> None:
        elapsed[0] += takes_s

    journal = new_journal(fresh_store())
    look(journal, [created("ada")], 100)
    capture = FileCapture(files, journal, prove, lambda: Seq(2), clock=lambda: 0.0, elapsed=lambda: elapsed[0])
    time.sleep(REST_S)
    assert capture.look() > 0
    elapsed[0] += pause_s - 1
    assert not capture.is_due
    elapsed[0] += 2
    assert capture.is_due


# --- smb.conf ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "before", "now", "line"),
    [
        (7, b"[global]\n\tad dc functional level = 2016\n", b"[global]\n", "ad dc functional level = 2016"),
        (6, b"AD DC  Functional Level=2012_R2", b"ad dc functional level = 2012", "AD DC  Functional Level=2012_R2"),
        (4, b"ad dc functional level = 2016", b"", None),
        (7, b"ad dc functional level = 2016", b"# ad dc functional level = 2012\nad dc functional level = 2016", None),
        (7, b"", b"", None),
        (7, b"ad dc functional level = 2016", b"ad dc functional level = 2030", None),
    ],
)
def test_a_line_without_which_samba_would_not_start_is_named(
    level: int, before: bytes, now: bytes, line: str | None
) -> None:
    assert missing_line(level, before=before, now=now) == line


# --- where everything lies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[global]\nposix:eadb = {place}/eadb.tdb\n", "posix:eadb"),
        ("[global]\nxattr_tdb:file = {place}/xattr.tdb\n", "xattr_tdb:file"),
        ("[global]\nprivate dir = {place}\n", "another one"),
        ("[sysvol]\npath =\n", r"no share \[sysvol\]"),
    ],
)
def test_a_sysvol_that_cannot_be_captured_is_refused_by_the_name_of_the_setting(
    files: LocalFiles, tmp_path: Path, settings: str, said: str
) -> None:
    conf, url = files.settings.smb_conf, f"ldapi://{files.settings.private}/ldap_priv/ldapi"
    assert LocalFiles.beside(url, conf).sysvol == files.sysvol
    conf.write_text(conf.read_text() + settings.format(place=tmp_path))
    with pytest.raises(NoFilesError, match=said):
        LocalFiles.beside(url, conf)
    with pytest.raises(NoFilesError, match="over the network"):
        LocalFiles.beside("ldaps://dc1.corp.example", conf)
    with pytest.raises(NoFilesError, match="there is no"):
        LocalFiles.beside(url, tmp_path / "no.conf")


# --- a database that cannot be read -----------------------------------------------------------------------------------


def test_a_database_that_cannot_be_read_takes_no_file_hostage(files: LocalFiles) -> None:
    (files.settings.private / "idmap.ldb").write_bytes(b"no database" * 1000)
    keeper = Keeper(files)
    assert "corp.example/logon.bat" in paths(keeper.rested())
    assert "idmap.ldb" in keeper.look.unread
    assert not keeper.look.databases_moved, "it is not tried all the time"
    with pytest.raises(LocalDatabaseError, match=r"idmap\.ldb"):
        files_now(files, time.sleep)


def test_a_database_that_is_gone_is_not_taken_for_empty(files: LocalFiles) -> None:
    shares = files.settings.state / "share_info.tdb"
    with LocalDatabases(files.settings.smb_conf) as databases:
        right = FileState(place=Place.SHARES, path="SECDESC/sysvol", kind=FileKind.ENTRY, attributes={"record": b"\1"})
        databases.write(Place.SHARES, [right])
        assert databases.read(Place.SHARES) == [right]
    keeper = Keeper(files)
    assert right in keeper.rested()
    shares.unlink()
    assert keeper.take() == []
    assert keeper.files[right.key] == right
    assert "share_info.tdb" in keeper.look.unread
