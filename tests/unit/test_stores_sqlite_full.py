"""A SQLite journal on a disk without any room: what the reserve is good for, and how the file shrinks."""

import itertools
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adpersist.errors import NoJournalError, StoreError, StoreFullError
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Frame, StoredHead
from adpersist.stores.registry import with_room_made
from adpersist.stores.sqlite import reserve
from adpersist.stores.sqlite.schema import PAGE_BYTES
from adpersist.stores.sqlite.shrinking import STEP_BYTES, compact, make_room
from adpersist.stores.sqlite.store import SqliteStore
from tests.unit.test_stores_sqlite import in_a_process, numbers, opened

_BODY_BYTES = 200_000
_KILLED = 9
_THAT_WRITE = ("BEGIN", "DELETE", "COMMIT", "VACUUM", "PRAGMA wal_checkpoint", "PRAGMA incremental_vacuum")


def large(store: SqliteStore, count: int) -> StoredHead:
    """A journal of so many incompressible frames, and a checkpoint nobody names."""
    head = store.create(b"head 0")
    for number in range(1, count + 1):
        head = store.append([Frame(seq=Seq(number), body=os.urandom(_BODY_BYTES))], onto=head, head=b"head %d" % number)
    store.put_checkpoint(Seq(7), [os.urandom(_BODY_BYTES) for _ in range(8)])
    return head


def made_by_an_earlier_version(path: Path) -> None:
    """Such a file never shrinks by itself."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA auto_vacuum = NONE")
        raw.execute("VACUUM")
        assert raw.execute("PRAGMA auto_vacuum").fetchone() == (0,)


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as raw:
        return bool(raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


def test_a_reserve_lies_beside_the_file_and_grows_with_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        store.create(b"")
    assert reserve.place_of(path).stat().st_size == 4 * reserve.LEAST_BYTES
    with closing(opened(path)) as store:
        head = store.head()
        for number in range(1, 31):
            head = store.append([Frame(seq=Seq(number), body=os.urandom(_BODY_BYTES))], onto=head, head=b"")
    with closing(opened(path)) as store:
        store.append([], onto=store.head(), head=b"")
    kept = reserve.place_of(path).stat()
    assert kept.st_blocks * 512 > 30 * _BODY_BYTES, "it has to hold the room, not only be long"
    assert kept.st_size <= reserve.MOST_BYTES


KIB, MIB = 1024, 1024 * 1024


@pytest.mark.parametrize(
    ("journal", "has", "free", "wanted"),
    [
        (MIB, 0, 1024 * MIB, 4 * MIB),
        (10 * KIB, 0, 1024 * MIB, MIB),
        (100 * MIB, 0, 1024 * MIB, 16 * MIB),
        (MIB, 0, 10 * MIB, 2 * MIB),
        (MIB, 0, 5 * MIB, MIB),
        (MIB, 0, 5 * MIB - 1, None),
        (100 * MIB, 0, 40 * MIB, 8 * MIB),
        (100 * MIB, 0, 40 * MIB - 1, None),
        (MIB, 2 * MIB, 1024 * MIB, 4 * MIB),
        (MIB, 2 * MIB + 1, 1024 * MIB, None),
        (MIB, MIB, 9 * MIB, 2 * MIB),
    ],
    ids=[
        "four times a small journal",
        "of a tiny one as well",
        "and no more than is needed",
        "a fifth of what is free",
        "as large as the journal at least",
        "less would not do",
        "half of the most will do for a large one",
        "but less than that would not",
        "twice as large pays",
        "less than twice does not",
        "what it has is free, too",
    ],
)
def test_the_reserve_is_as_large_as_the_journal_and_the_disk_let_it(
    journal: int, has: int, free: int, wanted: int | None
) -> None:
    assert reserve.size_for(journal, has=has, free=free) == wanted


def test_where_no_reserve_can_be_made_everything_else_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "journal.db"
    reserve.place_of(path).symlink_to(tmp_path / "somebody's file")
    with closing(opened(path)) as store:
        assert store.create(b"").seq == 0
    assert not (tmp_path / "somebody's file").exists(), "it followed a link"
    assert "store.no_reserve" in "".join(capfd.readouterr())


def test_what_makes_room_is_done_again_in_the_reserve_and_what_has_none_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, tries = tmp_path / "journal.db", [0]

    def act() -> int:
        tries[0] += 1
        if tries[0] < 2:
            raise StoreFullError("full")
        return tries[0]

    with closing(opened(path)) as store:
        store.create(b"")
    assert with_room_made(f"sqlite://{path}", act) == (2, True)
    assert "store.reserve_given_up" in "".join(capfd.readouterr())
    tries[0] = 0
    with pytest.raises(StoreFullError):
        with_room_made("memory://x", act)


def test_a_reserve_is_given_up_once_and_one_that_cannot_be_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        store.create(b"")
    assert reserve.give_up(path) == 4 * reserve.LEAST_BYTES
    assert reserve.give_up(path) == 0
    reserve.place_of(path).mkdir()
    with pytest.raises(StoreError, match=r"journal\.db-reserve"):
        reserve.give_up(path)


def test_who_makes_no_room_gets_half_of_the_reserve_and_never_what_a_prune_cannot_do_without(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        store.create(b"")
    kept = reserve.place_of(path)
    assert reserve.give_up(path, spare_prune=True) == 2 * reserve.LEAST_BYTES
    assert kept.stat().st_blocks * 512 == 2 * reserve.LEAST_BYTES
    assert reserve.give_up(path, spare_prune=True) == reserve.LEAST_BYTES
    assert make_room(path, spare_prune=True) is False
    assert reserve.give_up(path) == reserve.LEAST_BYTES
    assert not kept.exists()


def test_where_there_is_nothing_to_give_nothing_is_made_of_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        store.create(b"")
    assert make_room(path) is True
    reserve.place_of(path).unlink()
    assert make_room(path) is False
    blank = tmp_path / "blank.db"
    blank.touch()
    with pytest.raises(NoJournalError):
        compact(blank, busy_timeout_s=1)
    assert blank.stat().st_size == 0


def test_a_disk_without_any_room_is_pruned_in_the_reserve_and_shrinks(tmp_path: Path) -> None:
    told = in_a_process(
        f"""
import errno
from adpersist.stores.registry import with_room_made
from adpersist.stores.sqlite import reserve
from tests.unit.test_stores_sqlite_full import *
ground = Path({str(tmp_path)!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", ground], check=True)
path = ground / "journal.db"
store = opened(path)
head = large(store, 60)
store.close()
store = opened(path)
head = store.append([], onto=head, head=b"head 60")  # the reserve has grown with the file
store.close()
with (ground / "ballast").open("wb", buffering=0) as ballast:
    try:
        while True:
            ballast.write(bytes(4096))
    except OSError as error:
        assert error.errno == errno.ENOSPC
store = opened(path)
assert store.head() == head  # what only reads needs no room
print(len(numbers(store)))
try:
    store.trim(through=Seq(40))
except StoreFullError as error:
    print("prune" in error.hint)
before = path.stat().st_size
with_room_made(f"sqlite://{{path}}", lambda: (store.drop_checkpoint(Seq(7)), store.trim(through=Seq(40))))
assert store.head() == head
print(numbers(store) == list(range(41, 61)), store.checkpoints())
head = store.append(one(61, b"y" * 100_000), onto=head, head=b"head 61")
store.close()
print(path.stat().st_size < 2 * 20 * 200_000, is_sound(path))
(ground / "ballast").unlink()
store = opened(path)
store.append([], onto=head, head=b"again")
print(reserve.place_of(path).exists())
""",
        unshared=True,
    )
    said = [line for line in told.split("\n") if "store.reserve_given_up" not in line]
    assert said == ["60", "True", "True []", "True True", "True"]


@pytest.mark.parametrize("earlier", [False, True])
def test_all_that_is_free_is_given_back_when_asked(tmp_path: Path, earlier: bool) -> None:
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        head = large(store, 30)
    if earlier:
        made_by_an_earlier_version(path)
    with closing(opened(path)) as store, closing(opened(path)) as beside:
        assert beside.head() == head
        store.drop_checkpoint(Seq(7))
        store.trim(through=Seq(20))
        store._file.fold(shorten=True)
        before = path.stat().st_size
        # by itself it keeps a quarter for what comes next; one that an earlier version made keeps all
        assert before > 30 * _BODY_BYTES if earlier else before < 15 * _BODY_BYTES
        told: list[int] = []
        assert compact(path, busy_timeout_s=1, progress=told.append) == before - path.stat().st_size > 0
        assert told == sorted(told, reverse=True) != [], "what is still to go"
        assert all(0 < each <= before and each % PAGE_BYTES == 0 for each in told), "in bytes, of whole pages"
        assert path.with_name(path.name + "-wal").stat().st_size == 0, "nor does the log keep any of it"
        assert path.stat().st_size < 11.5 * _BODY_BYTES
        assert numbers(beside) == list(range(21, 31)), "whoever has it open reads on"
        head = beside.append([Frame(seq=Seq(31), body=b"x")], onto=head, head=b"")
        assert store.head() == head
    assert is_sound(path)
    with closing(opened(path)) as store:
        store.trim(through=Seq(31))
        store._file.fold(shorten=True)
    assert path.stat().st_size < 2 * _BODY_BYTES, "from now on it shrinks by itself"


def test_writing_an_earlier_file_anew_asks_for_room_first(tmp_path: Path) -> None:
    told = in_a_process(
        f"""
from tests.unit.test_stores_sqlite_full import *
ground = Path({str(tmp_path)!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", ground], check=True)
path = ground / "journal.db"
store = opened(path)
head = large(store, 30)
store.trim(through=Seq(5))
store.close()
made_by_an_earlier_version(path)
held = path.read_bytes()
try:
    compact(path, busy_timeout_s=1)
except StoreFullError as error:
    print("earlier version" in error.message, "copy" in error.hint)
print(path.read_bytes() == held)
""",
        unshared=True,
    )
    assert told.split("\n") == ["True True", "True"]


def test_one_step_of_a_prune_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        large(store, 60)
        log = path.with_name(path.name + "-wal").stat().st_size
        assert log < 6 * MIB, "it is brought into the file before it is much larger than with pages of four kilobytes"
        store._file.fold(shorten=True)
        store.drop_checkpoint(Seq(7))
        store.trim(through=Seq(60))
        log = path.with_name(path.name + "-wal").stat().st_size
    assert log < 3 * STEP_BYTES < reserve.MOST_BYTES, "the reserve of a large journal has to suffice for a step"


def dies(act: Callable[[], object], *, before: int) -> bool:
    """Whether a process that does it died before that statement of those that write; False: it came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        connect, left = sqlite3.connect, itertools.count(before - 1, -1)

        def count(statement: str) -> None:
            if statement.startswith(_THAT_WRITE) and next(left) == 0:
                os._exit(_KILLED)

        def mortal(*args: Any, **kwargs: Any) -> sqlite3.Connection:  # noqa: ANN401 sqlite3's own
            connection: sqlite3.Connection = connect(*args, **kwargs)
            connection.set_trace_callback(count)
            return connection

        sqlite3.connect = mortal  # type: ignore[assignment] # our copy of the process ends with it
        try:
            act()
            code = 0
        finally:  # or this process would go on with the next test
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, _KILLED)
    return code == _KILLED


@pytest.mark.parametrize("earlier", [False, True])
def test_killed_before_any_write_nothing_that_is_kept_is_lost(tmp_path: Path, earlier: bool) -> None:
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        head = large(store, 16)
        kept = [frame.body for frame in store.frames(after=Seq(14))]
    if earlier:
        made_by_an_earlier_version(path)
    whole = path.read_bytes()

    def upkeep() -> None:
        with closing(opened(path)) as mine:
            mine.drop_checkpoint(Seq(7))
            mine.trim(through=Seq(14))
        compact(path, busy_timeout_s=1)

    deaths, sizes = 0, set()
    while True:
        for beside in ("", "-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        path.write_bytes(whole)
        if not dies(upkeep, before=deaths + 1):
            break
        deaths += 1
        with closing(opened(path)) as store:
            assert store.head() == head
            assert [frame.body for frame in store.frames(after=Seq(14))] == kept
            sizes.add(len(numbers(store)))
        assert is_sound(path)
    assert deaths > 20, "it died too seldom to tell"
    assert {16, 2} < sizes, "no death fell between two steps"
    assert path.stat().st_size < 3 * _BODY_BYTES
