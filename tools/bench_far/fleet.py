"""Many writers in one table, each a process with a journal of its own, against one alone.

A writer is what an agent is to the store: it holds its journal, and commits a look whenever one is due. That there is
no real domain controller behind it changes nothing for the table, and lets twenty-four of them run on one machine.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Final

import structlog

from adpersist.errors import FencedError
from adpersist.journal.journal import Journal
from adpersist.stores.registry import open_store
from tools.bench_store.figures import Figure, figure, percentile
from tools.bench_store.stand import Writing

RATE: Final = 2.0
"""Changes a second, of each writer."""
_OBJECTS: Final = 200

_meeting: list[Barrier] = []
"""Of this process: where all writers wait for each other, so that they begin together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """What one writer saw.

    Attributes:
        took_ms: Of each commit, from when it was due until the store had acknowledged it.
        lost: Changes that were acknowledged and are not in its journal, read anew from the table at the end.
        foreign: Changes that are there and that it did not write.
        fenced: How often it was told that somebody else holds its journal.
    """

    took_ms: list[float]
    lost: int
    foreign: int
    fenced: int


def fleet(address: str, writers: int, seconds: float) -> Iterator[Figure]:
    """One writer for so long, then many at once.

    Args:
        address: Of an Azurite.
        writers: How many there are.
        seconds: For how long each time.
    """
    (alone,), many = (_together(address, count, seconds, f"fleet{count}") for count in (1, writers))
    half = percentile(alone.took_ms, 0.5)
    halves = [percentile(each.took_ms, 0.5) for each in many]
    together = [took for each in many for took in each.took_ms]
    yield figure(f"{writers} writers in one table, {RATE:g} changes a second each: p50 of a commit", together, "ms",
                 goal="<= 2 x", reached=lambda value: value <= 2 * half,
                 against="one writer", baselines=alone.took_ms)  # fmt: skip
    yield figure("the same: p50 of the slowest and the quickest writer", halves, "ms")
    yield figure("the same: p99 of all", [percentile(together, 0.99)], "ms",
                 against="one writer", baselines=[percentile(alone.took_ms, 0.99)])  # fmt: skip
    yield figure("the same: commits", [len(together)], "")
    for name, number in (
        ("fenced", sum(each.fenced for each in many)),
        ("acknowledged writes lost", sum(each.lost for each in many)),
        ("writes in another's journal", sum(each.foreign for each in many)),
    ):
        yield figure(f"the same: {name}", [number], "", goal="0", reached=lambda value: value == 0)


def _together(address: str, writers: int, seconds: float, table: str) -> list[Wrote]:
    spawning = multiprocessing.get_context("spawn")
    with spawning.Pool(writers, _meet_at, [spawning.Barrier(writers)]) as others:
        jobs = [(f"azurite://{address}/{table}", number, seconds) for number in range(writers)]
        return others.starmap(_write, jobs, chunksize=1)


def _meet_at(barrier: Barrier) -> None:
    _meeting.append(barrier)


def _write(url: str, number: int, seconds: float) -> Wrote:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    writing = Writing(url, objects=_OBJECTS, seed=1000 + number)
    writing.first_look()
    first = writing.journal.head.seq
    _meeting[0].wait()
    drawn, took_ms, sent, fenced = random.Random(number), [], [], 0
    begins = time.time()
    due = begins + drawn.random() / RATE
    while due < begins + seconds:
        time.sleep(max(0.0, due - time.time()))
        changes = writing.changes(1)
        try:
            writing.commit(changes)
        except FencedError:
            fenced += 1
            break
        took_ms.append(1000 * (time.time() - due))
        sent += changes
        due += drawn.uniform(0.5, 1.5) / RATE
    journal = Journal.open(open_store(url, journal=writing.id), writing.key)
    found = [change for commit in journal.commits(after=first) for change in commit.changes]
    journal.close()
    writing.close()
    common = sum(mine == theirs for mine, theirs in zip(sent, found, strict=False))
    return Wrote(took_ms=took_ms, lost=len(sent) - common, foreign=len(found) - common, fenced=fenced)
