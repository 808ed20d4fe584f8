"""`tools/bench people`. Exit codes: 0 every goal is met, 1 one is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from tools.bench_people import measures
from tools.bench_people.crowd import crowd
from tools.bench_restore.stand import Stand
from tools.bench_store.figures import Figure, report
from tools.samba_dc import SambaDC, free_address

GROUPS = ("change", "group", "lost", "boot", "delete", "move", "rights")
"""Each begins with the same image, which is of the moment after the first look."""


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench people", description="A directory of a hundred thousand people.")
    parser.add_argument("group", nargs="*", choices=[*GROUPS, []], help="what to measure after the first look (all)")
    parser.add_argument("--people", type=int, default=100_000, metavar="N", help="people in the directory (100000)")
    parser.add_argument(
        "--backend", choices=("tdb", "mdb"), default="tdb", help="what Samba keeps the directory in (tdb)"
    )
    parser.add_argument("--quick", action="store_true", help="two thousand people: to see that it runs")
    parser.add_argument("--images", type=Path, metavar="PATH", help="keep the filled domains here, or find them here")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    people = 2_000 if given.quick else given.people
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    figures: list[Figure] = []
    # directly below /tmp: Unix sockets allow short paths only
    with tempfile.TemporaryDirectory(prefix="adp-bench-", dir="/tmp") as name:
        place = Path(name)
        console.print(f"a domain of {people:,} people, kept in {given.backend}")
        golden = crowd(given.images or place, people, given.backend)
        stand = Stand(place=place / "stand", dc=SambaDC(golden, place / "stand" / "dc", address=free_address()))
        stand.place.mkdir()
        groups: dict[str, Callable[[], Iterator[Figure]]] = {
            "change": lambda: measures.one_change(stand, people),
            "group": lambda: measures.group(stand, people),
            "lost": lambda: measures.losses(stand, 100),
            "boot": lambda: measures.boots(stand),
            "delete": lambda: measures.deeds(stand, first_s, "delete"),
            "move": lambda: measures.deeds(stand, first_s, "move"),
            "rights": lambda: measures.deeds(stand, first_s, "rights"),
        }
        figures += _said(measures.first_look(stand), console)
        first_s = figures[0].value
        for group in given.group or GROUPS:
            figures += _said(groups[group](), console)
    return report(figures, runs=1, as_json=given.json)


def _said(figures: Iterator[Figure], console: Console) -> Iterator[Figure]:
    """The same; each is said when it is there, for the next may take minutes."""
    for each in figures:
        beside = f", beside {each.baseline:.4g}: {each.against}" if each.baseline else ""
        console.print(f"{each.name}: {each.value:.4g} {each.unit}{beside}")
        yield each


if __name__ == "__main__":
    sys.exit(main())
