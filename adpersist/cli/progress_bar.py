"""The bar that a terminal draws."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Empty until there is something to tell."""
        return Text(f"{task.speed:.0f}/s" if task.speed else "")


class ProgressBar:
    """One line on standard error, which goes when it is stopped."""

    def __init__(self) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._now: tuple[str, int | None] = ("connecting", None)
        self._task = self._bar.add_task("connecting", total=None)

    def start(self) -> None:
        """Draw it from now on."""
        self._bar.start()

    def stop(self) -> None:
        """Take it from the screen."""
        self._bar.stop()

    def show(self, what: str, done: int, total: int | None) -> None:
        """So much of something is done; what is done next has a rate of its own."""
        if self._now != (what, total):
            self._now = what, total
            self._bar.remove_task(self._task)
            self._task = self._bar.add_task(what, total=total)
        self._bar.update(self._task, completed=done)
