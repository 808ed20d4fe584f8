"""The journal on the console's desk: pages that wait while it is read for the first time, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adpersist.console.web.access.sign_in import SignIn
from adpersist.console.web.app import Console
from adpersist.console.web.desk import Desk
from adpersist.console.web.views import Views
from adpersist.journal.damage import DamagedError
from adpersist.model.identity.ids import guid_text
from adpersist.stores.memory import MemoryStore
from tests.asking import HOST, Answer, ask
from tests.faults import Fault, FaultyStore, Injection, Point
from tests.golden.journal_samples import NOON, TamperedStore, opened
from tests.pages import Page
from tests.unit.storied import ADA, storied


@dataclass
class Halt:
    """Holds the first reading up after its third commit."""

    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    told: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, done: int, of: int) -> None:
        self.told.append((done, of))
        if done == 3:
            self.reached.set()
            assert self.go_on.wait(60)


@dataclass
class Early:
    """Somebody who came before the journal was read."""

    console: Console
    halt: Halt
    cookie: str

    def get(self, path: str, query: str = "") -> Answer:
        return ask(self.console.app, path, query=query, cookie=self.cookie)


@pytest.fixture
def early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Early]:
    monkeypatch.setattr("adpersist.console.web.desk._PATIENCE_S", 0.01)
    halt = Halt()
    desk = Desk(storied, halt)
    assert halt.reached.wait(60)
    sign_in = SignIn(tmp_path / "code", lambda: NOON)
    console = Console(Views(desk, health=""), sign_in, names=frozenset({HOST}), cookie="c")
    entered = ask(console.app, "/login", query=f"code={sign_in.issue()}")
    yield Early(console, halt, entered.headers["set-cookie"].partition(";")[0])
    halt.go_on.set()
    desk.close()


@pytest.mark.parametrize(
    "path", ["/", "/changes", f"/object/{guid_text(ADA)}", "/find", "/bin", "/alerts", "/compare", "/heals/1"]
)
def test_a_page_says_how_far_the_reading_has_come_and_asks_again(early: Early, path: str) -> None:
    answer = early.get(path)
    assert answer.code == 503
    assert "3 of 8 commits" in answer.text
    assert Page(answer.text).runs_nothing()
    assert (answer.headers["refresh"], answer.headers["retry-after"]) == ("2", "2")
    twin = early.get(f"{'/overview' if path == '/' else path}.json")
    assert (twin.code, twin.json["reading"]) == (503, {"done": 3, "of": 8})


def test_it_is_shown_when_all_was_read(early: Early) -> None:
    assert early.get("/changes").code == 503
    early.halt.go_on.set()
    for _ in range(1000):
        if early.get("/changes.json").code == 200:
            break
        threading.Event().wait(0.01)
    assert early.get("/overview.json").json["classes"], "what is made of it beforehand is there, too"
    assert early.halt.told[-1] == (8, 8)
    assert "refresh" not in early.get("/changes").headers


def test_a_console_that_is_stopped_reads_no_further() -> None:
    halt = Halt()
    desk = Desk(storied, halt)
    assert halt.reached.wait(60)
    closing = threading.Thread(target=desk.close)
    closing.start()
    while not desk._closed:
        threading.Event().wait(0.01)
    halt.go_on.set()
    closing.join(60)
    assert halt.told[-1] != (8, 8)


def test_a_journal_that_cannot_be_read_is_told_of_once_and_to_who_asks() -> None:
    store = storied()._store
    assert isinstance(store, MemoryStore)
    damaged = TamperedStore(store)
    damaged.tamper = lambda frames: [frame for frame in frames if frame.seq != 4]
    told = threading.Event()
    desk = Desk(lambda: opened(damaged))
    desk.when_failed(told.set)
    assert told.wait(60)
    with pytest.raises(DamagedError), desk.record():
        pass
    with pytest.raises(DamagedError), desk.journal():
        pass
    assert isinstance(desk.failure, DamagedError)
    desk.close()


def test_a_store_that_is_away_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adpersist.console.web.desk._EVERY_S", 0.01)
    monkeypatch.setattr("adpersist.console.web.desk._PATIENCE_S", 60.0)
    away = FaultyStore(storied()._store, [Injection(point=Point.FRAMES, fault=Fault.DROP, times=3)])
    desk = Desk(lambda: opened(away))
    with desk.record() as record:
        assert record.past.seq == 8
    assert desk.trouble == ""
    desk.close()
