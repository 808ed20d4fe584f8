"""What is on the disk, and in which order it got there."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest

from adpersist.system.files import durable_file

Write = Callable[[Path, bytes], None]


def create(path: Path, content: bytes) -> None:
    with durable_file.created(path) as file:
        file.write(content)


def replace(path: Path, content: bytes) -> None:
    with durable_file.replaced(path) as file:
        file.write(content)


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What the system is asked, in order; every call is made."""
    asked: list[tuple[str, ...]] = []
    fsync, rename = os.fsync, os.rename

    def traced_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        asked.append(("fsync", str(path), "" if path.is_dir() else path.read_text()))
        fsync(descriptor)

    def traced_rename(old: str | Path, new: str | Path) -> None:
        asked.append(("rename", str(old), str(new)))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(os, "rename", traced_rename)
    return asked


def test_a_new_file_is_flushed_whole_and_then_its_directory(tmp_path: Path, trace: list[tuple[str, ...]]) -> None:
    create(tmp_path / "key", b"secret")
    assert trace == [("fsync", str(tmp_path / "key"), "secret"), ("fsync", str(tmp_path), "")]


def test_a_file_takes_a_name_only_when_it_is_flushed_whole(tmp_path: Path, trace: list[tuple[str, ...]]) -> None:
    (tmp_path / "c").write_text("old")
    replace(tmp_path / "c", b"new")
    half = trace[0][1]
    assert Path(half).parent == tmp_path
    assert trace == [("fsync", half, "new"), ("rename", half, str(tmp_path / "c")), ("fsync", str(tmp_path), "")]


@pytest.mark.parametrize("write", [create, replace])
def test_a_new_file_is_its_owners_alone(tmp_path: Path, write: Write) -> None:
    before = os.umask(0)
    try:
        write(tmp_path / "new", b"content")
    finally:
        os.umask(before)
    assert (tmp_path / "new").read_bytes() == b"content"
    assert (tmp_path / "new").stat().st_mode & 0o7777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o644])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    (tmp_path / "c").write_text("old")
    (tmp_path / "c").chmod(mode)
    replace(tmp_path / "c", b"new")
    assert (tmp_path / "c").read_text() == "new"
    assert (tmp_path / "c").stat().st_mode & 0o7777 == mode


def test_a_file_that_is_replaced_keeps_the_group_that_reads_it(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("old")
    (tmp_path / "c").chmod(0o640)
    group = max(os.getgroups(), default=os.getgid()) if os.geteuid() else 12345
    os.chown(tmp_path / "c", -1, group)
    replace(tmp_path / "c", b"new")
    assert ((tmp_path / "c").stat().st_gid, (tmp_path / "c").stat().st_mode & 0o7777) == (group, 0o640)


@pytest.mark.parametrize("target", ["elsewhere/real", "elsewhere/not-yet"])
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/real").write_text("old")
    (tmp_path / "c").symlink_to(target)
    replace(tmp_path / "c", b"new")
    assert (tmp_path / "c").readlink() == Path(target)
    assert (tmp_path / target).read_text() == "new"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize("there", ["a file", "a link that leads nowhere", "a directory"])
def test_what_is_there_is_never_created_again(tmp_path: Path, there: str) -> None:
    path = tmp_path / "key"
    match there:
        case "a file":
            path.write_text("old")
        case "a directory":
            path.mkdir()
        case _:
            path.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        create(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert not path.is_file() or path.read_text() == "old"


@pytest.mark.parametrize(("writing", "name"), [(durable_file.created, "new"), (durable_file.replaced, "old")])
@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_what_could_not_be_finished_is_not_left_behind(
    tmp_path: Path,
    writing: Callable[[Path], AbstractContextManager[BinaryIO]],
    name: str,
    stop: type[BaseException],
) -> None:
    create(tmp_path / "old", b"old")
    with pytest.raises(stop), writing(tmp_path / name) as file:
        file.write(b"half of i")
        raise stop
    assert [each.name for each in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_a_name_that_cannot_be_taken_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    with pytest.raises(IsADirectoryError):
        replace(tmp_path / "c", b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("write", [create, replace])
@pytest.mark.parametrize("path", ["/nowhere/at/all", "/proc/self/new", "/dev/null/new"])
def test_a_place_that_takes_no_file_is_the_systems_error(write: Write, path: str) -> None:
    with pytest.raises(OSError, match=r"No such file|Not a directory|not permitted"):
        write(Path(path), b"content")
