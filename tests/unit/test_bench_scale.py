"""What a fleet would take of Azure is multiplied out of measured rows as a person would do it by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adpersist.model.identity.ids import Seq
from adpersist.stores.azure import layout
from adpersist.stores.port import Frame
from tools.bench_scale.model import Fleet, taken
from tools.bench_scale.rows import Rows, billed, measured

ROWS = Rows(object_bytes=1000, kept_bytes=1500, change_bytes=300, looks_a_change=0.2, rows_a_look=1, head_bytes=1000)
FLEET = Fleet(
    dcs=10, objects=100_000, changes_a_day=86_400, peak=10, keep_days=100, checkpoint_commits=17_280,
    checkpoint_bytes=10**9, beat_s=300, gb_month=0.05, ten_thousand=0.0004,
)  # fmt: skip


def test_a_row_is_counted_as_azure_counts_it() -> None:
    (row,) = layout.frame_entities("a" * 32, Frame(seq=Seq(1), body=b"x" * 100))
    keys, parts, body = 2 * (32 + 1 + 16 + 3), 8 + 2 * 5 + 4, 8 + 2 * 2 + 4 + 100
    assert billed(row) == 4 + keys + parts + body
    head = layout.head_entity("a" * 32, 1, b"x" * 10)
    assert billed(head) == 4 + 2 * (32 + 4) + (8 + 2 * 3 + 8) + (8 + 2 * 2 + 4 + 10)


def test_what_a_controller_takes_is_multiplied_out() -> None:
    one = taken(FLEET, ROWS)
    assert one.commits_a_day == 17_280
    assert one.rows_a_second == pytest.approx(10 * 0.2 * 2)
    assert one.checkpoints == 101
    assert one.checkpoint_bytes == 150e6
    assert one.size == pytest.approx(101 * 150e6 + 100 * 86_400 * 300 + 1000 + 101 * 90)
    rarer = taken(replace(FLEET, checkpoint_commits=172_800), ROWS)
    assert rarer.checkpoints == pytest.approx(11)
    quiet = taken(replace(FLEET, changes_a_day=0), ROWS)
    assert (quiet.requests_a_day, quiet.checkpoints) == (288, 1)


def test_rows_are_measured_on_a_journal() -> None:
    rows = measured(200)
    assert 1000 < rows.object_bytes < rows.kept_bytes < 3000
    assert 0 < rows.looks_a_change <= 1 <= rows.rows_a_look
