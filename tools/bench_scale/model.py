"""What so many domain controllers take, from what one object and one change take. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Final

from tools.bench_scale.rows import Rows

LIMITS_OF: Final = "learn.microsoft.com/azure/storage/tables/scalability-targets, read 2026-11-29 in a stored copy"
ACCOUNT_RATE: Final = 20_000
"""Requests a second, of entities of 1 KiB, to a storage account."""
PARTITION_RATE: Final = 2_000
"""Entities of 1 KiB a second, to a partition."""
TABLE_BYTES: Final = 500 * 2**40
ACCOUNT_BYTES: Final = 5 * 2**50
_READ: Final = 0.5
"""A checkpoint is made of the one before, which is read twice, four parts a request."""
DAY_S: Final = 86_400.0
MONTH_DAYS: Final = 365 / 12
CHECKPOINT_BYTES: Final = 90
"""That each checkpoint takes in the head."""
HEAD_BYTES: Final = 393_216
"""The head cannot be larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What is asked about.

    Attributes:
        dcs: Domain controllers, each with a journal.
        objects: Of each.
        changes_a_day: Of each.
        peak: How many times busier the busiest second is than the middle of all.
        keep_days: For how long every point can be restored.
        checkpoint_commits, checkpoint_bytes: A checkpoint after so many commits, or bytes of them.
        beat_s: A quiet agent writes the head so often.
        gb_month, ten_thousand: Price of 10^9 bytes for a month, and of 10,000 requests.
    """

    dcs: int
    objects: int
    changes_a_day: float
    peak: float
    keep_days: float
    checkpoint_commits: int
    checkpoint_bytes: int
    beat_s: float
    gb_month: float
    ten_thousand: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one DC takes.

    Attributes:
        commits_a_day: Transactions that hold a look.
        requests_a_day: All requests that are billed, beats and checkpoints among them.
        rows_a_second: Entities in the busiest second.
        checkpoints: That are kept.
        checkpoint_bytes: Of one of them.
        commits_bytes: Of all commits that are kept.
        head_bytes: Of the head, with that many checkpoints.
    """

    commits_a_day: float
    requests_a_day: float
    rows_a_second: float
    checkpoints: float
    checkpoint_bytes: float
    commits_bytes: float
    head_bytes: float

    @property
    def size(self) -> float:
        """Bytes in the table."""
        return self.checkpoints * self.checkpoint_bytes + self.commits_bytes + self.head_bytes


def taken(fleet: Fleet, rows: Rows) -> Taken:
    """By one DC, once it is as old as what is kept."""
    commits = fleet.changes_a_day * rows.looks_a_change
    written = fleet.changes_a_day * rows.change_bytes
    checkpoint = fleet.objects * rows.kept_bytes
    a_day = max(commits / fleet.checkpoint_commits, written / fleet.checkpoint_bytes)
    kept = 1 + fleet.keep_days * a_day
    parts = checkpoint / 2**20
    quiet = max(0.0, DAY_S / fleet.beat_s - commits)
    return Taken(
        commits_a_day=commits,
        requests_a_day=commits + quiet + a_day * (1 + _READ) * parts,
        rows_a_second=fleet.peak * commits / DAY_S * (rows.rows_a_look + 1),
        checkpoints=kept,
        checkpoint_bytes=checkpoint,
        commits_bytes=fleet.keep_days * written,
        head_bytes=rows.head_bytes + CHECKPOINT_BYTES * kept,
    )


def lines(fleet: Fleet, rows: Rows) -> Iterator[tuple[str, str, str]]:
    """What is to be told: what it is, how much, and beside which limit."""
    one = taken(fleet, rows)
    size, rate = fleet.dcs * one.size, fleet.dcs * one.rows_a_second
    requests = fleet.dcs * one.requests_a_day * MONTH_DAYS
    room, price = size / 1e9 * fleet.gb_month, requests / 1e4 * fleet.ten_thousand
    yield "partitions", f"{fleet.dcs * (1 + one.checkpoints):,.0f}", "as many as fit: one a journal, one a checkpoint"
    yield "commits a day, of a DC", f"{one.commits_a_day:,.0f}", ""
    busy = one.rows_a_second
    yield "rows in the busiest second, of a DC", f"{busy:,.2f}", _of(busy, PARTITION_RATE, "a partition's")
    yield "the same, of all", f"{rate:,.0f}", _of(rate, ACCOUNT_RATE, "an account's")
    yield "one checkpoint", _size(one.checkpoint_bytes), ""
    yield "checkpoints kept, of a DC", f"{one.checkpoints:,.0f}", f"{_size(one.checkpoints * one.checkpoint_bytes)}"
    yield "commits kept, of a DC", f"{one.commits_a_day * fleet.keep_days:,.0f}", f"{_size(one.commits_bytes)}"
    yield "head of a DC", _size(one.head_bytes), _of(one.head_bytes, HEAD_BYTES, "the largest head's")
    yield "all of it", _size(size), _of(size, TABLE_BYTES, "a table's 500 TiB")
    yield "requests a month", f"{requests:,.0f}", ""
    yield "a month's room", f"{room:,.0f}", f"{fleet.gb_month:g} a GB"
    yield "a month's requests", f"{price:,.0f}", f"{fleet.ten_thousand:g} for 10,000"
    yield "a month, together", f"{room + price:,.0f}", f"{(room + price) / fleet.dcs:,.2f} a DC"
    yield from _ends(one)


def _ends(one: Taken) -> Iterator[tuple[str, str, str]]:
    """How many DCs would fill what; the least is where it stops growing."""
    yield "DCs that fill a table", f"{TABLE_BYTES / one.size:,.0f}", "500 TiB"
    yield "DCs that fill an account", f"{ACCOUNT_BYTES / one.size:,.0f}", "5 PiB"
    busiest = ACCOUNT_RATE / one.rows_a_second if one.rows_a_second else inf
    yield "DCs that take an account's whole rate", f"{busiest:,.0f}", "20,000 a second"


def _of(value: float, limit: float, whose: str) -> str:
    return f"{100 * value / limit:.2g} % of {whose}"


def _size(value: float) -> str:
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if value >= unit:
            return f"{value / unit:,.1f} {name}"
    return f"{value / 1e3:,.1f} kB"
