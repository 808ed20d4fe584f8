"""`tools/bench restore`. Exit codes: 0 every goal is met, 1 one is missed."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console

from tools.bench_capture.ground import Ground
from tools.bench_restore.measures import restores, small_losses
from tools.bench_restore.stand import Loss
from tools.bench_store.figures import Figure, report

_SMALL: Final = 100
"""Users lost where the cost is to follow the loss, not the directory."""


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench restore", description="How long restores and plans take.")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs each figure is the median of (3)")
    parser.add_argument("--users", type=int, default=2_000, metavar="N", help="users lost (2000)")
    parser.add_argument(
        "--objects", type=int, nargs="*", default=[1_000, 10_000, 50_000], metavar="N",
        help="users of the directories that lose 100 (1000 10000 50000)",
    )  # fmt: skip
    parser.add_argument(
        "--backend", choices=("tdb", "mdb"), default="tdb", help="what Samba keeps the directory in (tdb)"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: to see that it runs")
    parser.add_argument("--images", type=Path, metavar="PATH", help="keep the filled domains here, or find them here")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    less = 10 if given.quick else 1
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    figures: list[Figure] = []
    # directly below /tmp: Unix sockets allow short paths only
    with tempfile.TemporaryDirectory(prefix="adp-bench-", dir="/tmp") as name:
        place = Path(name)
        ground = Ground(given.images or place, backend=given.backend)
        users = given.users // less
        console.print(f"a domain that loses {users:,} users")
        figures += restores(Loss.make(ground.image(0), place / "r", lost=users), given.runs, users=users)
        for objects in (each // less for each in given.objects):
            console.print(f"a domain of {objects:,} users that loses {_SMALL}")
            place_of = place / f"p{objects}"
            large = Loss.make(ground.image(objects), place_of, lost=_SMALL)
            figures += small_losses(large, given.runs, users=objects, lost=_SMALL)
            shutil.rmtree(place_of)
    return report(figures, runs=given.runs, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
