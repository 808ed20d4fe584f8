"""`tools/bench boot`. Exit code 0; there is no goal to miss, the DC's own start is what to compare with."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from tools.bench_restore.stand import Loss, Stand
from tools.bench_store.figures import Figure, figure, report
from tools.samba_dc import Golden

_PATIENCE_S: Final = 1800.0
_ASK_EVERY_S: Final = 0.02
_STOP_S: Final = 60


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench boot", description="How long it takes until a DC is open.")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs each figure is the median of (3)")
    parser.add_argument("--lost", type=int, nargs="+", default=[0, 100, 5_000], metavar="N", help="users lost")
    parser.add_argument("--engine", choices=("auto", "ldap", "local"), default="auto", help="how to write (auto)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    figures: list[Figure] = []
    # directly below /tmp: Unix sockets allow short paths only
    with tempfile.TemporaryDirectory(prefix="adp-bench-", dir="/tmp") as name:
        golden = Golden.provision(Path(name) / "golden")
        for lost in given.lost:
            console.print(f"a domain that loses {lost:,} users")
            loss = Loss.make(golden, Path(name) / str(lost), lost=lost)
            figures += boots(loss, given.runs, lost=lost, engine=given.engine)
    return report(figures, runs=given.runs, as_json=given.json)


def boots(loss: Loss, runs: int, *, lost: int, engine: str) -> Iterator[Figure]:
    """From the start of a DC that was put back until everybody can log in, and the same DC started as it is."""
    booted, plain = [], []
    for _ in range(runs):
        loss.put_back()
        plain.append(opening_s(loss, loss.dc.command()))
        loss.put_back()
        words = [sys.executable, "-m", "adpersist", "boot", "--engine", engine, "--config", str(loss.config), "--"]
        booted.append(opening_s(loss, [*words, *loss.dc.command()]))
    yield figure(
        f"boot to open, {lost:,} users lost", booted, "s", against="the reverted DC's own start", baselines=plain
    )


def opening_s(stand: Stand, command: Sequence[str]) -> float:
    """Seconds until the DC answers everybody; it is ended afterwards."""
    log = stand.place / "boot.log"
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ, start_new_session=True)
    try:
        while not stand.dc.answers():
            if process.poll() is not None or time.monotonic() - began > _PATIENCE_S:
                raise RuntimeError(f"the DC did not open ({process.poll()}): {log.read_text(errors='replace')[-2000:]}")
            time.sleep(_ASK_EVERY_S)
        return time.monotonic() - began
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_STOP_S)


if __name__ == "__main__":
    sys.exit(main())
