"""A look at the directories that the kernel names finds what a look at everything does."""

import gc
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adpersist.files.local_files import LocalFiles
from adpersist.files.looking import reading
from adpersist.files.looking.file_look import FileLook
from adpersist.files.looking.sysvol_walk import DEEPEST
from adpersist.files.looking.waking import Waker
from tests.cases import cases
from tests.unit.shares import share

_TICK_S = 0.01
"""Two writes within one tick of the kernel's clock show no difference: what REST_NS is for, which these do without."""


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are whole whenever they are looked at."""
    monkeypatch.setattr(reading, "REST_NS", 0)


def _share(place: Path) -> LocalFiles:
    found = share(place)
    for folder in ("corp/Policies/a/b", "corp/Policies/b", "corp/scripts/a"):
        (found.sysvol / folder).mkdir(parents=True)
        (found.sysvol / folder / "f").write_bytes(folder.encode())
    return found


class Watching:
    """Looks where the waker says, and may be compared with one that looks everywhere."""

    def __init__(self, files: LocalFiles, waker: Waker) -> None:
        self.files, self.waker = files, waker
        self.look = FileLook(files, {}, waker)
        self.within: set[str] | None = None

    def refresh(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """One more look; ``meanwhile`` happens in the middle of it."""
        time.sleep(_TICK_S)
        self.within = self.waker.take()
        if self.within is not None:
            self.within |= self.look.unrested_within
        told = self.look.news(lambda: None, within=self.within)
        for number, _ in enumerate(told):
            if number == 0:
                meanwhile()
        self.look.told_all()

    def is_right(self) -> bool:
        """It knows what is there."""
        whole = FileLook(self.files, {})
        for _ in whole.news(lambda: None):
            pass
        whole.told_all()
        return dict(whole.known) == dict(self.look.known)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    with Waker() as waker:
        assert waker.is_watching
        found = Watching(_share(tmp_path), waker)
        found.refresh()
        yield found


_NAMES = st.sampled_from(["a", "b", "f", "g"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_DEEDS = st.tuples(
    st.sampled_from(["write", "mkdir", "remove", "move", "mode", "attribute", "link", "socket", "fill", "touch"]),
    _PATHS,
    _PATHS,
)


def _do(root: Path, deed: str, path: Path, other: Path) -> None:
    """Somebody's deed, where it can be done."""
    match deed:
        case "write":
            path.write_bytes(str(other).encode())
        case "mkdir":
            path.mkdir(parents=True)
        case "fill":
            (path / "a").mkdir(parents=True)
            (path / "a" / "f").write_bytes(b"filled")
        case "remove":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        case "move":
            path.rename(other)
        case "mode":
            path.chmod(0o700 if path.stat().st_mode & 0o70 else 0o770)
        case "attribute":
            os.setxattr(path, "user.note", str(other).encode())
        case "link":
            path.symlink_to(other.relative_to(root))
        case "socket":
            os.mknod(path, stat.S_IFSOCK | 0o600)
        case _:
            path.touch()


@settings(max_examples=cases(40))
@given(batches=st.lists(st.lists(_DEEDS, min_size=1, max_size=6), min_size=1, max_size=4), between=st.lists(_DEEDS))
def test_whatever_is_done_below_the_share_is_found_where_the_kernel_says(
    batches: list[list[tuple[str, str, str]]], between: list[tuple[str, str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as place, Waker() as waker:
        watching = Watching(_share(Path(place)), waker)
        watching.refresh()
        root = watching.files.sysvol / "corp"

        def do(deeds: list[tuple[str, str, str]]) -> None:
            for deed, path, other in deeds:
                with suppress(OSError):  # not there, there already, below itself: nobody could have done it
                    _do(root, deed, root / path, root / other)

        for batch in batches:
            do(batch)
            watching.refresh(lambda: do(between))
            watching.refresh()
            assert watching.within is not None, "it looked everywhere"
            assert watching.is_right()


def test_a_changed_file_has_one_directory_looked_at(watching: Watching) -> None:
    policies = watching.files.sysvol / "corp" / "Policies"
    (policies / "a" / "f").write_bytes(b"changed")
    watching.refresh()
    assert watching.within == {"corp/Policies/a"}
    assert watching.is_right()
    watching.refresh()
    assert watching.within == set(), "nothing happened"


def test_a_folder_that_was_renamed_is_watched_where_it_is_now(watching: Watching) -> None:
    policies = watching.files.sysvol / "corp" / "Policies"
    (policies / "a").rename(policies / "c")
    watching.refresh()
    assert watching.is_right()
    (policies / "c" / "b" / "f").write_bytes(b"changed")
    watching.refresh()
    assert watching.within == {"corp/Policies/c/b"}
    assert watching.is_right()


def test_a_folder_that_became_a_file_takes_with_it_what_was_in_it(watching: Watching) -> None:
    folder = watching.files.sysvol / "corp" / "Policies" / "a"
    shutil.rmtree(folder)
    folder.write_bytes(b"a file")
    watching.refresh()
    assert watching.is_right()


def test_events_that_the_kernel_dropped_have_everything_looked_at(watching: Watching) -> None:
    queue = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    one, two = (watching.files.sysvol / "corp" / "scripts" / "a" / name for name in ("one", "two"))
    for _ in range(queue // 4 + 1):  # made and written to, twice: equal events in a row are one
        one.write_bytes(b"")
        two.write_bytes(b"")
        one.unlink()
        two.unlink()
    watching.refresh()
    assert watching.within is None
    assert watching.is_right()


def test_a_share_whose_disk_is_away_loses_nothing(watching: Watching) -> None:
    sysvol = watching.files.sysvol
    known = dict(watching.look.known)
    (sysvol / "corp").rename(sysvol.parent / "away")
    (sysvol / "corp").mkdir()
    watching.refresh()
    assert watching.within is not None
    assert dict(watching.look.known) == known
    assert "is it mounted?" in watching.look.not_captured[""]
    (sysvol / "corp").rmdir()
    (sysvol.parent / "away").rename(sysvol / "corp")
    watching.refresh()
    assert watching.is_right()


def test_a_folder_made_anew_under_the_name_and_inode_of_another_is_looked_into_at_once(watching: Watching) -> None:
    """ext4 gives the number of what was deleted to what is made next: only the kernel's word tells the two apart."""
    folder = watching.files.sysvol / "corp/scripts/a"
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "new.bat").write_bytes(b"new")
    before = watching.look._found.shown["corp/scripts/a"]
    watching.look._found.shown["corp/scripts/a"] = before._replace(inode=folder.stat().st_ino)
    watching.refresh()
    assert watching.within is not None
    assert "corp/scripts/a" in watching.within
    assert watching.is_right()


def test_what_is_below_a_folder_made_anew_is_looked_into_whatever_its_inode(watching: Watching) -> None:
    """It was there before anybody could be told of it."""
    folder = watching.files.sysvol / "corp/Policies/a"
    (folder / "b" / "f").unlink()
    watching.refresh()
    shutil.rmtree(folder)
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "new.bat").write_bytes(b"new")
    for path in ("corp/Policies/a", "corp/Policies/a/b"):
        before = watching.look._found.shown[path]
        inode = (watching.files.sysvol / path).stat().st_ino
        watching.look._found.shown[path] = before._replace(inode=inode)
    watching.refresh()
    assert watching.within is not None
    assert watching.is_right()


def test_a_file_made_a_folder_under_the_inode_of_that_file_is_looked_into_at_once(watching: Watching) -> None:
    file = watching.files.sysvol / "corp/scripts/a/f"
    file.unlink()
    file.mkdir()
    (file / "below").write_bytes(b"new")
    before = watching.look._found.shown["corp/scripts/a/f"]
    watching.look._found.shown["corp/scripts/a/f"] = before._replace(inode=file.stat().st_ino)
    watching.refresh()
    assert watching.is_right()


def test_a_folder_of_smbd_is_no_folder_until_it_has_its_name(watching: Watching) -> None:
    made = watching.files.sysvol / "corp/.::TMPNAME:D:1:x"
    made.mkdir()
    (made / "f").write_bytes(b"f")
    watching.refresh()
    assert not any("TMPNAME" in path for _, path in watching.look.known)
    made.rename(made.with_name("named"))
    watching.refresh()
    assert watching.is_right()
    assert any(path == "corp/named/f" for _, path in watching.look.known)


def test_folders_deeper_than_anybody_needs_are_named_and_keep_nothing_else(watching: Watching) -> None:
    """Whoever may write a policy could else end the agent with folders in folders."""
    top, names = os.open(watching.files.sysvol / "corp", os.O_RDONLY), 700
    at = top
    for _ in range(names):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    (watching.files.sysvol / "corp" / "z").write_bytes(b"after it")
    for _ in range(3):
        watching.refresh()
    assert any(path == "corp/z" for _, path in watching.look.known)
    (named,) = (path for path in watching.look.not_captured if path.startswith("corp/d"))
    assert named.count("/") == DEEPEST
    assert "more than 128 folders" in watching.look.not_captured[named]
    assert watching.is_right()
    subprocess.run(["rm", "-rf", str(watching.files.sysvol / "corp" / "d")], check=True, timeout=60)
    watching.refresh()
    assert watching.is_right()


def test_a_signal_while_watching_begins_leaves_nothing_to_complain_about(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    said: list[object] = []
    monkeypatch.setattr("ctypes.CDLL", stopped)
    monkeypatch.setattr("sys.unraisablehook", said.append)
    with pytest.raises(KeyboardInterrupt) as met:
        Waker()
    met.value.__traceback__ = None
    del met
    gc.collect()
    assert not said
