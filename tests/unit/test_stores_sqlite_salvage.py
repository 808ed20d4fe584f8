"""A SQLite journal that is damaged itself: what can be read of it goes on in a new file, and the old one is kept."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adpersist.errors import StoreFullError, StoreUnreachableError
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_file import key_line
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Frame
from adpersist.stores.registry import damage_below, open_store, salvaged
from adpersist.stores.sqlite import salvage
from adpersist.stores.sqlite.errors import DamagedFileError
from adpersist.stores.sqlite.rows import rows
from adpersist.stores.sqlite.schema import PAGE_BYTES
from tests.golden.journal_samples import IDENTITY, TEST_KEY, created, look, new_journal
from tests.integration.commands import Adpersist
from tests.unit.test_stores_sqlite import JOURNAL, in_a_process, opened

_FRAMES = 120
_PARTS = [bytes([number]) * 40_000 for number in range(3)]
_LARGEST = 1_000_000
BESIDE = {f"journal.db{end}" for end in ("", "-wal", "-shm", "-reserve")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Small frames, many on a page, among them some that take several; a checkpoint and a spare."""
    made = tmp_path / "journal.db"
    with closing(opened(made)) as store:
        head = store.create(b"head 0")
        for number in range(1, _FRAMES + 1):
            body = os.urandom(50_000 if number % 40 == 0 else 400)
            head = store.append([Frame(seq=Seq(number), body=body)], onto=head, head=b"head", spare=number == 1)
        store.put_checkpoint(Seq(7), _PARTS)
    return made


def frames(path: Path) -> dict[int, bytes]:
    with closing(opened(path)) as store:
        return {frame.seq: frame.body for frame in store.frames(after=Seq(0), through=Seq(_FRAMES))}


def url(path: Path) -> str:
    return f"sqlite://{path}"


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as raw:
        return bool(raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


def spoil(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE_BYTES)
        file.write(bytes(PAGE_BYTES))


def test_a_lost_page_takes_its_own_rows_with_it_and_no_others(path: Path) -> None:
    before, whole = frames(path), path.read_bytes()
    lost = []
    for page in range(len(whole) // PAGE_BYTES):
        path.write_bytes(whole)
        spoil(path, page)
        spoiled = path.read_bytes()
        if damage_below(url(path)) is None:
            continue  # there was nothing on it
        done = salvaged(url(path))
        assert done is not None
        assert done.kept.read_bytes() == spoiled
        assert is_sound(path)
        assert damage_below(url(path)) is None
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("SELECT name FROM journal UNION SELECT name FROM spare").fetchall() == [(JOURNAL,)]
            left = dict(raw.execute("SELECT seq, body FROM frame").fetchall())
        assert left.items() <= before.items()
        lost.append(len(before) - len(left))
    assert len(lost) > 20
    assert max(lost) <= PAGE_BYTES // 400
    assert lost.count(0) > len(lost) // 3, "what only leads to others costs nothing"
    assert sum(lost) >= _FRAMES, "all of them were lost once"


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95])
def test_a_file_that_was_cut_off_keeps_what_lies_before_that(path: Path, part: float) -> None:
    before = frames(path)
    os.truncate(path, int(path.stat().st_size * part))
    with closing(opened(path)) as store, pytest.raises(DamagedFileError) as refused:
        store.append([], onto=store.head(), head=b"")
    assert "check --repair" in refused.value.hint
    if part < 0.1:
        with pytest.raises(DamagedFileError, match="nothing of a journal"):
            salvaged(url(path))
        return
    assert salvaged(url(path)) is not None
    left = frames(path)
    assert left.items() <= before.items()
    assert bool(left) == (part > 0.5)
    with closing(opened(path)) as store:
        assert store.append([], onto=store.head(), head=b"on").body == b"on"


def test_what_lay_in_the_log_alone_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    told = in_a_process(f"""
store = opened(Path({str(path)!r}))
head = store.create(b"")
store._file.fold()
for number in range(1, 9):
    head = store.append(one(number, b"x" * 3000), onto=head, head=b"")
print("written", flush=True)
os._exit(0)
""")
    assert told == "written"
    assert path.with_name("journal.db-wal").stat().st_size > 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as raw:
        (root,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'checkpoint'").fetchone()
    spoil(path, root - 1)  # of which the log has no newer state
    assert path.with_name("journal.db-wal").stat().st_size > 0
    assert salvaged(url(path)) is not None
    assert sorted(frames(path)) == [*range(1, 9)]


def test_what_was_deleted_does_not_come_back(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA secure_delete = OFF")
        raw.execute("DELETE FROM frame WHERE seq <= 100")
        raw.commit()
        (free,) = raw.execute("PRAGMA freelist_count").fetchone()
        assert free > 2
    spoil(path, 1)  # no row lies there
    assert salvaged(url(path)) is not None
    assert sorted(frames(path)) == [*range(101, _FRAMES + 1)]


def test_a_table_that_somebody_dropped_is_made_anew(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DROP TABLE checkpoint_part")
    assert damage_below(url(path)) == "it lacks the table checkpoint_part"
    assert salvaged(url(path)) is not None
    assert len(frames(path)) == _FRAMES


def test_what_is_sound_or_no_journal_is_left_alone(path: Path) -> None:
    assert salvaged(url(path)) is None
    assert salvaged("memory://here") is None
    assert damage_below("memory://here") is None
    path.write_bytes(os.urandom(100_000))
    before = path.read_bytes()
    with pytest.raises(DamagedFileError, match="nothing of a journal"):
        salvaged(url(path))
    assert path.read_bytes() == before
    assert {each.name for each in path.parent.iterdir()} <= BESIDE


def test_a_file_that_somebody_has_open_is_not_written_anew(path: Path) -> None:
    before = path.read_bytes()
    with closing(opened(path)) as other:
        other.head()
        spoil(path, 5)
        with pytest.raises(StoreUnreachableError, match="in use") as refused:
            salvaged(url(path))
    assert "systemctl stop adpersist" in refused.value.hint
    assert len(path.read_bytes()) == len(before)
    assert not list(path.parent.glob("*-damaged-*"))
    assert salvaged(url(path)) is not None


def test_check_finds_what_no_commit_was_lost_to_yet_and_mends_it(path: Path, place: Path) -> None:
    with closing(open_store(url(path), journal=journal_id(IDENTITY))) as store:
        journal = new_journal(store)
        for number in range(1, 200):
            look(journal, [created(f"user{number}")], number)
    (place / "key").write_text(key_line(TEST_KEY))
    (place / "adpersist.toml").write_text(
        f"[store]\nurl = {json.dumps(url(path))}\n[key]\nfile = {json.dumps(str(place / 'key'))}\n"
        f"[journal]\nid = {json.dumps(journal.id)}\n"
    )
    run = Adpersist(place / "adpersist.toml")
    run("check", code=0)
    spoil(path, 1)  # what only says which page leads to which
    [found] = run("check", "--json", code=8).json["findings"]
    assert (found["part"], found["class"]) == ("store", "corrupt")
    assert "check --repair" in run("check", code=8).out
    done = run("check", "--repair", "--json", code=0).json
    assert done["written_anew"]["kept"] == f"{path}-damaged-1"
    assert done["lost"] == []
    assert done["commits"] == 199
    assert "the damaged one" not in run("check", "--repair", code=0).out.lower(), "there is nothing left to do"


def _no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["_take_image", "_write", "_keep", "flush_directory"])
def test_stopped_anywhere_it_is_the_old_file_or_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    spoil(path, 5)
    spoiled = path.read_bytes()
    with monkeypatch.context() as patched, pytest.raises(StoreFullError):
        patched.setattr(salvage, step, _no_room)
        salvaged(url(path))
    assert {each.name for each in path.parent.iterdir()} <= BESIDE | {"journal.db-damaged-1"}
    if step == "flush_directory":
        assert is_sound(path)
    else:
        assert path.read_bytes() == spoiled
        assert salvaged(url(path)) is not None
    assert frames(path)


def test_a_disk_without_room_for_a_second_file_is_told_and_nothing_is_changed() -> None:
    told = in_a_process(
        """
import tempfile
from adpersist.stores.registry import salvaged
ground = Path(tempfile.mkdtemp())
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", ground], check=True)
path = ground / "journal.db"
store = opened(path)
head = store.create(b"")
for number in range(1, 31):
    head = store.append(one(number, os.urandom(50_000)), onto=head, head=b"")
store.close()
(ground / "journal.db-reserve").unlink(missing_ok=True)
free = os.statvfs(ground)
(ground / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - 1_000_000))
with path.open("r+b") as file:
    file.seek(5 * 16_384)
    file.write(bytes(16_384))
before = path.read_bytes()
try:
    salvaged(f"sqlite://{path}")
except StoreFullError:
    print("full", path.read_bytes() == before, sorted(each.name for each in ground.iterdir() if "-" not in each.name))
""",
        unshared=True,
    )
    assert told == "full True ['filler', 'journal.db']"


@given(
    sizes=some.lists(some.integers(0, 30_000), min_size=1, max_size=12),
    page_bytes=some.sampled_from([512, 1024, 4096, 16_384, 65_536]),
    number=some.integers(-(2**63), 2**63 - 1),
)
def test_rows_are_read_as_sqlite_reads_them(sizes: list[int], page_bytes: int, number: int) -> None:
    with closing(sqlite3.connect(":memory:")) as raw:
        raw.execute(f"PRAGMA page_size = {page_bytes}")
        raw.execute("CREATE TABLE some (number INTEGER, text TEXT, body BLOB, unset TEXT)")
        given = [(number >> each, "é" * each, os.urandom(size), None) for each, size in enumerate(sizes)]
        raw.executemany("INSERT INTO some VALUES (?, ?, ?, ?)", given)
        raw.commit()
        content = raw.serialize()
        expected = raw.execute("SELECT rowid, * FROM some").fetchall()

    found = [(rowid, *columns) for rowid, columns in rows(*_pages(content, page_bytes), most_bytes=_LARGEST)]
    assert sorted(each for each in found if each[-1] is None) == sorted(expected)


@given(content=some.binary(max_size=4096), at=some.integers(0, 4095), byte=some.integers(0, 255))
def test_no_page_is_too_odd_to_be_passed_over(content: bytes, at: int, byte: int) -> None:
    with closing(sqlite3.connect(":memory:")) as raw:
        raw.execute("PRAGMA page_size = 1024")
        raw.execute("CREATE TABLE some (body BLOB)")
        raw.executemany("INSERT INTO some VALUES (?)", [(bytes(each),) for each in (10, 900, 5000, 30)])
        raw.commit()
        odd = bytearray(raw.serialize())
    odd[at : at + 1 + len(content)] = bytes([byte]) + content
    for pages in (_pages(bytes(odd), 1024), _pages(content, 512)):
        assert len([*rows(*pages, most_bytes=_LARGEST)]) < 10_000


def _pages(content: bytes, page_bytes: int) -> tuple[Callable[[int], bytes], int]:
    return lambda number: content[(number - 1) * page_bytes : number * page_bytes] if number > 0 else b"", len(
        content
    ) // page_bytes
