"""`tools/bench scale`. Exit code 0: nothing of it has a goal."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Final

import structlog
from rich.console import Console
from rich.table import Table

from adpersist.agent.upkeep.checkpoints import worth
from tools.bench_scale.model import LIMITS_OF, Fleet, lines, taken
from tools.bench_scale.rows import measured

ABOUT: Final = f"""\
What many large domains would take of one Azure table, and where that stops growing. Rows are measured: a journal is
written by the journal itself, in the mix of looks that `tools/bench year` has, and laid out as it is for Azure; their
bytes are counted as Azure counts them. The rest is multiplied; nothing of it is run against Azure.

  limits   {LIMITS_OF}
           (20,000 requests a second an account, 2,000 entities of 1 KiB a second a partition, 500 TiB a table); 5 PiB
           an account: learn.microsoft.com/azure/storage/common/scalability-targets-standard-account, likewise
  sizes    4 + 2 x both keys + for each property 8 + 2 x its name + its value: how Microsoft says an entity is counted
  prices   none could be looked up where this was written; those given by default are round numbers of their order. Take
           yours from azure.microsoft.com/pricing/details/storage/tables, in your region and redundancy
"""


def main() -> int:
    """Measure, multiply, show."""
    parser = argparse.ArgumentParser(
        prog="tools/bench scale", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dcs", type=int, default=1_000, metavar="N", help="domain controllers (1000)")
    parser.add_argument("--objects", type=int, default=1_000_000, metavar="N", help="objects of each (1000000)")
    parser.add_argument(
        "--changes-a-day", type=float, metavar="N", help="of each (ten a year an object, as `tools/bench year` has)"
    )
    parser.add_argument("--peak", type=float, default=20, metavar="X", help="the busiest second to the middle one (20)")
    parser.add_argument("--keep-days", type=float, default=90, metavar="D", help="[journal] keep (90)")
    parser.add_argument(
        "--checkpoint-every-commits", type=int, metavar="N",
        help="[journal] checkpoint_every_commits (as an agent does that is told nothing)",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint-every-bytes", type=int, metavar="N", help="[journal] checkpoint_every_bytes (the same)"
    )  # fmt: skip
    parser.add_argument("--beat-s", type=float, default=300, metavar="S", help="[agent] beat (300)")
    parser.add_argument("--gb-month", type=float, default=0.05, metavar="P", help="price of a GB for a month (0.05)")
    parser.add_argument("--ten-thousand", type=float, default=0.0004, metavar="P", help="of 10,000 requests (0.0004)")
    parser.add_argument("--sample", type=int, default=20_000, metavar="N", help="changes that are measured (20000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    rows = measured(given.sample)
    commits, size = worth(given.objects, round(given.objects * rows.kept_bytes))
    fleet = Fleet(
        dcs=given.dcs,
        objects=given.objects,
        changes_a_day=given.objects * 10 / 365 if given.changes_a_day is None else given.changes_a_day,
        peak=given.peak,
        keep_days=given.keep_days,
        checkpoint_commits=given.checkpoint_every_commits or commits,
        checkpoint_bytes=given.checkpoint_every_bytes or size,
        beat_s=given.beat_s,
        gb_month=given.gb_month,
        ten_thousand=given.ten_thousand,
    )
    if given.json:
        print(json.dumps({"asked": asdict(fleet), "rows": asdict(rows), "a_dc": asdict(taken(fleet, rows))}, indent=2))
        return 0
    table = Table("what", "how much", "beside", header_style="bold")
    for name, value in asdict(rows).items():
        table.add_row(f"measured: {name.replace('_', ' ')}", f"{value:,.2f}", "")
    for line in lines(fleet, rows):
        table.add_row(*line)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
