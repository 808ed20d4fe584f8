"""In what steps the SQLite store reads, keeps, deletes and gives back, by the statements that SQLite is told to run.

A step is what a writer beside it waits for, and what a full disk's reserve has to hold. Commits that are only many, or
only large, are put into the file by a statement of SQLite's own.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from adpersist.errors import IntegrityError, NoJournalError, StoreFullError
from adpersist.model.identity.ids import Seq
from adpersist.stores.sqlite.schema import PAGE_BYTES as PAGE
from adpersist.stores.sqlite.shrinking import compact, make_room, shrink
from adpersist.stores.sqlite.store import SqliteStore, journals_in
from tests.unit.test_stores_sqlite import JOURNAL, filled, numbers, one, opened
from tests.unit.test_stores_sqlite_full import made_by_an_earlier_version
from tests.unit.test_stores_sqlite_letting_go import held

MIB = 1_048_576
KEPT = ("BEGIN", "COMMIT", "SELECT seq, body", "DELETE", "INSERT", "PRAGMA wal_checkpoint", "PRAGMA incremental_vacuum")
FOLD = "PRAGMA wal_checkpoint(PASSIVE)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(opened(path)) as made:
        made.create(b"head 0")
        yield made


def put_frames(path: Path, sizes: Sequence[int]) -> None:
    """So many frames of these sizes, of nothing, behind one another; the head names the last."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.executemany("INSERT INTO frame VALUES (1, ?, zeroblob(?))", enumerate(sizes, start=1))
        raw.execute("UPDATE journal SET seq = ?", (len(sizes),))


def put_parts(path: Path, sizes: Sequence[int]) -> None:
    """The same as the parts of checkpoint 7."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO checkpoint VALUES (1, 7)")
        raw.executemany("INSERT INTO checkpoint_part VALUES (1, 7, ?, zeroblob(?))", enumerate(sizes))


def listened(store: SqliteStore) -> list[str]:
    """The statements that the store runs from now on, with their numbers in them."""
    run: list[str] = []
    with store._file.maintaining() as connection:
        connection.set_trace_callback(lambda sql: run.append(sql) if sql.startswith(KEPT) else None)
    return run


def last_numbers(run: list[str], begins: str) -> list[int]:
    """The last number in each statement that begins so."""
    return [int(re.findall(r"\d+", each)[-1]) for each in run if each.startswith(begins)]


# --- reading ---


@pytest.mark.parametrize(
    ("sizes", "pages"),
    [
        ([1] * 1000, [0]),
        ([1] * 1001, [0, 1000]),
        ([MIB] * 9, [0, 4, 8]),
        ([MIB, MIB, MIB, MIB - 1, 1, 1], [0, 5]),
        ([3 * MIB, MIB + 1, 1], [0, 2]),
        ([MIB] * 4, [0]),
    ],
    ids=["many", "one more", "large", "one byte less", "one byte more", "no look behind the last"],
)
def test_a_page_of_commits_is_bounded_in_number_and_in_size(
    store: SqliteStore, path: Path, sizes: list[int], pages: list[int]
) -> None:
    """A reader holds one in memory, and the log waits for whoever reads."""
    put_frames(path, sizes)
    run = listened(store)
    assert [len(frame.body) for frame in store.frames(after=Seq(0))] == sizes
    asked = [re.search(r"seq > (\d+) AND seq <= (\d+) ORDER BY seq LIMIT 1000$", each) for each in run]
    assert [(int(each[1]), int(each[2])) for each in asked if each] == [(after, len(sizes)) for after in pages]


# --- deleting ---


@pytest.mark.parametrize(
    ("sizes", "ends"),
    [
        ([1] * 1001, [500, 1000, 1001]),
        ([MIB] * 5, [2, 4, 5]),
        ([MIB, MIB, 1], [2, 3]),
        ([MIB, MIB - 1, 1, 1], [3, 4]),
        ([3 * MIB, 1], [1, 2]),
        ([1, 3 * MIB, 1], [1, 2, 3]),
    ],
    ids=["many", "large", "just as much", "no byte more", "one that is larger", "one that is larger between"],
)
def test_each_step_of_a_prune_is_bounded_and_brought_into_the_file(
    store: SqliteStore, path: Path, sizes: list[int], ends: list[int]
) -> None:
    put_frames(path, [*sizes, 1])
    run = listened(store)
    store.trim(through=Seq(len(sizes)))
    assert last_numbers(run, "DELETE FROM frame") == ends
    kinds = [each.split(" FROM")[0] for each in run]
    step = ["BEGIN IMMEDIATE", "DELETE", "COMMIT", FOLD]
    assert kinds[: 4 * len(ends) + 2] == step * len(ends) + ["BEGIN IMMEDIATE", "COMMIT"]
    assert numbers(store) == [len(sizes) + 1]


def test_a_checkpoint_is_dropped_from_its_end_in_such_steps(store: SqliteStore, path: Path) -> None:
    """What is left in between is a beginning, which is recognized as no checkpoint."""
    put_parts(path, [1] * 10 + [MIB] * 3 + [1] * 498)
    run = listened(store)
    store.drop_checkpoint(Seq(7))
    assert last_numbers(run, "DELETE FROM checkpoint_part") == [12, 10, 0]
    step = ["BEGIN IMMEDIATE", "DELETE FROM checkpoint_part", "COMMIT", FOLD]
    kinds = [each.split(" WHERE")[0] for each in run]
    assert kinds[:12] == step * 3
    assert kinds[12:17] == ["BEGIN IMMEDIATE", "COMMIT", "BEGIN IMMEDIATE", "DELETE FROM checkpoint", "COMMIT"]
    assert (store.checkpoints(), list(store.checkpoint(Seq(7)))) == ([], [])


# --- keeping ---


def test_a_large_checkpoint_is_brought_into_the_file_as_it_grows(store: SqliteStore) -> None:
    """Or all of it would lie in the write-ahead log first."""
    run = listened(store)
    sizes = [MIB, MIB, 1, MIB, MIB, 1, MIB, MIB]
    store.put_checkpoint(Seq(7), map(bytes, sizes))
    parts = [each for each in run if each.startswith(("INSERT OR REPLACE", FOLD))]
    assert [at for at, each in enumerate(parts) if each == FOLD] == [3, 7]
    assert [len(part) for part in store.checkpoint(Seq(7))] == sizes


# --- giving back ---


def pages_of(path: Path) -> tuple[int, int]:
    """Of all, those that are free."""
    with closing(sqlite3.connect(path)) as raw:
        (count,), (free,) = (raw.execute(f"PRAGMA {each}").fetchone() for each in ("page_count", "freelist_count"))
        return count, free


def log_bytes(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


def test_a_quarter_stays_free_for_what_comes_next_and_the_rest_is_given_back_in_steps(
    store: SqliteStore, path: Path
) -> None:
    put_frames(path, [MIB] * 12)
    before, _ = pages_of(path)
    run, told = listened(store), list[int]()
    store.trim(through=Seq(6))
    count, free = pages_of(path)
    steps = last_numbers(run, "PRAGMA incremental_vacuum")
    assert max(steps) == 2 * MIB // PAGE, "as large as one that deletes"
    assert count < before - 2 * MIB // PAGE
    assert run[-1] == "PRAGMA wal_checkpoint(TRUNCATE)"
    begun = [at for at, each in enumerate(run) if each.startswith("PRAGMA incremental_vacuum")]
    assert {run[at + 1] for at in begun} == {FOLD}, "each is brought into the file"
    assert (path.stat().st_size, log_bytes(path)) == (count * PAGE, 0), "the disk has it"
    assert count // 5 < free <= count // 4
    shrink(store._file, spare_some=False, progress=told.append)
    assert told == [free * PAGE, free * PAGE - 2 * MIB], "what is still to go"
    left, unused = pages_of(path)
    assert (unused, path.stat().st_size) == (0, left * PAGE)
    assert count - free - 1 <= left <= count - free, "one page may have been of those that say where pages are"
    assert numbers(store) == list(range(7, 13))


def test_what_a_checkpoint_took_is_given_back_with_it(store: SqliteStore, path: Path) -> None:
    put_parts(path, [MIB] * 4)
    store.drop_checkpoint(Seq(7))
    assert path.stat().st_size < MIB


def test_where_nothing_is_to_be_given_back_the_log_keeps_its_room(store: SqliteStore, path: Path) -> None:
    store.append(one(1, bytes(100_000)), onto=store.head(), head=b"head 1")
    before = log_bytes(path)
    store.trim(through=Seq(0))
    assert log_bytes(path) == before > 100_000


def test_one_page_that_is_free_is_given_back_as_well(store: SqliteStore, path: Path) -> None:
    put_frames(path, [3 * PAGE // 2])
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM frame")
    count, free = pages_of(path)
    assert free == 1
    assert (compact(path, busy_timeout_s=1), pages_of(path)) == (PAGE, (count - 1, 0))


class Room(NamedTuple):
    """As shutil tells it."""

    free: int


@pytest.mark.parametrize("less", [0, 1])
def test_a_file_that_is_written_anew_takes_twice_what_is_in_use(
    path: Path, monkeypatch: pytest.MonkeyPatch, less: int
) -> None:
    with closing(opened(path)) as store:
        filled(store, 3)
        put_frames_behind(path)
    made_by_an_earlier_version(path)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM frame WHERE seq > 3")
    count, free = pages_of(path)
    assert free > 2 * (count - free), "what is free counts for nothing"
    wanted = 2 * (count - free) * PAGE
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(wanted - less))
    if less:
        with pytest.raises(StoreFullError, match=f"takes {wanted / 1e6:.0f} MB"):
            compact(path, busy_timeout_s=1)
        assert pages_of(path) == (count, free)
    else:
        assert compact(path, busy_timeout_s=1) == (count - pages_of(path)[0]) * PAGE > 0
        assert pages_of(path)[1] == 0


def put_frames_behind(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.executemany("INSERT INTO frame VALUES (1, ?, zeroblob(?))", [(number, MIB) for number in range(4, 7)])


def test_what_is_given_back_is_counted_with_what_still_lay_in_the_log(store: SqliteStore, path: Path) -> None:
    store.append(one(1, bytes(500_000)), onto=store.head(), head=b"head 1")
    assert path.stat().st_size < log_bytes(path)
    assert (compact(path, busy_timeout_s=1), log_bytes(path)) == (0, 0), "nothing was free"


def test_making_room_empties_the_log_as_well(store: SqliteStore, path: Path) -> None:
    store.append(one(1, bytes(500_000)), onto=store.head(), head=b"head 1")
    assert (make_room(path), log_bytes(path)) == (True, 0)


# --- what is there ---


def test_journals_are_listed_those_with_a_spare_alone_too_and_the_file_is_let_go_of(path: Path) -> None:
    other, lost = "f" * 32, "0" * 32
    for journal in (other, lost, JOURNAL):
        with closing(SqliteStore(path, journal=journal)) as store:
            assert store.location == f"sqlite://{path}"
            store.append([], onto=store.create(b""), head=b"", spare=journal != other)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM journal WHERE name = ?", (lost,))
    assert journals_in(path) == [lost, JOURNAL, other]
    assert held(path) == []
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DROP TABLE spare")  # as an earlier version has it
    assert journals_in(path) == [JOURNAL, other]


def test_in_an_empty_file_there_is_nothing_of_anything(path: Path) -> None:
    path.touch()
    assert journals_in(path) == []
    with closing(opened(path)) as store:
        assert store.spare() is None
        for act in (store.head, store.checkpoints, lambda: store.trim(through=Seq(1))):
            with pytest.raises(NoJournalError, match=f"holds no journal {JOURNAL}") as missing:
                act()
            assert missing.value.hint
    assert path.stat().st_size == 0


def test_of_a_journal_that_is_not_there_nothing_is_read_or_kept(store: SqliteStore, path: Path) -> None:
    onto = store.head()
    with closing(SqliteStore(path, journal="f" * 32)) as other:
        for act in (
            other.head,
            other.checkpoints,
            lambda: list(other.frames(after=Seq(0), through=Seq(9))),
            lambda: list(other.checkpoint(Seq(1))),
            lambda: other.append(one(1), onto=onto, head=b"h"),
            lambda: other.put_checkpoint(Seq(1), []),
            lambda: other.drop_checkpoint(Seq(1)),
            lambda: other.trim(through=Seq(9)),
        ):
            with pytest.raises(NoJournalError, match="holds no journal ffff"):
                act()
    assert store.head() == onto


def test_a_file_of_an_earlier_version_gets_room_for_a_spare(store: SqliteStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DROP TABLE spare")
    assert store.spare() is None
    store.append(one(1), onto=store.head(), head=b"head 1", spare=True)
    assert store.spare() == b"head 1"


def test_a_journal_whose_row_is_lost_gets_its_number_again_and_a_new_one_another(path: Path) -> None:
    """Its frames lie under that number; another journal's must not."""
    with closing(opened(path)) as store:
        store.append(one(1, b"kept"), onto=store.create(b""), head=b"h", spare=True)
    with closing(SqliteStore(path, journal="f" * 32)) as other:
        filled(other, 2)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM journal WHERE name = ?", (JOURNAL,))
    with closing(SqliteStore(path, journal="e" * 32)) as third:
        third.create(b"")
        assert numbers(third) == []
    with closing(opened(path)) as store:
        assert store.spare() == b"h"
        store.create(b"again")
        assert [frame.body for frame in store.frames(after=Seq(0), through=Seq(9))] == [b"kept"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("UPDATE journal SET head = 'text'", "bytes, found str"),
        ("UPDATE journal SET seq = 'text'", "a number, found str"),
        ("UPDATE frame SET body = 'text'", "bytes, found str"),
        ("UPDATE frame SET body = 7", "bytes, found int"),
        ("UPDATE spare SET head = 'text'", "bytes, found str"),
        ("UPDATE checkpoint_part SET body = 1.5", "bytes, found float"),
        ("UPDATE checkpoint SET seq = x'07'", "a number, found bytes"),
    ],
)
def test_what_is_of_another_kind_is_an_integrity_failure(path: Path, script: str, expected: str) -> None:
    """SQLite's columns take anything."""
    with closing(opened(path)) as store:
        store.append(one(1), onto=store.create(b""), head=b"h", spare=True)
        store.put_checkpoint(Seq(1), [b"part"])
        with closing(sqlite3.connect(path)) as raw, raw:
            raw.execute(script)
        with pytest.raises(IntegrityError, match=f"expected {expected}"):
            assert store.head()
            assert list(store.frames(after=Seq(0), through=Seq(9)))
            assert store.spare()
            assert store.checkpoints()
            assert list(store.checkpoint(Seq(1)))
