"""What was measured, and how it is shown."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes:
        name: What it is.
        value: The median of the runs.
        unit: Of the value.
        spread: Lowest and highest of the runs.
        goal: What it should be, in words; empty for none.
        met: Whether it is; None without a goal.
        against: What it is compared with; empty for nothing.
        baseline: The same number of that.
        ratio: Value to baseline.
    """

    name: str
    value: float
    unit: str
    spread: tuple[float, float]
    goal: str = ""
    met: bool | None = None
    against: str = ""
    baseline: float | None = None
    ratio: float | None = None


def figure(
    name: str,
    values: Sequence[float],
    unit: str,
    *,
    goal: str = "",
    reached: Callable[[float], bool] | None = None,
    against: str = "",
    baselines: Sequence[float] = (),
) -> Figure:
    """The figure of several runs."""
    value = statistics.median(values)
    baseline = statistics.median(baselines) if baselines else None
    return Figure(
        name=name,
        value=value,
        unit=unit,
        spread=(min(values), max(values)),
        goal=goal,
        met=reached(value) if reached else None,
        against=against,
        baseline=baseline,
        ratio=value / baseline if baseline else None,
    )


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def document(figures: Sequence[Figure], runs: int) -> dict[str, Any]:
    """For machines."""
    return {"runs": runs, "figures": [asdict(each) for each in figures]}


def report(figures: Sequence[Figure], *, runs: int, as_json: bool) -> int:
    """Print them, for machines or for people; the exit code: 1 where a goal is missed."""
    if as_json:
        print(json.dumps(document(figures, runs), indent=2))
    else:
        show(figures, Console(width=None if sys.stdout.isatty() else 160))
    return 1 if any(each.met is False for each in figures) else 0


def show(figures: Sequence[Figure], console: Console) -> None:
    """For people."""
    table = Table(header_style="bold")
    for name in ("what", "median", "of runs", "goal", "compared with", "that", "ratio"):
        table.add_column(
            name, justify="left" if name in ("what", "goal", "compared with") else "right", overflow="fold"
        )
    for each in figures:
        table.add_row(
            each.name,
            f"{_round(each.value)} {each.unit}",
            f"{_round(each.spread[0])} - {_round(each.spread[1])}",
            f"{each.goal} {'met' if each.met else 'MISSED'}" if each.goal else "",
            each.against,
            _round(each.baseline) if each.baseline is not None else "",
            f"{each.ratio:.2f}" if each.ratio is not None else "",
        )
    console.print(table)


def _round(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
