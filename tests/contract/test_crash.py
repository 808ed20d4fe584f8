"""A writer killed at any moment: an append is there whole or not at all, and the next one goes on.

That a journal made of such appends survives is tests/crash/test_journal_append.py's matter.
"""

import random
from contextlib import closing

import pytest

from adpersist.errors import NoJournalError
from adpersist.model.identity.ids import Seq
from tests.cases import cases
from tests.contract.conftest import Place
from tests.contract.writing import FRAMES, body, write
from tests.faults import Fault, Point
from tests.processes import KILLED, Process

COUNT = 6 * FRAMES
DEATHS = [Fault.DIE_BEFORE, Fault.DIE_AFTER]


def run(place: Place, journal: str, *deaths: tuple[Point, Fault, int], count: int = COUNT) -> Process:
    return Process(write, place.url, journal, count, *deaths)


def acknowledged(process: Process) -> int:
    """The last number it told, after its end."""
    process.end()
    return int(process.told[-1]) if process.told else 0


def survived(place: Place, journal: str) -> int:
    """The journal's last number, after proving that no append is there in part."""
    with closing(place.open(journal)) as store:
        try:
            head = store.head()
        except NoJournalError:
            assert store.spare() is None
            return 0
        assert head.seq % FRAMES == 0
        frames = list(store.frames(after=Seq(0)))
        assert [frame.seq for frame in frames] == list(range(1, head.seq + 1))
        assert all(frame.body == body(frame.seq) for frame in frames)
        assert list(store.frames(after=head.seq, through=Seq(head.seq + FRAMES))) == []
        assert head.body.split()[0] == b"%d" % head.seq
        assert store.spare() == (head.body if head.seq else None)
        return head.seq


@pytest.mark.sampled
@pytest.mark.parametrize("call", [1, 4])
@pytest.mark.parametrize("fault", DEATHS)
def test_killed_around_an_append_nothing_acknowledged_is_lost(
    durable: Place, journal: str, fault: Fault, call: int
) -> None:
    process = run(durable, journal, (Point.APPEND, fault, call))
    assert process.end() == KILLED
    told = acknowledged(process)
    assert told == (call - 1) * FRAMES
    assert survived(durable, journal) == told + (FRAMES if fault is Fault.DIE_AFTER else 0)
    assert acknowledged(run(durable, journal)) == COUNT
    assert survived(durable, journal) == COUNT


@pytest.mark.parametrize("fault", DEATHS)
def test_killed_around_creation_the_next_one_goes_on(durable: Place, journal: str, fault: Fault) -> None:
    process = run(durable, journal, (Point.CREATE, fault, 1))
    assert process.end() == KILLED
    assert not process.told
    assert survived(durable, journal) == 0
    assert acknowledged(run(durable, journal)) == COUNT
    assert survived(durable, journal) == COUNT


def test_killed_at_any_moment_nothing_acknowledged_is_lost(durable: Place, journal: str) -> None:
    moments = random.Random(20240607)
    reached = 0
    for _ in range(cases(12)):
        process = run(durable, journal, count=1_000_000)
        process.listen()  # it is at work
        process.kill_after(moments.uniform(0, 0.1))
        told = acknowledged(process)
        before, reached = reached, survived(durable, journal)
        assert before < told <= reached <= told + FRAMES
