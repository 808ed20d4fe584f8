"""Killed anywhere: what was acknowledged is there, nothing is there twice, and the next writer goes on.

``python -m tests.crash.test_journal_append URL POINT FAULT CALL`` is the process that dies.
"""

import hashlib
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.head import Writer
from adpersist.model.objects.change import Change
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.state import State
from adpersist.stores.port import Store
from adpersist.stores.registry import open_store
from tests.contract.conftest import azurite
from tests.faults import Fault, FaultyStore, Injection, Point
from tests.golden.journal_samples import IDENTITY, NOON, OTHER, created, key, look, new_journal, position

__all__ = ["azurite"]

REPOSITORY = Path(__file__).parents[2]
LOOKS = 6
LARGE = 2_500_000
"""Bytes of every third look's photo: three frames, so that a process also dies between the parts of a change."""


def wrote(number: int) -> list[Change]:
    """What look ``number`` found: the same in the process that writes it and in the test."""
    photo = hashlib.shake_256(b"%d" % number).digest(LARGE) if number % 3 == 0 else b"small"
    return [created(f"user{number}", {"jpegPhoto": (photo,)}), created(f"computer{number}")]


def write(store: Store) -> None:
    """Go on from where the journal stands; tell of every look once it is durable."""
    journal = Journal.open(store, key())
    journal.claim(Writer(id=f"process-{os.getpid()}", host="crash", pid=os.getpid()), now=NOON)
    state = folded(journal)
    done = journal.head.position.usn if journal.head.position else 0
    for number in range(done + 1, LOOKS + 1):
        changes = wrote(number)
        look(journal, changes, number)
        tell(f"look {number}")
        state.apply(changes)
        if number % 2 == 0:
            journal.write_checkpoint(journal.head.seq, state.everything(), now=NOON)
            tell(f"checkpoint {journal.head.seq}")
        if number % 4 == 0:
            journal.prune(oldest=journal.head.seq, keep_marks=False, now=NOON)
            tell(f"pruned {journal.head.pruned}")
    tell("end")


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def folded(journal: Journal) -> State:
    states, commits = journal.history(journal.head.seq)
    return State(states).apply(change for commit in commits for change in commit.changes)


def run(url: str, *fault: str) -> list[str]:
    """What the process told before it died, or came to its end."""
    command = [sys.executable, "-m", "tests.crash.test_journal_append", url, *fault]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False, timeout=120)
    assert done.returncode in (0, -9), done.stderr.decode()
    return done.stdout.decode().splitlines()


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
    told = run(url, point, fault, str(call))
    assert "end" not in told
    survived(url, told)
    told += run(url)
    assert told[-1] == "end"
    survived(url, told)


@pytest.mark.parametrize("url", ["sqlite", "azurite"], indirect=True)
def test_a_process_killed_at_any_moment_loses_nothing(url: str) -> None:
    told: list[str] = []
    for number in range(12):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.test_journal_append", url], cwd=REPOSITORY, stdout=subprocess.PIPE
        )
        time.sleep(0.25 + 0.65 * (number * 7 % 12) / 12)
        process.kill()
        told += process.communicate()[0].decode().splitlines()
        survived(url, told)
    told += run(url)
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


if __name__ == "__main__":
    opened = open_store(sys.argv[1], journal=journal_id(IDENTITY))
    if len(sys.argv) > 2:
        planned = Injection(point=Point(sys.argv[2]), fault=Fault(sys.argv[3]), call=int(sys.argv[4]))
        opened = FaultyStore(opened, [planned])
    write(opened)
