"""What an open SQLite store makes of hands that are laid on its files, or on those that SQLite keeps beside them."""

import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from adpersist.agent.doctor.finding import Grade
from adpersist.agent.doctor.place import DISK, examine_place
from adpersist.errors import ConfigError, OutcomeUnknownError
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Frame
from adpersist.stores.registry import salvaged
from adpersist.stores.sqlite import reserve
from adpersist.stores.sqlite.errors import DamagedFileError
from adpersist.stores.sqlite.file import has_wal
from adpersist.stores.sqlite.shrinking import compact
from adpersist.stores.sqlite.store import SqliteStore
from tests.unit.test_stores_sqlite import filled, in_a_process, numbers, one, opened

_BODY_BYTES = 50_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of some pages, and nothing in its log."""
    made = tmp_path / "journal.db"
    with closing(opened(made)) as store:
        head = store.create(b"")
        for number in range(1, 31):
            head = store.append([Frame(seq=Seq(number), body=os.urandom(_BODY_BYTES))], onto=head, head=b"")
    return made


def used(path: Path) -> SqliteStore:
    """One that has read and written, as an agent's has, and remembers what it read."""
    store = opened(path)
    assert len(numbers(store)) == 30
    head = store.head()
    store.append([], onto=head, head=b"used")
    assert store.head().body == b"used"
    return store


@pytest.mark.parametrize("left", [0.5, 0.8])
@pytest.mark.parametrize("writing", [False, True])
def test_a_file_that_was_cut_off_is_gone_on_with_by_nobody(path: Path, left: float, writing: bool) -> None:
    with closing(used(path)) as store:
        head = store.head()
        os.truncate(path, int(path.stat().st_size * left))
        with pytest.raises(DamagedFileError, match=r"cut off|malformed"):
            if writing:
                store.append(one(31), onto=head, head=b"more")
            else:
                store.head()


def test_a_file_that_got_shorter_as_somebody_pruned_it_is_gone_on_with(path: Path) -> None:
    with closing(used(path)) as store:
        before = path.stat().st_size
        with closing(opened(path)) as other:
            other.trim(through=Seq(29))
        compact(path, busy_timeout_s=1)
        assert path.stat().st_size < before / 2
        head = store.append(one(31), onto=store.head(), head=b"more")
        assert store.head() == head
        assert numbers(store) == [30, 31]


@pytest.mark.parametrize("gone", [("-wal",), ("-wal", "-shm")])
def test_what_lies_in_a_log_that_was_taken_away_is_not_lost(tmp_path: Path, gone: tuple[str, ...]) -> None:
    path = tmp_path / "journal.db"
    told = in_a_process(f"""
store = opened(Path({str(path)!r}))
head = filled(store, 3)
for each in {gone!r}:
    Path({str(path)!r} + each).unlink()
head = store.append(one(4), onto=head, head=b"head 4")
head = store.append(one(5), onto=head, head=b"head 5")
print("acknowledged", flush=True)
os._exit(0)  # as one that is killed: nothing is brought anywhere any more
""")
    assert "acknowledged" in told
    with closing(opened(path)) as store:
        assert store.head().body == b"head 5"
        assert numbers(store) == [1, 2, 3, 4, 5]


def test_a_log_that_is_taken_away_during_a_commit_is_not_lost_either(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    in_a_process(f"""
store = opened(Path({str(path)!r}))
head = filled(store, 3)
with store._file.writing() as connection:
    connection.execute("UPDATE journal SET token = 'x'")
    Path({str(path)!r} + "-wal").unlink()
os._exit(0)
""")
    with closing(opened(path)) as store:
        assert store.head().token == "x"


def test_another_log_in_its_place_is_no_log_to_commit_into(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    log = path.with_name("journal.db-wal")
    with closing(opened(path)) as store:
        head = filled(store, 3)
        content = log.read_bytes()
        log.unlink()
        log.write_bytes(content)
        with pytest.raises(OutcomeUnknownError, match="another log"):
            store.append(one(4), onto=head, head=b"head 4")


def test_a_disk_that_went_read_only_is_told_from_a_lack_of_rights() -> None:
    told = in_a_process(
        """
import tempfile
from adpersist.agent.doctor.place import examine_place
ground = Path(tempfile.mkdtemp())
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", ground], check=True)
store = opened(ground / "journal.db")
head = filled(store, 1)
store.close()
subprocess.run(["mount", "-o", "remount,ro", ground], check=True)
print(store.head().seq)
try:
    store.append(one(2), onto=head, head=b"")
except StoreReadOnlyError as error:
    print("dmesg" in error.hint)
print([each.grade.value for each in examine_place(f"sqlite://{ground}/journal.db", []) if "read-only" in each.says])
""",
        unshared=True,
    )
    assert told.splitlines() == ["1", "True", "['bad']"]


@pytest.fixture
def linked(path: Path, tmp_path: Path) -> Path:
    """A link from another directory to the file."""
    folder = tmp_path / "etc"
    folder.mkdir()
    link = folder / "journal.db"
    link.symlink_to(path)
    return link


def test_what_lies_beside_a_linked_file_lies_beside_the_file(path: Path, linked: Path) -> None:
    reserve.place_of(path).unlink()
    with closing(used(linked)) as store:
        store.append(one(31), onto=store.head(), head=b"more")
        assert has_wal(linked)
        assert reserve.place_of(path).exists(), "room is kept on the disk that may be full"
        path.with_name("journal.db-wal").unlink()
        assert store.head().body == b"more"
    assert [each.name for each in linked.parent.iterdir()] == ["journal.db"]
    with closing(opened(path)) as store:
        assert store.head().body == b"more"


def test_a_linked_file_that_is_damaged_is_written_anew_where_it_lies(path: Path, linked: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)
    done = salvaged(f"sqlite://{linked}")
    assert done is not None
    assert done.kept.parent == path.parent
    assert linked.is_symlink()
    with closing(opened(path)) as store:
        assert store.head().seq == 30


def test_the_doctor_asks_where_a_linked_file_lies(path: Path, linked: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        moved = Path(elsewhere, "journal.db")
        shutil.move(path, moved)
        linked.unlink()
        linked.symlink_to(moved)
        [disk, *_] = examine_place(f"sqlite://{linked}", [path.parent])
        assert (disk.about, disk.grade) == (DISK, Grade.OK)
        assert elsewhere in disk.says


def test_a_pipe_in_the_files_place_is_not_waited_for(path: Path) -> None:
    with closing(used(path)) as store:
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(ConfigError, match="a pipe"):
            store.head()
