"""The index's file: whose it is, what is not in it, and that whatever is wrong with it changes no answer."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from adpersist.errors import IntegrityError
from adpersist.journal.damage import DamagedError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.model.objects.change import Change, Kind
from adpersist.reading.find import NoSuchObjectError
from adpersist.reading.folded import FoldedReading, Reading
from adpersist.reading.index.answering import answered, indexed
from adpersist.reading.index.indexed import IndexedReading
from adpersist.reading.index.kept import IndexFile, directory_of
from adpersist.state.fold import fold
from adpersist.stores.registry import open_store
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NC,
    NOON,
    created,
    fresh_store,
    guid,
    key,
    look,
    new_journal,
    set_value,
)

SECRET = b"the password of somebody"
VALUE = b"no secret, and a value all the same"


def written() -> Journal:
    """Ada, whose account and password changed."""
    journal = new_journal(fresh_store())
    root = Change(kind=Kind.CREATED, guid=guid("domain"), nc=NC, rdn=NC)
    look(journal, [root, created("ada", {"sAMAccountName": (b"ada",), "unicodePwd": (SECRET,)})], 10)
    look(journal, [set_value("ada", VALUE)], 20)
    return journal


def which(reading: Reading) -> type[object]:
    """Who answers; asked for something on the way."""
    reading.view(Seq(2)).find("ada")
    return type(reading)


def test_the_index_answers_and_is_this_users_alone(tmp_path: Path) -> None:
    journal = written()
    assert answered(journal, tmp_path / "new", which) is IndexedReading
    for path in (tmp_path / "new").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_no_value_is_in_the_file(tmp_path: Path) -> None:
    answered(written(), tmp_path, which)
    (path,) = tmp_path.glob("*.index")
    content = path.read_bytes()
    assert b"unicodePwd" in content
    assert SECRET not in content
    assert VALUE not in content


def _numbers(directory: Path) -> list[bytes]:
    (path,) = directory.glob("*.index")
    with sqlite3.connect(path) as connection:
        listed = connection.execute("SELECT digests FROM touches ORDER BY object, seq").fetchall()
    return [each[at : at + 8] for (each,) in listed for at in range(0, len(each), 8)]


def test_what_stands_for_values_tells_them_to_nobody_without_the_key_and_of_no_two_objects_that_they_are_the_same(
    tmp_path: Path,
) -> None:
    journal = written()
    look(journal, [created("bert", {"sAMAccountName": (b"ada",), "unicodePwd": (SECRET,)})], 30)
    answered(journal, tmp_path, which)
    numbers = _numbers(tmp_path)
    assert len(set(numbers)) == len(numbers) == 5
    journal.rotate_data_key(now=NOON)
    assert answered(journal, tmp_path, which) is IndexedReading
    assert set(_numbers(tmp_path)).isdisjoint(numbers)


def test_without_an_index_the_journal_is_folded() -> None:
    assert answered(written(), None, which) is FoldedReading


@pytest.mark.parametrize(
    ("configured", "environment", "expected"),
    [("off", {}, None), ("/x", {}, Path("/x"))],
)
def test_where_it_lies(configured: str, environment: dict[str, str], expected: Path | None) -> None:
    assert directory_of(configured, environment) == expected


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _older(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE made SET version = 0")


def _others_table(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE made (other)")
    path.chmod(0o600)


def _another_journal(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE made SET seed = x'00'")


def _another_chain(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE made SET seq = 1, digest = x'00'")


def _ahead(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE made SET seq = 900")


@pytest.mark.parametrize(
    "spoil", [_cut, _garbage, _empty, _older, _others_table, _another_journal, _another_chain, _ahead]
)
def test_what_does_not_fit_is_made_anew(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    journal = written()
    answered(journal, tmp_path, which)
    (path,) = tmp_path.glob("*.index")
    spoil(path)
    answered(journal, tmp_path, which)  # be it by folding
    assert answered(journal, tmp_path, which) is IndexedReading


def test_one_that_is_behind_goes_on_and_is_not_made_anew(tmp_path: Path) -> None:
    journal = written()
    answered(journal, tmp_path, which)
    (path,) = tmp_path.glob("*.index")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE of_before (nobody_else)")
    look(journal, [created("bob", {"sAMAccountName": (b"bob",)})], 30)
    with indexed(journal, tmp_path) as reading:
        assert reading.view(journal.head.seq).find("bob") == guid("bob")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT * FROM of_before").fetchall() == []


def test_a_file_that_others_could_have_written_is_not_asked(tmp_path: Path) -> None:
    journal = written()
    answered(journal, tmp_path, which)
    (path,) = tmp_path.glob("*.index")
    path.chmod(0o666)
    assert answered(journal, tmp_path, which) is FoldedReading


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    journal, elsewhere = written(), tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    IndexFile(tmp_path / "index", journal.id).path.parent.mkdir(mode=0o700)
    IndexFile(tmp_path / "index", journal.id).path.symlink_to(elsewhere)
    answered(journal, tmp_path / "index", which)
    assert elsewhere.read_bytes() == b""


def test_a_place_that_cannot_be_written_makes_it_slower_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert answered(written(), tmp_path / "file" / "below", which) is FoldedReading
    assert answered(written(), Path("/proc/no-such-place"), which) is FoldedReading
    assert answered(written(), Path("/dev/full"), which) is FoldedReading


def test_a_disk_that_is_full_makes_it_slower_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite is told that its file may not grow, and says what it says of a full disk."""
    journal, connect = written(), sqlite3.connect

    def small(*args: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)  # type: ignore[call-overload]  # passed on
        connection.execute("PRAGMA max_page_count = 30")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    look(journal, [created(f"user{number}" * 20) for number in range(2000)], 30)
    assert answered(journal, tmp_path, which) is FoldedReading


def test_names_that_the_schema_hides_are_not_written_down(tmp_path: Path) -> None:
    journal = written()
    hidden = created(
        "account",
        {
            "objectClass": (b"top", b"attributeSchema"),
            "lDAPDisplayName": (b"sAMAccountName",),
            "searchFlags": (b"128",),
        },
    )
    look(journal, [hidden], 30)
    assert answered(journal, tmp_path, which) is FoldedReading
    assert not list(tmp_path.glob("*.index"))


def test_a_damaged_commit_is_in_nobodys_way_who_begins_after_it(tmp_path: Path) -> None:
    journal = written()
    store = journal._store
    journal.write_checkpoint(Seq(2), fold(journal).everything(), now=NOON)
    look(journal, [set_value("ada", b"later")], 30)
    store._journal().frames.pop(Seq(1))  # type: ignore[attr-defined]  # of a store in memory
    with pytest.raises(DamagedError), indexed(journal, tmp_path):
        pass
    assert answered(journal, tmp_path, which) is FoldedReading


def test_a_commit_that_is_not_the_one_is_noticed(tmp_path: Path) -> None:
    """The index names commits; what they tell is proven when they are read."""
    journal = written()
    answered(journal, tmp_path, which)
    frames = journal._store._journal().frames  # type: ignore[attr-defined]  # of a store in memory
    frames[Seq(2)] = frames[Seq(1)]

    def ask(reading: Reading) -> object:
        view = reading.view(Seq(2))
        return view.state[view.find("ada")]

    with pytest.raises(IntegrityError):
        answered(journal, tmp_path, ask)


def test_a_name_of_nobody_is_told_at_once_and_one_of_the_past_is_found(tmp_path: Path) -> None:
    journal = written()
    look(journal, [Change(kind=Kind.MOVED, guid=guid("ada"), nc=NC, rdn="CN=countess", parent=guid("domain"))], 30)
    with indexed(journal, tmp_path) as reading:
        assert reading.find_ever(f"CN=ada,{NC}") == guid("ada")
        assert reading.find_ever(f"cn=countess,{NC}") == guid("ada")
        for name in ("CN=nobody," + NC, "CN=\\FF\\FE," + NC, "\udcff", "CORP\\\udcff"):  # the last three are no text
            with pytest.raises(NoSuchObjectError):
                reading.find_ever(name)


def _ask(url: str, directory: Path, results: multiprocessing.SimpleQueue[str]) -> None:
    journal = Journal.open(open_store(url, journal=IDENTITY_ID), key(), patience=IMPATIENT)
    results.put(answered(journal, directory, which).__name__)


IDENTITY_ID = new_journal(fresh_store()).id


def test_several_at_once_do_not_spoil_it(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'journal.db'}"
    journal = Journal.create(open_store(url, journal=IDENTITY_ID), key(), identity=IDENTITY, writer=AGENT, now=NOON)
    look(journal, [Change(kind=Kind.CREATED, guid=guid("domain"), nc=NC, rdn=NC)], 10)
    look(journal, [created("ada", {"sAMAccountName": (b"ada",)})], 20)
    context = multiprocessing.get_context("fork")
    results: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    asking = [context.Process(target=_ask, args=(url, tmp_path / "index", results)) for _ in range(6)]
    for each in asking:
        each.start()
    look(journal, [created("bob")], 30)
    for each in asking:
        each.join(60)
    assert [results.get() for _ in asking] == [IndexedReading.__name__] * 6
    (path,) = (tmp_path / "index").glob("*.index")
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_who_fills_it_for_long_keeps_nobody_waiting_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adpersist.reading.index.kept._PATIENCE_S", 0.1)
    journal, file = written(), IndexFile(tmp_path, written().id)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with file.held(), file.alone():
            held.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    try:
        assert answered(journal, tmp_path, which) is FoldedReading
    finally:
        done.set()
        holder.join()
