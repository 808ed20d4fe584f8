"""One commit after another, near and far by turns: how many round trips one takes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tools.bench_far.relay import relayed
from tools.bench_store.figures import Figure, figure
from tools.bench_store.stand import Writing


def commits(address: str, delay_ms: float, count: int) -> Iterator[Figure]:
    """From a look that is whole until it is durable, and known to be.

    Args:
        address: Of an Azurite.
        delay_ms: How long a byte is on its way.
        count: How many each way.
    """
    with relayed(address, 0) as near_line, relayed(address, delay_ms) as far_line:
        near, far = (Writing(f"azurite://{line}/commits{place}", objects=100) for place, line in
                     enumerate((near_line, far_line)))  # fmt: skip
        times: tuple[list[float], list[float]] = ([], [])
        for writing in (near, far):
            writing.first_look()
        for _ in range(count):
            for writing, took in zip((near, far), times, strict=True):
                look = writing.changes(1)
                began = time.perf_counter()
                writing.commit(look)
                took.append(1000 * (time.perf_counter() - began))
        for writing in (near, far):
            writing.close()
    plain, ours = times
    yield figure("a commit of one change, the quickest", [min(ours)], "ms",
                 against="the same without delay", baselines=[min(plain)])  # fmt: skip
    allowed = sorted(plain)[len(plain) // 2] + 2 * delay_ms * 1.25
    yield figure("a commit of one change, p50", ours, "ms", goal="one round trip more",
                 reached=lambda value: value <= allowed,
                 against="the same without delay", baselines=plain)  # fmt: skip
