"""Reading many changes for a heal, near and far by turns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Final

from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.state.fold import fold
from adpersist.stores.registry import open_store
from tools.bench_far.relay import relayed
from tools.bench_store.figures import Figure, figure
from tools.bench_store.stand import Writing

_OBJECTS: Final = 2_000
_GOAL: Final = 1.5


def reading(address: str, delay_ms: float, changes: int, runs: int) -> Iterator[Figure]:
    """A journal of looks of one change, or twenty, folded to its head; by the clock.

    Args:
        address: Of an Azurite.
        delay_ms: How long a byte is on its way.
        changes: How many there are in looks of twenty; a tenth of it in looks of one.
        runs: How often each is read, near and far by turns.
    """
    for size, total in ((20, changes), (1, changes // 10)):
        writing = Writing(f"azurite://{address}/reading{size}", objects=_OBJECTS)
        writing.first_look()
        for _ in range(total // size):
            writing.commit(writing.changes(size))
        head = writing.journal.head.seq
        with relayed(address, 0) as near, relayed(address, delay_ms) as far:
            times: dict[str, list[float]] = {near: [], far: []}
            for _ in range(runs):
                for place, took in times.items():
                    took.append(_folded_s(writing, f"azurite://{place}/reading{size}", head))
        writing.close()
        ratio = min(times[far]) / min(times[near])
        yield figure(
            f"{total:,} changes in looks of {size} read and folded", times[far], "s", goal="<= 1.5 x",
            reached=partial(_within, ratio), against="the same without delay", baselines=times[near],
        )  # fmt: skip


def _within(ratio: float, _seconds: float) -> bool:
    return ratio <= _GOAL


def _folded_s(writing: Writing, url: str, head: Seq) -> float:
    began = time.perf_counter()
    journal = Journal.open(open_store(url, journal=writing.id), writing.key)
    assert journal.head.seq == head
    fold(journal)
    journal.close()
    return time.perf_counter() - began
