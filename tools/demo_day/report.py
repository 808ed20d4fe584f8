"""The story as a person reads it, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.demo_day.story import RESTORE, Story
from tools.demo_day.view import IGNORED
from tools.samba_dc import samba_version


def document(story: Story) -> Mapping[str, Any]:
    """For machines."""
    return {
        "samba": samba_version(),
        "holds": story.holds,
        "lost": story.losses.lost,
        "back": story.losses.back,
        "losses": {what: asdict(tally) for what, tally in story.losses.tallies.items()},
        "proofs": [asdict(each) for each in story.proofs],
        "times_s": {what: round(seconds, 3) for what, seconds in story.times.items()},
        "status_after_revert": story.status,
        "guard": story.guard,
        "not_compared": IGNORED,
    }


def show(story: Story, console: Console) -> None:
    """For people."""
    console.print(_losses(story))
    console.print(_proofs(story))
    console.print(_times(story))
    console.print("Not compared, because replication carries none of it:")
    for attribute, reason in IGNORED.items():
        console.print(Text(f"  {attribute}: {reason}"))
    verdict = Text("Everything came back, and every proof holds." if story.holds else "NOT everything holds.")
    verdict.stylize("bold green" if story.holds else "bold red")
    console.print()
    console.print(verdict)


def _losses(story: Story) -> Table:
    table = Table(title="What the revert took, and what came back", title_justify="left", header_style="bold")
    table.add_column("what the day had done")
    table.add_column("lost", justify="right")
    table.add_column("back", justify="right")
    table.add_column("for example")
    for what, tally in story.losses.tallies.items():
        style = "" if tally.lost == tally.back else "bold red"
        table.add_row(Text(what), str(tally.lost), str(tally.back), Text(tally.example), style=style)
    table.add_section()
    table.add_row("all", str(story.losses.lost), str(story.losses.back), "", style="bold")
    return table


def _proofs(story: Story) -> Table:
    table = Table(title="Proofs", title_justify="left", header_style="bold")
    for column in ("what must hold", "who looked", "", "detail"):
        table.add_column(column, overflow="fold")
    for each in story.proofs:
        verdict = Text("holds", style="green") if each.holds else Text("FAILS", style="bold red")
        table.add_row(Text(each.claim), Text(each.by), verdict, Text(each.detail, style="" if each.holds else "red"))
    return table


def _times(story: Story) -> Table:
    table = Table(title="How long it took", title_justify="left", header_style="bold")
    table.add_column("what")
    table.add_column("seconds", justify="right")
    for what, seconds in story.times.items():
        table.add_row(what, f"{seconds:.2f}", style="bold" if what == RESTORE else "")
    return table
