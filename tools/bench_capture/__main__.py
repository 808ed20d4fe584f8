"""`tools/bench capture`. Exit codes: 0 every goal is met, 1 one is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import structlog
from rich.console import Console

from tools.bench_capture import audit, changes, latency, looks
from tools.bench_capture.ground import Ground
from tools.bench_capture.opening import opening
from tools.bench_store.figures import Figure, report
from tools.bench_store.measures import cores
from tools.bench_store.stand import azurite

GROUPS = ("look", "changes", "latency", "idle", "memory", "burst", "open", "scaling", "audit")


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench capture", description="Speed and size of capture.")
    parser.add_argument("group", nargs="*", choices=[*GROUPS, []], help="what to measure (all)")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs each figure is the median of (3)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--images", type=Path, metavar="PATH", help="keep the filled domains here, or find them here")
    parser.add_argument("--address", metavar="IP", help="loopback address of the DC (a free one)")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    less = 10 if given.quick else 1
    with ExitStack() as stack:
        # directly below /tmp: Unix sockets allow short paths only
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="adp-bench-", dir="/tmp")))
        ground = Ground(given.images or scratch, given.address)
        groups: dict[str, Callable[[], list[Figure]]] = {
            "look": lambda: looks.durable(ground, 10_000 // less, given.runs, stack.enter_context(azurite())),
            "changes": lambda: changes.sizes(ground, 1_000 // less, given.runs),
            "latency": lambda: latency.steady(ground, 5_000 // less, given.runs, seconds=30 / less),
            "idle": lambda: latency.idle(ground, 5_000 // less, seconds=60 / less),
            "memory": lambda: looks.memory(ground, 50_000 // less),
            "burst": lambda: latency.burst(ground, max(5_000 // less, latency.BURST), given.runs),
            "open": lambda: opening(scratch, given.runs, objects=10_000, changes=100_000 // less),
            "audit": lambda: audit.audited(ground, given.runs, seconds=10 / less),
            "scaling": lambda: looks.scaling(ground, [1_000, 10_000, 50_000][: 2 if given.quick else 3], given.runs),
        }
        figures: list[Figure] = []
        for name in given.group or GROUPS:
            console.print(f"measuring on {cores()}: {name}")
            figures += groups[name]()
    return report(figures, runs=given.runs, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
