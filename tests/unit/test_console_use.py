"""What people do at the console: kept in the journal, beside the agent, and said where it cannot be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from adpersist.cli.read.log import _what
from adpersist.console.web.access.sign_in import Role, SignIn
from adpersist.console.web.access.use import UseLog
from adpersist.console.web.app import Console
from adpersist.console.web.desk import Desk
from adpersist.console.web.views import Views
from adpersist.errors import StoreReadOnlyError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq, guid_text
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.use import Deed, Did, Use, deeds
from adpersist.reading.rfc3339 import rfc3339
from adpersist.state.fold import fold
from tests.asking import HOST, ask
from tests.golden.journal_samples import NOON, OTHER
from tests.unit.storied import ADA, look, opened_again, stamped, storied

NEVER: Final = 3600.0


def used(journal: Journal) -> list[Deed]:
    """All that the journal says people did."""
    journal.refresh()
    return [deed for commit in journal.commits() if commit.kind is CommitKind.USE for deed in deeds(commit.account)]


@dataclass
class Shelf:
    """Keeps deeds in a journal, or says why not."""

    journal: Journal
    refuses: list[str] = field(default_factory=list)
    opened: int = 0

    def open(self) -> Shelf:
        self.opened += 1
        return self

    def note(self, account: str, now: float) -> None:
        if self.refuses:
            raise StoreReadOnlyError(self.refuses[0])
        self.journal.note_use(account, writer=OTHER, now=now)

    def close(self) -> None:
        """It stays open: the test reads it."""


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(storied())


@dataclass
class Clock:
    """Stands until it is moved."""

    now: float = NOON + 100

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def use(shelf: Shelf, clock: Clock) -> Iterator[UseLog]:
    made = UseLog(shelf.open, clock=clock, every_s=NEVER)
    yield made
    made.close()


def test_what_is_kept_fences_nobody_and_moves_nothing() -> None:
    agent = storied()
    before, folded = agent.head, fold(agent).values()
    captured = agent.last_commit_time()
    visitor = opened_again(agent)
    for number in range(3):
        visitor.note_use(Use().model_dump_json(), writer=OTHER, now=NOON + 1000 + number)
    assert agent.refresh().seq == before.seq + 3
    assert (agent.head.writer, agent.head.time, agent.head.position) == (before.writer, before.time, before.position)
    assert agent.last_commit_time() == captured, "a console's clock says nothing of when something was captured"
    assert list(fold(agent).values()) == list(folded)
    look(agent, 80, stamped(ADA, 80, description=(b"newer",)))
    assert agent.head.seq == before.seq + 4


def test_the_agent_need_not_know_of_it_beforehand() -> None:
    agent = storied()
    opened_again(agent).note_use(Use().model_dump_json(), writer=OTHER, now=NOON + 100)
    look(agent, 80, stamped(ADA, 80, description=(b"newer",)))  # its head is one behind
    assert [each.kind for each in agent.commits(after=Seq(agent.head.seq - 2))] == [CommitKind.USE, CommitKind.LOOK]


def test_a_line_of_the_log_says_when_each_did_it_whatever_the_commit_says(shelf: Shelf, use: UseLog) -> None:
    use.did(Did.SIGNED_IN, who="ada", role=Role.VIEWER)
    shelf.journal.note_use('{"deeds": [{"a later": "version"}]}', writer=OTHER, now=NOON + 200)
    *_, kept, later = shelf.journal.commits()
    assert kept.time < NOON + 100
    assert _what(kept) == f"{rfc3339(NOON + 100)} ada signed in"
    assert _what(later) == "", "what is not understood keeps nobody from reading the rest"


def test_signing_in_is_kept_when_it_returns_and_looks_are_gathered(shelf: Shelf, use: UseLog) -> None:
    for _ in range(5):
        use.did(Did.LOOKED, who="ada", role=Role.VIEWER, what="/changes")
    assert used(shelf.journal) == []
    use.did(Did.SIGNED_IN, who="bert", role=Role.OPERATOR)
    looked, entered = used(shelf.journal)
    assert (looked.who, looked.count, looked.what) == ("ada", 5, "/changes")
    assert (entered.who, entered.did, entered.role) == ("bert", "signed in", "operator")
    assert use.waiting() == []


def test_what_was_gathered_is_kept_at_the_end(shelf: Shelf, use: UseLog) -> None:
    use.did(Did.LOOKED, who="ada", what="/")
    use.close()
    assert [each.who for each in used(shelf.journal)] == ["ada"]


def test_looks_are_kept_after_a_while(shelf: Shelf) -> None:
    use = UseLog(shelf.open, every_s=0.01)
    use.did(Did.LOOKED, who="ada", what="/")
    for _ in range(1000):
        if not use.waiting():
            break
        threading.Event().wait(0.01)
    assert [each.who for each in used(shelf.journal)] == ["ada"]
    use.close()


def test_a_store_that_cannot_be_written_to_turns_nobody_away(shelf: Shelf, use: UseLog) -> None:
    shelf.refuses.append("the store is read-only")
    use.did(Did.SIGNED_IN, who="ada")
    assert use.trouble == "the store is read-only"
    assert [each.who for each in use.waiting()] == ["ada"]
    shelf.refuses.clear()
    use.did(Did.SIGNED_IN, who="ada")
    assert use.trouble == ""
    assert [(each.who, each.count) for each in used(shelf.journal)] == [("ada", 2)]
    assert shelf.opened == 2, "what failed is opened anew"


def test_a_flood_is_counted_and_not_held(shelf: Shelf, use: UseLog) -> None:
    for number in range(2000):
        use.did(Did.REFUSED, who=f"guess {number}", what="signing in")
    assert len(use.waiting()) == 61
    use.did(Did.SIGNED_IN, who="ada", role=Role.VIEWER)
    assert sum(each.count for each in used(shelf.journal)) == 2001


def test_who_looks_at_everything_is_told_with_a_count_and_hides_nobody(shelf: Shelf, use: UseLog) -> None:
    for number in range(1000):
        name = "ada" if number % 2 else "CORP\\Ada"  # one person, however they write their name
        use.did(Did.LOOKED, who=f"{name} (S-1)", role=Role.VIEWER, what=f"/object/{number}", sid="S-1")
    use.did(Did.EXPORTED, who="ada (S-1)", role=Role.VIEWER, what="/changes.csv", sid="S-1")
    use.did(Did.LOOKED, who="bert (S-2)", role=Role.VIEWER, what="/object/1", sid="S-2")
    use.close()
    *each, looked, exported, other = used(shelf.journal)
    assert [(deed.count, deed.what) for deed in each] == [(1, f"/object/{number}") for number in range(60)]
    assert (looked.who, looked.did, looked.count, looked.what) == ("S-1", "looked", 940, "more than is told apart")
    assert (exported.who, exported.did, exported.count, exported.what) == ("S-1", "exported", 1, looked.what)
    assert (other.who, other.what) == ("bert (S-2)", "/object/1")


def test_who_signs_in_again_and_again_adds_no_more_in_a_minute(shelf: Shelf, use: UseLog, clock: Clock) -> None:
    """Signing in is kept at once, and with it all that waits: that is no fresh start."""
    for number in range(300):
        use.did(Did.LOOKED, who="ada (S-1)", role=Role.VIEWER, what=f"/object/{number}", sid="S-1")
        use.did(Did.SIGNED_IN, who="ada (S-1)", role=Role.VIEWER, sid="S-1")
    assert len(use.waiting()) == 2, "what came beyond is in no hurry"
    kept = used(shelf.journal)
    assert (len(kept), {deed.count for deed in kept}) == (60, {1})
    assert sum(commit.kind is CommitKind.USE for commit in shelf.journal.commits()) == 30
    clock.now += 60
    use.did(Did.LOOKED, who="ada (S-1)", role=Role.VIEWER, what="/object/300", sid="S-1")
    use.close()
    assert [(deed.count, deed.what) for deed in used(shelf.journal)[60:]] == [
        (270, "more than is told apart"),
        (270, "more than is told apart"),
        (1, "/object/300"),
    ]


def test_while_the_store_takes_nothing_no_more_is_held_each_minute(shelf: Shelf, use: UseLog, clock: Clock) -> None:
    for number in range(300):
        use.did(Did.LOOKED, who="ada (S-1)", role=Role.VIEWER, what=f"/object/{number}", sid="S-1")
        clock.now += 10
    assert len(use.waiting()) == 61
    assert sum(deed.count for deed in use.waiting()) == 300


def test_a_flood_hides_nobody_who_signs_in_or_takes_back(shelf: Shelf, use: UseLog) -> None:
    shelf.refuses.append("the store is read-only")
    for number in range(1000):
        use.did(Did.REFUSED, who=f"guess {number}", what="signing in")
    use.did(Did.AGREED, who="ada", what="to commit 3")
    shelf.refuses.clear()
    use.did(Did.ENDED, who="ada", what="to commit 3: done and proven")
    assert [(each.did, each.what) for each in used(shelf.journal) if each.who == "ada"] == [
        ("agreed", "to commit 3"),
        ("ended", "to commit 3: done and proven"),
    ]


def test_half_a_character_keeps_nothing_else_out_of_the_journal(shelf: Shelf, use: UseLog) -> None:
    """What a restore says of a file whose name is no UTF-8."""
    use.did(Did.LOOKED, who="bert", what="/")
    use.did(Did.ENDED, who="ada", what="not done: a\udcff.bat cannot be restored")
    assert {(each.who, each.what) for each in used(shelf.journal)} == {
        ("bert", "/"),
        ("ada", "not done: a\\udcff.bat cannot be restored"),
    }
    assert use.trouble == ""


def test_much_is_kept_in_several_commits(shelf: Shelf, use: UseLog) -> None:
    for number in range(200):
        use.did(Did.PLANNED, who=f"operator {number % 4}", role=Role.OPERATOR, what=f"{number} {'x' * 5000}")
    use.close()
    assert len(used(shelf.journal)) == 200
    assert sum(each.kind is CommitKind.USE for each in shelf.journal.commits()) > 1


def _console(shelf: Shelf, use: UseLog, place: Path) -> tuple[Console, SignIn, Desk]:
    desk = Desk(lambda: opened_again(shelf.journal))
    sign_in = SignIn(place / "code", lambda: NOON + 100)
    views = Views(desk, health="")
    return Console(views, sign_in, names=frozenset({HOST}), cookie="c", use=use), sign_in, desk


def test_a_page_tells_who_looked_and_says_what_is_not_kept(shelf: Shelf, use: UseLog, tmp_path: Path) -> None:
    console, sign_in, desk = _console(shelf, use, tmp_path)
    cookie = ask(console.app, "/login", query=f"code={sign_in.issue()}").headers["set-cookie"].partition(";")[0]
    viewer = f"c={sign_in.admit('ada <b>(S-1)', Role.VIEWER)}"
    assert ask(console.app, f"/object/{guid_text(ADA)}.json", cookie=viewer).code == 200
    assert ask(console.app, "/changes.csv", cookie=viewer).code == 200
    assert ask(console.app, "/use", cookie=viewer).code == 403, "who looks is not for everybody"
    assert "/use" not in ask(console.app, "/", cookie=viewer).text
    assert ask(console.app, "/login", query="code=guessed").code == 403
    told = ask(console.app, "/use.json", cookie=cookie).json
    assert [(each["who"], each["did"], each["what"]) for each in told["deeds"] if each["seq"]] == [
        ("a code", "signed in", None)
    ]
    assert {(each["who"], each["did"], each["what"]) for each in told["deeds"] if not each["seq"]} >= {
        ("ada <b>(S-1)", "looked", f"/object/{guid_text(ADA)}"),
        ("ada <b>(S-1)", "exported", "/changes.csv"),
        ("ada <b>(S-1)", "was refused", "/use"),
        ("a code", "was refused", "signing in"),
    }
    page = ask(console.app, "/use", query="who=S-1", cookie=cookie).text
    assert "ada &lt;b&gt;(S-1)" in page
    assert "not in the journal yet" in page
    shelf.refuses.append("the store is read-only")
    use.did(Did.SIGNED_IN, who="bert")
    assert "the store is read-only" in ask(console.app, "/changes", cookie=viewer).text
    desk.close()


def test_the_newest_commit_is_not_what_people_did(shelf: Shelf, use: UseLog, tmp_path: Path) -> None:
    before = shelf.journal.head.seq
    console, sign_in, desk = _console(shelf, use, tmp_path)
    cookie = ask(console.app, "/login", query=f"code={sign_in.issue()}").headers["set-cookie"].partition(";")[0]
    assert ask(console.app, "/overview.json", cookie=cookie).json["head"]["seq"] == before
    assert opened_again(shelf.journal).head.seq == before + 1
    desk.close()


def test_what_people_did_is_no_step_in_an_objects_life(shelf: Shelf, use: UseLog, tmp_path: Path) -> None:
    """From now one step back is before its last change, however many looked since."""
    last = shelf.journal.head.seq
    console, sign_in, desk = _console(shelf, use, tmp_path)
    cookie = ask(console.app, "/login", query=f"code={sign_in.issue()}").headers["set-cookie"].partition(";")[0]
    shelf.journal.note_use(Use().model_dump_json(), writer=OTHER, now=NOON + 200)
    document = ask(console.app, f"/object/{guid_text(ADA)}.json", cookie=cookie).json
    assert (document["now"], document["history"][0]["seq"], document["earlier"]) == (last + 2, last, 3)
    desk.close()
