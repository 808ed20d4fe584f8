"""Drawings as numbers: where the points of a time line and the bars of a chart stand. Pure; templates draw them."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

_WIDTH: Final = 720.0
_MARGIN: Final = 60.0
_HEIGHT: Final = 80.0
_UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def span_words(seconds: float) -> str:
    """``3.2 s``, ``4 min``, ``2.5 d``."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def time_line(moments: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
    """Points of a line, evenly apart, with the time between them: they lie seconds and weeks from each other.

    Args:
        moments: What happened, and when (RFC 3339; None: unknown, and left out), in order.
    """
    known = [(label, moment) for label, moment in moments if moment is not None]
    apart = (_WIDTH - 2 * _MARGIN) / max(len(known) - 1, 1)
    points = [
        {"x": round(_MARGIN + apart * number, 1), "label": label, "time": moment}
        for number, (label, moment) in enumerate(known)
    ]
    gaps = [
        {"x": round(_MARGIN + apart * (number + 0.5), 1), "words": span_words(max(_seconds(one, other), 0.0))}
        for number, ((_, one), (_, other)) in enumerate(pairwise(known))
    ]
    return {"width": _WIDTH, "height": 90.0, "points": points, "gaps": gaps, "end": points[-1]["x"] if points else 0}


def bars(counts: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Bars of a chart, one a count; each has its label and its number for who cannot see it."""
    most = max((count for _, count in counts), default=0) or 1
    wide = _WIDTH / max(len(counts), 1)
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "bars": [
            {
                "x": round(number * wide, 2),
                "y": round(_HEIGHT - (high := _HEIGHT * count / most), 2),
                "width": round(max(wide - 0.6, 0.4), 2),
                "height": round(high, 2),
                "label": label,
                "count": count,
            }
            for number, (label, count) in enumerate(counts)
            if count
        ],
        "most": most if counts else 0,
    }


def _seconds(one: str, other: str) -> float:
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()
