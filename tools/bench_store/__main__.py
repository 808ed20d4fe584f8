"""`tools/bench store`. Exit codes: 0 every goal is met, 1 one is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import structlog
from rich.console import Console

from tools.bench_store import measures, real
from tools.bench_store.figures import Figure, report
from tools.bench_store.stand import azurite


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench store", description="Latency, size and speed of the journal.")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs each figure is the median of (3)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--directory", type=Path, metavar="PATH", help="where the SQLite files lie: the disk to measure"
    )
    parser.add_argument("--address", metavar="IP", help="loopback address of the DC (a free one)")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    figures: list[Figure] = []
    less = 10 if given.quick else 1
    with tempfile.TemporaryDirectory(prefix="adp-bench-", dir=given.directory) as name:
        place = Path(name)
        plain = "plain SQLite insert, same bytes, fsync"
        console.print(f"measuring on {measures.cores()}: SQLite")
        for size, count in ((1, 500 // less), (1000, 50 // less)):
            figures += measures.appends(
                "SQLite",
                f"sqlite://{place}",
                given.runs,
                size=size,
                count=count,
                plain=lambda: measures.plain_sqlite(place),
                against=plain,
            )
        figures += measures.change_sizes(place, given.runs)
        console.print("replay")
        figures += measures.replay(place, given.runs, changes=200_000 // less)
    with azurite() as address:
        console.print("Azurite")
        for size, count in ((1, 200 // less), (1000, 30 // less)):
            figures += measures.appends(
                "Azurite",
                f"azurite://{address}",
                given.runs,
                size=size,
                count=count,
                plain=lambda: measures.plain_entity(address),
                against="plain entity insert, same bytes",
            )
    console.print("a real DC")
    figures += real.measure(given.address)
    return report(figures, runs=given.runs, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
