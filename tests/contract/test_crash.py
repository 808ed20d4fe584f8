"""A writer killed at any moment: what it acknowledged is there, the chain is whole, and the next one goes on."""

import random
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest

from adpersist.errors import NoJournalError
from adpersist.model.identity.ids import Seq
from tests.contract.conftest import REPOSITORY, Place
from tests.contract.writing import body

COUNT = 6


def run(place: Place, journal: str, *words: str, count: int = COUNT) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.contract.writing", place.url, journal, str(count), *words],
        stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip


def acknowledged(process: subprocess.Popen[str], *, timeout_s: float = 120) -> int:
    output, _ = process.communicate(timeout=timeout_s)
    return int(output.split()[-1]) if output.split() else 0


def survived(place: Place, journal: str) -> int:
    """The journal's last number, after proving that it is whole."""
    with closing(place.open(journal)) as store:
        try:
            head = store.head()
        except NoJournalError:
            return 0
        frames = list(store.frames(after=Seq(0)))
        assert [frame.seq for frame in frames] == list(range(1, head.seq + 1))
        assert all(frame.body == body(frame.seq) for frame in frames)
        assert head.body.split()[0] == b"%d" % head.seq
        return head.seq


@pytest.mark.parametrize("call", [1, 4])
@pytest.mark.parametrize("fault", ["die_before", "die_after"])
def test_killed_around_an_append_nothing_acknowledged_is_lost(
    durable: Place, journal: str, fault: str, call: int
) -> None:
    process = run(durable, journal, "append", fault, str(call))
    told = acknowledged(process)
    assert process.returncode == -signal.SIGKILL
    assert told == call - 1
    assert survived(durable, journal) == (call if fault == "die_after" else call - 1)
    again = run(durable, journal)
    assert acknowledged(again) == COUNT
    assert survived(durable, journal) == COUNT


@pytest.mark.parametrize("fault", ["die_before", "die_after"])
def test_killed_around_creation_the_next_one_goes_on(durable: Place, journal: str, fault: str) -> None:
    process = run(durable, journal, "create", fault, "1")
    assert acknowledged(process) == 0
    assert process.returncode == -signal.SIGKILL
    assert survived(durable, journal) == 0
    assert acknowledged(run(durable, journal)) == COUNT
    assert survived(durable, journal) == COUNT


def test_killed_at_any_moment_nothing_acknowledged_is_lost(durable: Place, journal: str) -> None:
    moments = random.Random(20240607)
    reached = 0
    for _ in range(12):
        process = run(durable, journal, count=1_000_000)
        assert process.stdout is not None
        process.stdout.readline()  # it is at work
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        told = max(acknowledged(process), reached + 1)
        before, reached = reached, survived(durable, journal)
        assert told <= reached <= max(told, before) + 1
