"""`tools/bench far`. Exit codes: 0 every goal is met, 1 one is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console

from tools.bench_capture.ground import Ground
from tools.bench_far.agent import written
from tools.bench_far.commits import commits
from tools.bench_far.fleet import fleet
from tools.bench_far.reading import reading
from tools.bench_store.figures import Figure, report
from tools.bench_store.measures import cores
from tools.bench_store.stand import azurite

ABOUT: Final = """\
A table 40 ms away, and a table that many write to; both an Azurite on this machine. Everything is compared with the
same without delay, or with one writer alone, in the same run, by the clock: neighbours on the machine slow both.

  commits   from a look that is whole until it is durable, through the journal as an agent has it
            goal: one round trip more (p50); on a busy machine the quickest tells how many there are
            2026-11-29, two cores that others used: met; the quickest 44 ms and 4 without delay
  agent     a real agent beside a real DC: one change, and 2,000 in one transaction, until they are durable
            goals: one round trip more (p50); 1.5 x
            met (98 ms and 48 without delay; missed by 6 ms at load 10); met (1.37 x)
  reading   what a heal reads: 100,000 changes in looks of twenty, 10,000 in looks of one, folded to a state
            goal: 1.5 x; met (1.25 x); met (1.34 x)
  fleet     24 processes with a journal each in one table, 2 changes a second each, against one of them
            goals: 2 x (p50), nobody fenced, no acknowledged write lost; met (0.65 x, 0, 0). No DC is behind them: to
            the table an agent is who holds a journal and appends to it.

A byte is held back for 20 ms either way (`--delay-ms`) by a program of this bench, since not every kernel has netem;
what it lets through at once is not limited, and no packet is lost. Azurite is one process on the same cores as those
that write to it; a table of Azure's serves 2,000 entities a second in each partition, and every DC has its own.
"""

GROUPS: Final = ("commits", "reading", "agent", "fleet")


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(
        prog="tools/bench far", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("group", nargs="*", choices=[*GROUPS, []], help="what to measure (all)")
    parser.add_argument("--delay-ms", type=float, default=20.0, metavar="MS", help="that a byte is on its way (20)")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="near and far by turns so often (3)")
    parser.add_argument("--writers", type=int, default=24, metavar="N", help="processes in `fleet` (24)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of writes to a table (60)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, once: to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    less, runs = (10, 1) if given.quick else (1, given.runs)
    seconds = given.seconds / less
    figures: list[Figure] = []
    # directly below /tmp: Unix sockets allow short paths only
    with tempfile.TemporaryDirectory(prefix="adp-bench-", dir="/tmp") as place, azurite() as address:
        ground = Ground(Path(place))
        groups: dict[str, Callable[[], Iterator[Figure]]] = {
            "commits": lambda: commits(address, given.delay_ms, 200 // less),
            "reading": lambda: reading(address, given.delay_ms, 100_000 // less, runs),
            "agent": lambda: written(ground, address, given.delay_ms, seconds=seconds, runs=runs),
            "fleet": lambda: fleet(address, given.writers, seconds),
        }
        for group in given.group or GROUPS:
            console.print(f"{group}, on {cores()}")
            figures += groups[group]()
    return report(figures, runs=runs, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
