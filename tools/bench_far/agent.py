"""A real agent beside a real DC, whose store is near or far: how long a change, and a burst of them, takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from adpersist.agent import connections
from adpersist.config import StoreSection
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from tools.bench_capture.ground import Domain, Ground, Journaled
from tools.bench_capture.latency import BURST, RATE, Seen, Writer, latencies_ms, touch
from tools.bench_far.relay import relayed
from tools.bench_store.figures import Figure, figure, percentile

_USERS: Final = 2_500
_SETTLED_S: Final = 10.0
_PATIENCE_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What one line gave.

    Attributes:
        half_ms: Of single changes, from the DC's yes until the agent knew them durable: the middle one.
        burst_s: From the DC's yes until the last of a burst was.
    """

    half_ms: float
    burst_s: float


def written(ground: Ground, address: str, delay_ms: float, *, seconds: float, runs: int) -> Iterator[Figure]:
    """Steady writes, then a burst, through a line without delay and one with, by turns.

    Args:
        ground: Makes the DC.
        address: Of an Azurite.
        delay_ms: How long a byte is on its way.
        seconds: Of steady writes, each time.
        runs: How often near and far.
    """
    with (
        ground.domain(_USERS) as near_dc,
        ground.domain(_USERS) as far_dc,
        relayed(address, 0) as near_line,
        relayed(address, delay_ms) as far_line,
    ):
        near = near_dc, near_dc.journal("near", f"azurite://{near_line}/near"), f"azurite://{address}/near", 0.0
        far = far_dc, far_dc.journal("far", f"azurite://{far_line}/far"), f"azurite://{address}/far", delay_ms
        for _, journaled, _, _ in (near, far):
            journaled.once()
        found = [(_through(*near, seconds, run), _through(*far, seconds, run)) for run in range(runs)]
    ours, plain = [far.half_ms for _, far in found], [near.half_ms for near, _ in found]
    allowed = min(plain) + 2 * delay_ms * 1.25  # a quarter for what neighbours on the machine do to one of the two
    yield figure(f"a change, {RATE:g} a second: from the DC's yes to durable, p50", ours, "ms",
                 goal="one round trip more", reached=lambda _: min(ours) <= allowed,
                 against="the same without delay", baselines=plain)  # fmt: skip
    bursts, plain_bursts = [far.burst_s for _, far in found], [near.burst_s for near, _ in found]
    yield figure(f"a burst of {BURST:,} changes until durable", bursts, "s",
                 goal="<= 1.5 x", reached=lambda _: min(bursts) <= 1.5 * min(plain_bursts),
                 against="the same without delay", baselines=plain_bursts)  # fmt: skip


def _through(domain: Domain, journaled: Journaled, url: str, delay_ms: float, seconds: float, run: int) -> Times:
    """One turn. What is in the store is acknowledged to the agent a way later, which is added."""
    with journaled.agent(), _watched(journaled, url) as seen:
        time.sleep(_SETTLED_S)
        writer = Writer(domain.dc, _USERS)
        half_ms = percentile(latencies_ms(writer.write(seconds), seen), 0.5) + delay_ms
        touch(domain.dc, f"burst {run}")
        done = time.monotonic()
        wanted = {b"burst %d of %d" % (run, number) for number in range(BURST)}
        while not wanted <= seen.keys():
            assert time.monotonic() < done + _PATIENCE_S, "the burst never became durable"
            time.sleep(0.005)
        burst_s = max(seen[token] for token in wanted) - done + delay_ms / 1000
    return Times(half_ms=half_ms, burst_s=burst_s)


@contextmanager
def _watched(journaled: Journaled, url: str) -> Iterator[Seen]:
    """Notes when values are in the store, asked by the short way."""
    seen: Seen = {}
    stop = threading.Event()

    def follow() -> None:
        config = journaled.config
        journal = connections.journal(config.model_copy(update={"store": StoreSection(url=url)}), None)
        last: Seq = journal.head.seq
        while not stop.wait(0.01):
            last = _note(journal, last, seen)
        journal.close()

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _note(journal: Journal, last: Seq, seen: Seen) -> Seq:
    head = journal.refresh().seq
    now = time.monotonic()
    for commit in journal.commits(after=last):
        for change in commit.changes:
            for values in change.values.values():
                seen.update(dict.fromkeys(values, now))
    return head
