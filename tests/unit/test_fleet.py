"""``fleet``: every journal of a store, as people and monitoring see it. No DC and no agent is needed to be asked."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
import uuid
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from adpersist.__main__ import run
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_file import create_key_file, read_key_file
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.head import Head, Identity, Moved, Phase, Position, Writer
from adpersist.model.objects.change import Change, Kind
from adpersist.reading.fleet import CLOCK_SLACK_S, Standing, Terms, judged
from adpersist.stores.registry import open_store

WRITER = Writer(id="agent-1-1", host="dc", pid=7)
DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration or key of this machine is found."""
    monkeypatch.setenv("ADPERSIST_CONFIG", "/nowhere/adpersist.toml")


def identity(name: str) -> Identity:
    number = uuid.uuid5(uuid.NAMESPACE_DNS, name)
    return Identity(domain=Guid(uuid.UUID(int=1).bytes_le), server=Guid(number.bytes_le), dns_name=name)


def made(store: Path, key: Path, name: str, *, at: float, looks: int = 1) -> str:
    """A journal whose last look was at a time; its id."""
    who = identity(name)
    sealed = read_key_file(key) if key.exists() else create_key_file(key)
    place = open_store(f"sqlite://{store}", journal=journal_id(who))
    journal = Journal.create(place, sealed, identity=who, writer=WRITER, now=at)
    for number in range(1, looks + 1):
        root = Change(
            kind=Kind.CREATED,
            guid=Guid(uuid.UUID(int=100 + number).bytes_le),
            nc="DC=x",
            rdn=f"DC=x{number}",
            values={"objectClass": (b"top", b"domainDNS")},
        )
        journal.commit(
            [root],
            position=Position(invocation=Guid(bytes(16)), usn=Usn(10 * number)),
            usn_from=Usn(0),
            witnesses=(),
            complete=True,
            now=at,
        )
    journal.close()
    return journal_id(who)


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def journals(self) -> dict[str, Any]:
        return {each["dc"] or each["journal"] or each["store"]: each for each in json.loads(self.out)["journals"]}


Fleet = Callable[..., Said]


@pytest.fixture
def fleet(capsys: pytest.CaptureFixture[str]) -> Fleet:
    def ran(*words: str) -> Said:
        code = run(["fleet", *words])
        said = capsys.readouterr()
        assert "an unexpected" not in said.err, said.err
        return Said(code, said.out, said.err)

    return ran


def test_every_journal_of_a_directory_is_told_with_its_name_where_the_key_is_at_hand(
    tmp_path: Path, fleet: Fleet
) -> None:
    now, key, other = time.time(), tmp_path / "key", tmp_path / "other"
    made(tmp_path / "all" / "dc1.db", key, "dc1.corp.example", at=now, looks=3)
    made(tmp_path / "all" / "dc1.db", key, "dc2.corp.example", at=now - 60)
    foreign = made(tmp_path / "all" / "west" / "journal.db", other, "dc3.west.example", at=now)
    (tmp_path / "all" / "notes.db").write_text("no database")
    with closing(sqlite3.connect(tmp_path / "all" / "somebody.db")) as somebody:
        somebody.execute("CREATE TABLE t (x)")

    said = fleet("--store", f"sqlite://{tmp_path}/all", "--key-file", str(key), "--sizes", "--json")
    assert said.code == 0, said.out
    assert set(said.journals) == {"dc1.corp.example", "dc2.corp.example", foreign}
    first = said.journals["dc1.corp.example"]
    assert (first["domain"], first["verdict"], first["commits"]) == ("corp.example", "well", 3)
    assert first["durable"] == {"seq": 3, "usn": 30, "time": first["oldest"]["time"]}
    assert (first["oldest"]["seq"], first["last_heal"]) == (1, None)
    assert first["bytes"] > 100
    assert first["key"] == {"id": read_key_file(key).key_id, "opened": True}
    unknown = said.journals[foreign]
    assert (unknown["dc"], unknown["verdict"], unknown["durable"]["seq"]) == (None, "well", 1)
    assert unknown["key"] == {"id": read_key_file(other).key_id, "opened": False}

    shown = fleet("--store", f"sqlite://{tmp_path}/all", "--key-file", str(key), "--key-file", str(other))
    assert shown.code == 0
    assert all(name in shown.out for name in ("dc1.corp.example", "dc2.corp.example", "dc3.west.example"))


def test_a_journal_nobody_writes_to_is_red(tmp_path: Path, fleet: Fleet) -> None:
    made(tmp_path / "j.db", tmp_path / "key", "dc1.corp.example", at=time.time() - 3600)
    made(tmp_path / "j.db", tmp_path / "key", "dc2.corp.example", at=time.time())
    words = ("--store", f"sqlite://{tmp_path}/j.db", "--key-file", str(tmp_path / "key"))
    said = fleet(*words, "--json")
    assert said.code == 1
    assert {name: each["verdict"] for name, each in said.journals.items()} == {
        "dc1.corp.example": "silent",
        "dc2.corp.example": "well",
    }
    assert "dc1.corp.example: nothing was heard for 60 min" in fleet(*words).out
    assert fleet(*words, "--silent-after", "2h").code == 0
    assert fleet(*words, "--silent-after", "off").code == 0
    # nor does it take the key to see that
    assert fleet("--store", f"sqlite://{tmp_path}/j.db").code == 1


def test_one_damaged_journal_hides_no_other(tmp_path: Path, fleet: Fleet) -> None:
    key = tmp_path / "key"
    damaged = made(tmp_path / "bad.db", key, "dc1.corp.example", at=time.time())
    lost = made(tmp_path / "lost.db", key, "dc2.corp.example", at=time.time())
    made(tmp_path / "good.db", key, "dc3.corp.example", at=time.time())
    with closing(sqlite3.connect(tmp_path / "bad.db")) as store:
        store.execute("UPDATE journal SET head = zeroblob(length(head))")
        store.commit()
    with closing(sqlite3.connect(tmp_path / "lost.db")) as store:
        store.execute("DELETE FROM journal")
        store.commit()
    (tmp_path / "cut.db").write_bytes((tmp_path / "good.db").read_bytes()[:5000])
    said = fleet("--store", f"sqlite://{tmp_path}", "--key-file", str(key), "--json")
    assert said.code == 8
    assert said.journals["dc3.corp.example"]["verdict"] == "well"
    assert said.journals[damaged]["verdict"] == said.journals[lost]["verdict"] == "damaged"
    assert said.journals[f"sqlite://{tmp_path}/cut.db"]["verdict"] == "damaged"
    assert all(each["why"] for each in said.journals.values())


def test_a_head_under_another_journals_name_is_forged(tmp_path: Path, fleet: Fleet) -> None:
    made(tmp_path / "j.db", tmp_path / "key", "dc1.corp.example", at=time.time())
    with closing(sqlite3.connect(tmp_path / "j.db")) as store:
        store.execute("UPDATE journal SET name = ?", ("0" * 32,))
        store.commit()
    said = fleet("--store", f"sqlite://{tmp_path}/j.db", "--json")
    assert said.code == 8
    assert said.journals["0" * 32]["verdict"] == "damaged"


def test_the_time_that_a_head_shows_is_sealed_with_it(tmp_path: Path, fleet: Fleet) -> None:
    """Who holds the store cannot make a dead agent look alive to whoever has the key."""
    made(tmp_path / "j.db", tmp_path / "key", "dc1.corp.example", at=time.time() - DAY_S)
    with closing(sqlite3.connect(tmp_path / "j.db")) as store:
        (head,) = store.execute("SELECT head FROM journal").fetchone()
        forged = bytearray(head)
        forged[36:44] = round(time.time() * 1_000_000).to_bytes(8, "big")  # FORMAT.md, "Head": time
        forged[-4:] = zlib.crc32(forged[:-4]).to_bytes(4, "big")
        store.execute("UPDATE journal SET head = ?", (bytes(forged),))
        store.commit()
    words = ("--store", f"sqlite://{tmp_path}/j.db")
    assert fleet(*words).code == 0, "the checksum or the place of the time is wrong"
    assert fleet(*words, "--key-file", str(tmp_path / "key")).code == 8


@pytest.mark.parametrize("words", [("--silent-after", "soon"), ("--silent-after", "0m"), ("--silent-after", "-1m")])
def test_what_is_no_age_is_refused(tmp_path: Path, fleet: Fleet, words: tuple[str, ...]) -> None:
    assert fleet("--store", f"sqlite://{tmp_path}", *words).code == 7


def test_nothing_at_all_is_an_error_that_says_so(tmp_path: Path, fleet: Fleet) -> None:
    empty = fleet("--store", f"sqlite://{tmp_path}")
    assert empty.code != 0
    assert "holds no journal" in empty.err
    missing = fleet("--store", f"sqlite://{tmp_path}/none.db")
    assert missing.code != 0
    assert "none.db" in missing.err
    assert not (tmp_path / "none.db").exists()
    assert "no configuration" in fleet().err


def test_a_key_that_is_named_and_missing_is_an_error_and_a_configured_one_a_remark(
    tmp_path: Path, fleet: Fleet
) -> None:
    made(tmp_path / "j.db", tmp_path / "key", "dc1.corp.example", at=time.time())
    assert fleet("--store", f"sqlite://{tmp_path}/j.db", "--key-file", str(tmp_path / "none")).code in (7, 9)
    config = tmp_path / "adpersist.toml"
    config.write_text(f"[store]\nurl = 'sqlite://{tmp_path}/j.db'\n[key]\nfile = '{tmp_path}/none'\n")
    said = fleet("--config", str(config))
    assert said.code == 0
    assert f"Names need the key: cannot read the key file {tmp_path}/none" in said.out


def test_looking_changes_nothing(tmp_path: Path, fleet: Fleet) -> None:
    made(tmp_path / "in" / "j.db", tmp_path / "key", "dc1.corp.example", at=time.time())
    shutil.copytree(tmp_path / "in", tmp_path / "before")
    fleet("--store", f"sqlite://{tmp_path}/in", "--key-file", str(tmp_path / "key"), "--sizes")
    assert (tmp_path / "in" / "j.db").read_bytes() == (tmp_path / "before" / "j.db").read_bytes()


HEAD = Head(
    seq=Seq(9),
    digest=bytes(32),
    timeline=1,
    time=1000.0,
    identity=identity("dc1.corp.example"),
    writer=WRITER,
    complete=True,
    settled=True,
)


@pytest.mark.parametrize(
    ("head", "now", "standing"),
    [
        (HEAD, 1000.0, Standing.WELL),
        (HEAD, 1900.0, Standing.WELL),
        (HEAD, 1900.1, Standing.SILENT),
        (HEAD, 1000.0 - CLOCK_SLACK_S, Standing.WELL),
        (HEAD, 999.0 - CLOCK_SLACK_S, Standing.CLOCK),
        (replace(HEAD, complete=False), 1000.0, Standing.BEGINNING),
        (replace(HEAD, complete=False), 1900.1, Standing.SILENT),
        (replace(HEAD, phase=Phase.RESTORING, target=Seq(3)), 1900.0, Standing.RESTORING),
        (replace(HEAD, phase=Phase.RESTORING, target=Seq(3)), 1900.1, Standing.BROKEN_OFF),
        (replace(HEAD, moved=Moved(to="sqlite:///new.db", time=1000.0, arrived=False)), 1900.1, Standing.MOVED),
        (replace(HEAD, moved=Moved(to="sqlite:///new.db", time=1000.0, arrived=True)), 1000.0, Standing.WELL),
    ],
)
def test_a_head_and_a_clock_decide(head: Head, now: float, standing: Standing) -> None:
    found, why = judged(head, Terms(keys=(), now=now, silent_after_s=900.0))
    assert found is standing
    assert why
