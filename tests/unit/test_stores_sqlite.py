"""What the SQLite store makes of files, rights, full disks and other programs."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from adpersist.errors import (
    AdpersistError,
    ConfigError,
    FencedError,
    IntegrityError,
    NoJournalError,
    OutcomeUnknownError,
    StoreError,
    StoreUnreachableError,
)
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Frame, Store, StoredHead
from adpersist.stores.sqlite.schema import APPLICATION_ID, is_ours, make_schema
from adpersist.stores.sqlite.shrinking import compact
from adpersist.stores.sqlite.store import SqliteStore, journals_in
from tests.unit.conftest import Synced

JOURNAL = "0123456789abcdef" * 2
NOBODY = 65_534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def open_ground() -> Iterator[Path]:
    """A directory every user can look into; pytest's own are for their owner alone."""
    with tempfile.TemporaryDirectory(prefix="adpersist-") as name:
        ground = Path(name)
        ground.chmod(0o755)
        yield ground


def opened(path: Path, *, busy_timeout_s: float = 0.2) -> SqliteStore:
    return SqliteStore(path, journal=JOURNAL, busy_timeout_s=busy_timeout_s)


def replace_in_the_middle_of_a_commit(store: SqliteStore, path: Path, golden: Path) -> None:
    """Another file takes the journal's place before what is written to that is committed."""
    with store._file.writing() as connection:
        connection.execute("UPDATE journal SET token = 'x'")
        golden.replace(path)


def one(seq: int, body: bytes = b"x") -> list[Frame]:
    return [Frame(seq=Seq(seq), body=body)]


def filled(store: Store, count: int) -> StoredHead:
    head = store.create(b"head 0")
    for number in range(1, count + 1):
        head = store.append(one(number), onto=head, head=b"head %d" % number)
    return head


def numbers(store: Store) -> list[int]:
    return [frame.seq for frame in store.frames(after=Seq(0))]


def as_nobody(act: Callable[[], object]) -> str:
    """What ``act`` returns, or the name of what it raises, for a user without rights (root has them all)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = "another error"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            told = repr(act())
        except AdpersistError as error:
            told = f"{type(error).__name__}: {error.message} | {error.hint}"
        finally:  # whatever it is: or this process would go on with the next test
            os.write(writing, told.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told


# --- the file ---


def test_file_and_directory_are_for_their_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "made" / "by us" / "journal.db"
    with closing(opened(place)) as store:
        filled(store, 1)
        beside = [name.name for name in place.parent.iterdir()]
        assert sorted(beside) == ["journal.db", "journal.db-reserve", "journal.db-shm", "journal.db-wal"]
        assert {stat.S_IMODE(name.stat().st_mode) for name in place.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with closing(opened(tmp_path / "journal.db")) as store:
        store.create(b"")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_the_file_says_whose_it_is_and_keeps_a_write_ahead_log(path: Path) -> None:
    with closing(opened(path)) as store:
        store.create(b"")
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    header = path.read_bytes()[:100]
    assert int.from_bytes(header[68:72], "big") == APPLICATION_ID == int.from_bytes(b"adpr", "big")
    assert int.from_bytes(header[60:64], "big") == 1


def test_what_cannot_hold_a_write_ahead_log_is_refused_and_left_blank() -> None:
    """As on a network share; memory holds none either."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as elsewhere:
        with pytest.raises(StoreError, match="write-ahead log") as caught:
            make_schema(elsewhere, Path("journal.db"))
        assert caught.value.hint
        assert elsewhere.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_looking_creates_nothing(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "no" / "such" / "journal.db")) as store, pytest.raises(NoJournalError):
        store.head()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b.db", "what?.db", "#1.db", "100%41.db", "Zoë 雪.db", "a&mode=memory.db"])
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    with closing(opened(tmp_path / name)) as store:
        filled(store, 1)
        assert numbers(store) == [1]
    assert (tmp_path / name).stat().st_size > 0


def test_an_empty_file_is_taken_as_none(path: Path) -> None:
    path.touch(mode=0o600)
    with closing(opened(path)) as store:
        with pytest.raises(NoJournalError):
            store.head()
        assert path.stat().st_size == 0
        filled(store, 1)
        assert numbers(store) == [1]


def test_a_directory_in_its_place_is_refused(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        for attempt in (store.head, lambda: store.create(b"")):
            with pytest.raises(ConfigError):
                attempt()


def test_a_file_in_the_directorys_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with closing(opened(tmp_path / "file" / "journal.db")) as store:
        with pytest.raises(NoJournalError):
            store.head()
        with pytest.raises(ConfigError):
            store.create(b"")


# --- files that are not ours ---


FOREIGN = """
import os, sqlite3, sys
other = sqlite3.connect(sys.argv[1])
other.execute("PRAGMA journal_mode = " + sys.argv[2])
other.execute("CREATE TABLE treasure (gold)")
other.commit()
os._exit(0)
"""


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_foreign_database_is_refused_and_untouched(path: Path, mode: str) -> None:
    """With a write-ahead log left behind by a dead writer, merely closing a connection would write."""
    subprocess.run([sys.executable, "-c", FOREIGN, str(path), mode], check=True)
    before = path.read_bytes(), path.stat().st_mtime_ns
    with closing(opened(path)) as store:
        for attempt in (
            store.head,
            lambda: store.create(b""),
            lambda: store.append([], onto=StoredHead(seq=Seq(0), body=b"", token=""), head=b""),
            lambda: store.trim(through=Seq(1)),
        ):
            with pytest.raises(ConfigError, match="another program"):
                attempt()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert sqlite3.connect(path).execute("SELECT count(*) FROM treasure").fetchone() == (0,)


def test_a_later_schema_is_refused_and_untouched(path: Path) -> None:
    with closing(opened(path)) as store:
        filled(store, 1)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    with closing(opened(path)) as store:
        for attempt in (store.head, lambda: store.create(b"")):
            with pytest.raises(ConfigError, match="schema version 2"):
                attempt()
    assert path.read_bytes() == before


def test_what_is_no_database_is_an_integrity_failure(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database. " * 200)
    with closing(opened(path)) as store:
        for attempt in (store.head, lambda: store.create(b"")):
            with pytest.raises(IntegrityError) as caught:
                attempt()
            assert caught.value.hint


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_truncated_database_is_never_read_as_whole(path: Path, keep: float) -> None:
    with closing(opened(path)) as store:
        head = store.create(b"head")
        for number in range(1, 40):
            head = store.append(one(number, os.urandom(5000)), onto=head, head=b"head")
    os.truncate(path, int(path.stat().st_size * keep))
    with closing(opened(path)) as store, pytest.raises(IntegrityError):
        assert numbers(store) == list(range(1, 40))


def test_a_database_cut_within_its_first_page_is_an_integrity_failure(path: Path) -> None:
    with closing(opened(path)) as store:
        filled(store, 1)
    for keep in (4095, 100, 50, 2):
        os.truncate(path, keep)
        with closing(opened(path)) as store, pytest.raises(IntegrityError):
            store.head()


def test_a_journal_of_the_largest_pages_is_read_and_a_header_that_lies_of_them_is_not(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as maker:
        maker.execute("PRAGMA page_size = 65536")
        make_schema(maker, path)
    with closing(opened(path)) as store:
        filled(store, 3)
        assert numbers(store) == [1, 2, 3]
    lying = path.with_name("lying.db")
    with closing(opened(lying)) as store:
        filled(store, 3)
    with lying.open("r+b") as file:
        file.seek(16)
        file.write((1).to_bytes(2, "big"))  # 65536, [SQLITE-FORMAT] 1.3.2
    with closing(opened(lying)) as store, pytest.raises(IntegrityError):
        store.head()


SLOW_VIEW = """AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT {columns} FROM n WHERE i < 0"""
"""Whoever reads it never comes back."""

FORGED = {
    "a trigger on every commit": ("CREATE TRIGGER t AFTER INSERT ON frame BEGIN DELETE FROM frame; END", "trigger 't'"),
    "a trigger on every look ahead": (
        "CREATE TRIGGER t BEFORE UPDATE ON journal BEGIN UPDATE journal SET seq = 99; END",
        "trigger 't'",
    ),
    "a view in a table's place": (
        "ALTER TABLE journal RENAME TO kept;"
        f"CREATE VIEW journal {SLOW_VIEW.format(columns='1 id, 2 name, 3 seq, 4 token, 5 head')}",
        "table 'kept'",
    ),
    "a view in the place of SQLite's own": (
        f"CREATE VIEW pragma_application_id {SLOW_VIEW.format(columns='i AS application_id')}",
        "view 'pragma_application_id'",
    ),
    "a table of somebody's": ("CREATE TABLE treasure (gold)", "table 'treasure'"),
    "a virtual table": ("CREATE VIRTUAL TABLE box USING rtree (id, low, high)", "table 'box'"),
    "an index that computes": ("CREATE INDEX i ON frame (abs(seq))", "index 'i'"),
    "a check that computes": (
        "DROP TABLE frame; CREATE TABLE frame (journal INTEGER NOT NULL, seq INTEGER NOT NULL CHECK (seq < 1), body)",
        "table 'frame'",
    ),
    "a trigger under an index's name": (
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES ('index', 'sqlite_autoindex_frame_2',"
        " 'frame', 0, 'CREATE TRIGGER t AFTER INSERT ON frame BEGIN DELETE FROM frame; END')",
        "sqlite_autoindex_frame_2",  # SQLite itself finds it malformed, or we do
    ),
    "a name that writes to a terminal": ('CREATE TABLE "\x1b[2J\n雪" (gold)', r"table '\\x1b\[2J\\n雪'"),
}


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.timeout(60)
def test_a_file_of_ours_with_more_than_ours_in_it_is_refused_and_untouched(path: Path, forged: str) -> None:
    script, told = FORGED[forged]
    with closing(opened(path)) as store:
        head = filled(store, 2)
    with closing(sqlite3.connect(path)) as forger:
        forger.executescript(script)
    before = path.read_bytes()
    with closing(opened(path)) as store:
        for attempt in (
            store.head,
            store.spare,
            lambda: numbers(store),
            lambda: store.append(one(3), onto=head, head=b"head 3"),
            lambda: store.create(b""),
            lambda: store.put_checkpoint(Seq(2), [b"part"]),
            lambda: store.trim(through=Seq(1)),
            lambda: journals_in(path),
            lambda: compact(path, busy_timeout_s=0.2),
        ):
            with pytest.raises(IntegrityError, match=told) as caught:
                attempt()
            assert caught.value.hint
    assert path.read_bytes() == before


def test_a_trigger_made_under_an_open_store_never_runs(path: Path) -> None:
    with closing(opened(path)) as store:
        head = filled(store, 2)
        with closing(sqlite3.connect(path)) as forger:
            forger.executescript("CREATE TRIGGER t AFTER INSERT ON frame BEGIN DELETE FROM frame WHERE seq = 1; END")
        with pytest.raises(IntegrityError, match="trigger 't'"):
            store.append(one(3), onto=head, head=b"head 3")
        with closing(sqlite3.connect(path)) as healer:
            healer.executescript("DROP TRIGGER t")
        store.append(one(3), onto=head, head=b"head 3")
        assert numbers(store) == [1, 2, 3]


def test_a_journal_that_somebody_analyzed_stays_ours(path: Path) -> None:
    with closing(opened(path)) as store:
        head = filled(store, 2)
    with closing(sqlite3.connect(path)) as person:
        person.executescript("ANALYZE; VACUUM")
        assert person.execute("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone() == (1,)
    with closing(opened(path)) as store:
        store.append(one(3), onto=head, head=b"head 3")
        assert numbers(store) == [1, 2, 3]


@pytest.mark.parametrize("table", ["journal", "frame", "checkpoint", "checkpoint_part"])
def test_a_file_that_lost_a_table_is_an_integrity_failure(path: Path, table: str) -> None:
    with closing(opened(path)) as store:
        filled(store, 1)
    with closing(sqlite3.connect(path)) as other:
        other.executescript(f"DROP TABLE {table}")
    with closing(opened(path)) as store, pytest.raises(IntegrityError, match=f"lacks the table {table}$"):
        store.head()


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE journal SET token = CAST(x'ff' AS TEXT)",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = CAST(x'ff' AS TEXT) WHERE name = 'frame'",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = CAST(x'435245415445205441424c4520ff28' AS TEXT)",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET name = CAST(x'ff' AS TEXT) WHERE name = 'frame'",
    ],
)
def test_text_that_is_none_is_an_integrity_failure(path: Path, script: str) -> None:
    """SQLite's own message may repeat it, and be no text either."""
    with closing(opened(path)) as store:
        filled(store, 1)
    with closing(sqlite3.connect(path)) as other:
        other.executescript(script)
    with closing(opened(path)) as store:
        for attempt in (store.head, lambda: numbers(store)):
            with pytest.raises(IntegrityError):
                attempt()


def test_a_row_larger_than_any_of_ours_is_not_taken_into_memory(path: Path) -> None:
    with closing(opened(path)) as store:
        filled(store, 1)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE frame SET body = zeroblob(5000000)")
        other.commit()
    with closing(opened(path)) as store, pytest.raises(IntegrityError, match="too big"):
        numbers(store)


# --- rights ---


def test_read_only_file_is_read_and_not_written(open_ground: Path) -> None:
    path = open_ground / "journal.db"
    with closing(opened(path)) as store:
        head = filled(store, 2)
    path.chmod(0o444)
    assert as_nobody(lambda: numbers(opened(path))) == "[1, 2]"
    assert as_nobody(lambda: opened(path).head().seq) == "2"
    for act in (
        lambda: opened(path).append(one(3), onto=head, head=b""),
        lambda: opened(path).create(b""),
        lambda: opened(path).trim(through=Seq(1)),
    ):
        assert as_nobody(act).startswith("StoreReadOnlyError: "), as_nobody(act)
    assert sorted(name.name for name in open_ground.iterdir()) == ["journal.db", "journal.db-reserve"]


def test_read_only_reading_works_beside_a_living_writer(open_ground: Path) -> None:
    path = open_ground / "journal.db"
    with closing(opened(path)) as writer:
        head = filled(writer, 2)
        for name in open_ground.iterdir():
            name.chmod(0o644)
        assert as_nobody(lambda: numbers(opened(path))) == "[1, 2]"
        writer.append(one(3), onto=head, head=b"")
        assert as_nobody(lambda: numbers(opened(path))) == "[1, 2, 3]"


def beside_a_quiet_reader(path: Path, read: Callable[[Callable[[], None]], object]) -> str:
    """What ``read`` makes of a writer that appends the third frame when it calls its argument."""
    with closing(opened(path)) as writer:
        head = filled(writer, 2)
    path.chmod(0o644)
    asked, ask = os.pipe()
    answered, answer = os.pipe()
    told: list[str] = []

    def let_it_write() -> None:
        os.write(ask, b".")
        os.read(answered, 1)

    thread = threading.Thread(target=lambda: told.append(as_nobody(lambda: read(let_it_write))))
    thread.start()
    os.read(asked, 1)
    with closing(opened(path)) as writer:
        writer.append(one(3), onto=head, head=b"")
    os.write(answer, b".")
    thread.join()
    for end in (asked, ask, answered, answer):
        os.close(end)
    return told[0]


def test_a_quiet_reader_sees_what_was_written_since(open_ground: Path) -> None:
    path = open_ground / "journal.db"

    def read(let_it_write: Callable[[], None]) -> list[int]:
        store = opened(path)
        before = store.head().seq
        let_it_write()
        return [before, store.head().seq, *numbers(store)]

    assert beside_a_quiet_reader(path, read) == "[2, 3, 1, 2, 3]"


def test_what_a_quiet_reader_read_while_somebody_wrote_does_not_count(open_ground: Path) -> None:
    path = open_ground / "journal.db"

    def read(let_it_write: Callable[[], None]) -> None:
        with opened(path)._file.reading() as connection:
            connection.execute("SELECT head FROM journal").fetchall()
            let_it_write()

    assert beside_a_quiet_reader(path, read).startswith("StoreUnreachableError: ")


def test_a_dead_writers_log_without_the_right_to_recover_it_is_said(open_ground: Path) -> None:
    path = open_ground / "journal.db"
    with closing(opened(path)) as writer:
        filled(writer, 2)
        copy = open_ground / "copy"
        copy.mkdir()
        for name in ("journal.db", "journal.db-wal"):
            shutil.copy(open_ground / name, copy / name)
            (copy / name).chmod(0o644)
    told = as_nobody(lambda: numbers(opened(copy / "journal.db")))
    assert told.startswith(("StoreError: ", "StoreReadOnlyError: "))
    assert "writable" in told
    with closing(opened(copy / "journal.db")) as store:  # with the right, nothing is missing
        assert numbers(store) == [1, 2]


def test_no_right_to_the_file_is_no_missing_journal(open_ground: Path) -> None:
    path = open_ground / "journal.db"
    with closing(opened(path)) as store:
        filled(store, 1)
    assert as_nobody(lambda: opened(path).head()).startswith("StoreError: ")
    assert as_nobody(lambda: opened(open_ground / "new.db").create(b"")).startswith("StoreReadOnlyError: ")


def test_no_right_to_the_directory_is_said(open_ground: Path) -> None:
    place = open_ground / "closed"
    with closing(opened(place / "journal.db")) as store:
        filled(store, 1)
    assert as_nobody(lambda: opened(place / "journal.db").head()).startswith("StoreError: ")


# --- other processes ---


def test_a_lock_held_too_long_is_unreachable_and_reading_goes_on(path: Path) -> None:
    with closing(opened(path)) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        head = filled(store, 1)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnreachableError, match="locked"):
            store.append(one(2), onto=head, head=b"")
        assert store.head() == head
        assert numbers(store) == [1]
        other.execute("ROLLBACK")
        store.append(one(2), onto=head, head=b"")
        assert numbers(store) == [1, 2]


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_a_file_is_not_taken_for_somebody_elses_while_another_makes_it_ours(path: Path, at: int) -> None:
    path.touch()
    asked = 0

    def meanwhile(_: str) -> None:
        nonlocal asked
        asked += 1
        if asked == at:
            with suppress(sqlite3.OperationalError):  # in the middle of a look it is locked out
                make_schema(maker, path)

    with (
        closing(sqlite3.connect(path, isolation_level=None)) as looker,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as maker,
    ):
        looker.set_trace_callback(meanwhile)
        assert is_ours(looker, path) == (at <= 2)  # the first statement opens the look, the second begins it
        looker.set_trace_callback(None)
        make_schema(maker, path)
        assert is_ours(looker, path)


def test_many_makers_of_one_file_all_get_their_journal(path: Path) -> None:
    script = """
import sys
from pathlib import Path
from adpersist.stores.sqlite.store import SqliteStore
for number in range(5):
    SqliteStore(Path(sys.argv[1]), journal=f"{sys.argv[2]}{number}".zfill(32), busy_timeout_s=60).create(b"")
"""
    makers = [subprocess.Popen([sys.executable, "-c", script, str(path), str(name)]) for name in range(1, 7)]
    assert [maker.wait(timeout=60) for maker in makers] == [0] * len(makers)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM journal").fetchone() == (30,)


def test_a_slow_reader_holds_nothing_up(path: Path) -> None:
    with closing(opened(path)) as reader, closing(opened(path)) as writer:
        head = filled(writer, 3)
        stream = reader.frames(after=Seq(0))
        next(stream)
        for number in range(4, 10):
            head = writer.append(one(number, os.urandom(100_000)), onto=head, head=b"")
        with closing(sqlite3.connect(path)) as other:
            busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert busy == 0
        assert [frame.seq for frame in stream] == [2, 3]


def test_a_file_put_back_under_a_running_store_is_seen(path: Path, tmp_path: Path) -> None:
    with closing(opened(path)) as store:
        filled(store, 2)
    shutil.copy(path, tmp_path / "golden.db")
    with closing(opened(path)) as store:
        newest = store.append(one(3), onto=store.head(), head=b"newest")
        (tmp_path / "golden.db").replace(path)
        for name in ("journal.db-wal", "journal.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        assert store.head().seq == 2
        with pytest.raises(FencedError):
            store.append(one(4), onto=newest, head=b"into the void")
        assert numbers(store) == [1, 2]


def test_a_commit_into_a_file_that_is_gone_is_not_reported_as_done(path: Path, tmp_path: Path) -> None:
    with closing(opened(path)) as store:
        head = filled(store, 1)
        shutil.copy(path, tmp_path / "golden.db")
        with pytest.raises(OutcomeUnknownError):
            replace_in_the_middle_of_a_commit(store, path, tmp_path / "golden.db")
        path.unlink()
        with pytest.raises(NoJournalError):
            store.append([], onto=head, head=b"")


# --- disks ---


PREAMBLE = """
import os, resource, subprocess
from pathlib import Path
from adpersist.errors import *
from tests.unit.test_stores_sqlite import filled, numbers, one, opened
"""


def in_a_process(script: str, *, unshared: bool = False) -> str:
    """Run a script by itself, with ``unshared`` where it may mount what it likes."""
    command = [sys.executable, "-c", PREAMBLE + script]
    if unshared:
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        command = ["unshare", "--mount", *user, *command]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_full_disk_is_told_and_loses_nothing(open_ground: Path) -> None:
    told = in_a_process(
        f"""
ground = Path({str(open_ground)!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", ground], check=True)
filler = ground / "filler"
filler.write_bytes(bytes(1_000_000))
store = opened(ground / "journal.db")
head = store.create(b"")
try:
    while True:
        head = store.append(one(head.seq + 1, os.urandom(100_000)), onto=head, head=b"head")
except StoreFullError as error:
    print(type(error).__name__, bool(error.hint))
kept = head.seq
assert store.head() == head
assert numbers(store) == list(range(1, kept + 1))
filler.unlink()
head = store.append(one(kept + 1), onto=head, head=b"head")
store.close()
again = opened(ground / "journal.db")
assert again.head() == head
assert numbers(again) == list(range(1, kept + 2))
""",
        unshared=True,
    )
    assert told == "StoreFullError True"


def test_a_full_disk_at_creation_leaves_nothing_half_made(open_ground: Path) -> None:
    told = in_a_process(
        f"""
ground = Path({str(open_ground)!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", ground], check=True)
(ground / "filler").write_bytes(bytes(60_000))
store = opened(ground / "journal.db")
try:
    store.create(b"")
except (StoreFullError, OutcomeUnknownError, StoreUnreachableError) as error:
    print("told")
try:
    store.head()
except NoJournalError:
    print("no journal")
subprocess.run(["mount", "-o", "remount,size=4m", ground], check=True)
store.create(b"")
print(store.head().seq)
""",
        unshared=True,
    )
    assert told.split("\n") == ["told", "no journal", "0"]


def test_a_read_only_mount_is_read(open_ground: Path) -> None:
    with closing(opened(open_ground / "journal.db")) as store:
        filled(store, 2)
    told = in_a_process(
        f"""
ground = Path({str(open_ground)!r})
subprocess.run(["mount", "--bind", ground, ground], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", ground], check=True)
store = opened(ground / "journal.db")
print(numbers(store))
for act in (lambda: store.append(one(3), onto=store.head(), head=b""), lambda: opened(ground / "new.db").create(b"")):
    try:
        act()
    except StoreReadOnlyError as error:
        print(bool(error.hint))
print(sorted(name.name for name in ground.iterdir()))
""",
        unshared=True,
    )
    assert told.split("\n") == ["[1, 2]", "True", "True", "['journal.db', 'journal.db-reserve']"]


def test_a_commit_the_disk_refused_is_unknown_and_can_be_sent_again(path: Path) -> None:
    """Writes beyond the limit fail as on a broken disk: in COMMIT, where the log is written."""
    told = in_a_process(
        f"""
store = opened(Path({str(path)!r}))
head = filled(store, 1)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
try:
    store.append(one(2, os.urandom(500_000)), onto=head, head=b"head 2")
except OutcomeUnknownError as error:
    print(type(error).__name__, bool(error.hint))
assert store.head() == head
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.append(one(2), onto=head, head=b"head 2")
print(numbers(store))
"""
    )
    assert told.split("\n") == ["OutcomeUnknownError True", "[1, 2]"]


def test_a_commit_that_is_not_on_the_disk_is_not_reported_as_done(path: Path) -> None:
    told = in_a_process(
        f"""
from tests.unit.no_sync import refuse_to_sync
store = opened(Path({str(path)!r}))
head = filled(store, 1)
refuse_to_sync()
try:
    store.append(one(2), onto=head, head=b"head 2")
    print("done")
except OutcomeUnknownError as error:
    print(type(error).__name__, bool(error.hint))
"""
    )
    assert told == "OutcomeUnknownError True"


def test_a_new_file_is_put_on_the_disk_with_every_directory_made_for_it(tmp_path: Path, synced: Synced) -> None:
    with closing(opened(tmp_path / "made" / "by us" / "journal.db")) as store:
        store.create(b"")
    assert {path for path, _ in synced} == {tmp_path, tmp_path / "made", tmp_path / "made" / "by us"}
    synced.clear()
    with closing(opened(tmp_path / "another.db")) as store:
        store.create(b"")
    assert [path for path, _ in synced] == [tmp_path]


def test_damage_below_the_store_is_an_integrity_failure(path: Path) -> None:
    with closing(opened(path)) as store:
        head = filled(store, 1)
    with closing(sqlite3.connect(path)) as other:
        other.execute("INSERT INTO frame VALUES (1, 2, x'00')")
        other.commit()
    with closing(opened(path)) as store, pytest.raises(IntegrityError):
        store.append(one(2), onto=head, head=b"")
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE journal SET head = 'text'")
        other.commit()
    with closing(opened(path)) as store, pytest.raises(IntegrityError):
        store.head()


def test_an_error_leaves_no_transaction_open(path: Path) -> None:
    with closing(opened(path)) as store, closing(opened(path)) as other:
        head = filled(store, 1)
        moved = other.append([], onto=head, head=b"moved")
        with pytest.raises(FencedError):
            store.append([], onto=head, head=b"")
        other.append(one(2), onto=moved, head=b"")
        assert numbers(store) == [1, 2]


def test_a_file_is_opened_as_one_that_somebody_else_may_have_made(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db", journal=JOURNAL)
    store.create(b"head")
    for use in (store._file.reading, store._file.writing):
        with use() as connection:
            (trusted,) = connection.execute("PRAGMA trusted_schema").fetchone()
            (checked,) = connection.execute("PRAGMA cell_size_check").fetchone()
        assert (trusted, checked) == (0, 1)
    store.close()
