"""`tools/bench peers`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.bench_peers import measures
from tools.bench_peers.measures import Peer
from tools.bench_people.crowd import crowd
from tools.bench_store.measures import cores
from tools.samba_dc import Golden


def main() -> int:
    """Measure; the exit code: 1 where adpersist brought back less than everybody, as who they were."""
    parser = argparse.ArgumentParser(
        prog="tools/bench peers",
        description="What people use instead of adpersist: a run, a revert, and what is there afterwards.",
    )
    parser.add_argument("--people", type=int, default=2_000, metavar="N", help="people in the domain (2000)")
    parser.add_argument("--later", type=int, default=100, metavar="N", help="those who come before the revert (100)")
    parser.add_argument("--images", type=Path, metavar="PATH", help="keep the filled domains here, or find them here")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    console.print(f"measuring on {cores()}")
    found: list[Peer] = []
    # directly below /tmp: Unix sockets allow short paths only
    with tempfile.TemporaryDirectory(prefix="adp-bench-", dir="/tmp") as name:
        place = Path(name)
        golden = crowd(given.images or place, given.people, "tdb")
        for peer in _all(golden, place, given.later):
            console.print(f"{peer.name}: {peer.back} of {peer.came} are back, after {peer.open_s:.1f} s")
            found.append(peer)
    if given.json:
        print(json.dumps([peer.document() for peer in found], indent=2))
    else:
        Console(width=None if sys.stdout.isatty() else 200).print(_table(found))
    ours = found[0]
    return 0 if (ours.back, ours.kept, ours.host) == (ours.came, ours.of, True) else 1


def _all(golden: Golden, place: Path, newcomers: int) -> Iterator[Peer]:
    yield measures.adpersist(golden, place / "a", newcomers)
    yield measures.backup(golden, place / "n", newcomers, how="online")
    yield measures.backup(golden, place / "f", newcomers, how="offline")
    yield from measures.second_dc(golden, place / "s", newcomers)


def _table(found: list[Peer]) -> Table:
    table = Table()
    for head in ("way", "a run", "size", "back of those who came last", "until it is served", "all others as they were",
                 "the DC as it was", "remark"):  # fmt: skip
        table.add_column(head)
    for peer in found:
        table.add_row(
            peer.name,
            "goes on all the time" if peer.run_s is None else f"{peer.run_s:.1f} s",
            "" if peer.run_mb is None else f"{peer.run_mb:.1f} MB",
            f"{peer.back} of {peer.came}",
            f"{peer.open_s:.1f} s",
            f"{peer.kept} of {peer.of}",
            "yes" if peer.host else "no",
            peer.remark,
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
