"""Killed anywhere: what was acknowledged is there, nothing is there twice, and the next writer goes on."""

import random
import secrets
from pathlib import Path

import pytest

from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.head import Writer
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.state import State
from adpersist.stores.registry import open_store
from tests.cases import cases
from tests.contract.conftest import azurite
from tests.crash.appending import folded, write, wrote
from tests.faults import Fault, Point
from tests.golden.journal_samples import IDENTITY, NOON, OTHER, key, new_journal, position
from tests.processes import KILLED, Process

__all__ = ["azurite"]

LOOKS = 6


def run(url: str, *deaths: tuple[Point, Fault, int], looks: int = LOOKS) -> list[str]:
    """What a process told before it died, or came to its end."""
    process = Process(write, url, looks, *deaths)
    process.end()
    return process.told


def expected(through: int) -> dict[Guid, ObjectState]:
    return dict(State().apply(change for number in range(1, through + 1) for change in wrote(number)))


def survived(url: str, told: list[str]) -> None:
    """The promises, seen from a process that knows nothing but the store."""
    store = open_store(url, journal=journal_id(IDENTITY))
    try:
        assert check_journal(store, key()).findings == ()
        journal = Journal.open(store, key())
        acknowledged = max((int(line.split()[1]) for line in told if line.startswith("look")), default=0)
        durable = journal.head.position.usn if journal.head.position else 0
        assert acknowledged <= durable <= acknowledged + 1
        if durable:
            states, commits = journal.history(journal.resolve(None, now=NOON))
            state = State(states).apply(change for commit in commits for change in commit.changes)
            assert dict(state) == expected(durable)
        delivered: dict[Guid, bool] = {}
        for commit in journal.commits(after=journal.head.pruned):
            for change in commit.changes:  # only a look that was cut off is looked again
                assert not delivered.get(change.guid, False)
                delivered[change.guid] = commit.ends_look
        for line in told:
            if line.startswith("checkpoint"):
                seq = Seq(int(line.split()[1]))
                assert seq < journal.head.pruned or any(each.seq == seq for each in journal.head.checkpoints)
    finally:
        store.close()


def begin(url: str) -> str:
    store = open_store(url, journal=journal_id(IDENTITY))
    new_journal(store)
    store.close()
    return url


APPENDS = [(Point.APPEND, call) for call in range(1, 14)]
OTHERS = [
    (Point.PUT_CHECKPOINT, 1),
    (Point.PUT_CHECKPOINT, 2),
    (Point.CHECKPOINT, 1),
    (Point.FRAMES, 2),
    (Point.TRIM, 1),
    (Point.DROP_CHECKPOINT, 1),
]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new journal lies."""
    if request.param == "sqlite":
        return begin(f"sqlite://{tmp_path}/journal.db")
    return begin(f"azurite://{request.getfixturevalue('azurite')}/t{secrets.token_hex(8)}")


@pytest.mark.sampled
@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
@pytest.mark.parametrize(
    ("url", "point", "call"),
    [
        *(("sqlite", *where) for where in [*APPENDS, *OTHERS]),
        *(("azurite", *where) for where in [*APPENDS[::4], *OTHERS]),
    ],
    indirect=["url"],
)
def test_a_process_that_dies_around_a_write_loses_nothing(url: str, point: Point, call: int, fault: Fault) -> None:
    told = run(url, (point, fault, call))
    assert "end" not in told
    survived(url, told)
    told += run(url)
    assert told[-1] == "end"
    survived(url, told)


@pytest.mark.parametrize("url", ["sqlite", "azurite"], indirect=True)
def test_a_process_killed_at_any_moment_loses_nothing(url: str) -> None:
    moments = random.Random(815)
    told: list[str] = []
    for number in range(cases(12)):
        process = Process(write, url, 1_000_000)
        for _ in range(1 + number % 3):  # it is at work: whenever the kill comes, it meets a write
            process.listen()
        process.kill_after(moments.uniform(0, 0.1))
        assert process.end() == KILLED
        assert process.told[0].startswith("look")
        told += process.told
        survived(url, told)
    last = max(int(line.split()[1]) for line in told if line.startswith("look"))
    told += run(url, looks=last + 4)
    assert told[-1] == "end"
    survived(url, told)


def test_a_restore_that_dies_is_seen_and_gone_on_with(tmp_path: Path) -> None:
    url = begin(f"sqlite://{tmp_path}/journal.db")
    run(url)
    store = open_store(url, journal=journal_id(IDENTITY))
    journal = Journal.open(store, key())
    target = journal.head.seq
    journal.begin_restore(target=target, writer=OTHER, now=NOON)
    again = Journal.open(store, key())  # the first process is no more
    assert again.head.target == target
    again.begin_restore(target=target, writer=Writer(id="second", host="crash", pid=1), now=NOON)
    head = again.end_restore(now=NOON)
    assert (head.timeline, head.position) == (2, None)
    assert dict(folded(again)) == expected(LOOKS)
    again.commit([], position=position(99), usn_from=position(1).usn, witnesses=(), complete=True, now=NOON)
    assert check_journal(store, key()).findings == ()
    store.close()
