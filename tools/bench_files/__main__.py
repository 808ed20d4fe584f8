"""`tools/bench files`. Exit codes: 0 every goal is met, 1 one is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import structlog
from rich.console import Console

from tools.bench_capture.ground import Ground
from tools.bench_files.measures import measured
from tools.bench_store.figures import report
from tools.bench_store.measures import cores


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench files", description="What SYSVOL costs beside a running DC.")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs each figure is the median of (3)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    Console(stderr=True).print(f"measuring on {cores()}")
    # directly below /tmp: Unix sockets allow short paths only
    with tempfile.TemporaryDirectory(prefix="adp-bench-", dir="/tmp") as scratch:
        figures = measured(Ground(Path(scratch)), runs=given.runs, less=10 if given.quick else 1)
    return report(figures, runs=given.runs, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
