"""A journal of many changes: how long until the state at a point is there."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from adpersist.journal.journal import Journal
from adpersist.state.fold import fold
from adpersist.stores.registry import open_store
from tools.bench_store.figures import Figure, figure
from tools.bench_store.stand import Writing

_A_LOOK = 20


def opening(place: Path, runs: int, *, objects: int, changes: int) -> list[Figure]:
    """A checkpoint of so many objects, so many changes after it, and the state after the last one."""
    url = f"sqlite://{place}/open{secrets.token_hex(4)}.db"
    writing = Writing(url, objects=objects)
    writing.first_look()
    writing.journal.write_checkpoint(writing.journal.head.seq, fold(writing.journal).values(), now=time.time())
    for _ in range(changes // _A_LOOK):
        writing.commit(writing.changes(_A_LOOK))
    writing.close()
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        journal = Journal.open(open_store(url, journal=writing.id), writing.key)
        state = fold(journal)
        took.append(time.perf_counter() - began)
        assert len(state) == objects
        journal.close()
    return [
        figure(
            f"opening a journal: checkpoint of {objects:,} objects and {changes:,} changes", took, "s",
            goal="< 5 s", reached=lambda value: value < 5,
        )
    ]  # fmt: skip
