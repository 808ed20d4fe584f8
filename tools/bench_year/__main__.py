"""`tools/bench year`. Exit codes: 0 every goal is met, 1 one is missed."""

from __future__ import annotations

import argparse
import multiprocessing
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog
from rich.console import Console

from tools.bench_store.figures import Figure, figure, report
from tools.bench_store.measures import cores
from tools.bench_store.stand import Writing, azurite
from tools.bench_year import measures
from tools.bench_year.filling import fill
from tools.bench_year.measures import MEGABYTE, Cost, Place

ABOUT: Final = """\
A journal of a year, filled as an agent fills it: a first look at every object, then looks of one change to two hundred,
a tenth of them passwords, committed one by one, with a checkpoint whenever the agent would write one. Then what people
and agents ask of it, each in a process of its own.

                                                                          goal       2026-11-29, two busy cores
  open      the head is read and opened                                   3 s        0.001 s
  start     of every object what it is told apart by, for an agent        3 s        2.8 s
  state     the whole directory, at the point farthest from a checkpoint  8 s        2.3 s
  history   all that happened to one object, by the index                 0.2 s      0.01 s
  check     every commit and checkpoint proven                            100 MB/s   218 MB/s
            the same: memory                                              100 MB     75 MB

The goals, and what was measured, are for 1,000,000 changes of 100,000 objects in SQLite, which take a quarter of an
hour of a core to write, and 4 GB: `tools/bench year --changes 1000000 --objects 100000`. Seconds are of processor time,
to which neighbours on the machine add little; with Azurite, which works in a process of its own, by the clock.
`--keep` leaves what was filled, and takes it the next time.
"""

Result = TypeVar("Result")


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(
        prog="tools/bench year", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--changes", type=int, default=20_000, metavar="N", help="after the first look (20000)")
    parser.add_argument("--objects", type=int, default=2_000, metavar="N", help="in the first look (2000)")
    parser.add_argument("--store", choices=("sqlite", "azurite"), default="sqlite", help="where it lies (sqlite)")
    parser.add_argument("--keep", type=Path, metavar="PATH", help="a SQLite journal is left there, or found there")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    console.print(f"measuring on {cores()}: {given.objects:,} objects, {given.changes:,} changes, {given.store}")
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="adp-bench-")))
        if given.store == "azurite":
            url = f"azurite://{stack.enter_context(azurite())}/year"
            place = filled(url, given.objects, given.changes, console)
        else:
            place = kept(given.keep or scratch, given.objects, given.changes, console)
        figures = list(measured(place, scratch / "index", console, is_local=given.store == "sqlite"))
    return report(figures, runs=1, as_json=given.json)


def kept(directory: Path, objects: int, changes: int, console: Console) -> Place:
    """The journal in a directory; filled, if it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    known, file = directory / f"year-{objects}-{changes}", directory / f"year-{objects}-{changes}.db"
    if known.exists():
        found = pickle.loads(known.read_bytes())  # noqa: S301 - our own
        assert isinstance(found, Place)
        return found
    file.unlink(missing_ok=True)
    place = filled(f"sqlite://{file.absolute()}", objects, changes, console)
    known.write_bytes(pickle.dumps(place))
    return place


def filled(url: str, objects: int, changes: int, console: Console) -> Place:
    """A new journal of a year."""
    began, said = time.monotonic(), 0.0

    def progress(made: int) -> None:
        nonlocal said
        if time.monotonic() - said > 30:
            said = time.monotonic()
            console.print(f"{made:,} changes after {said - began:.0f} s")

    writing = Writing(url, objects=objects)
    made = fill(writing, changes, progress)
    head = writing.journal.head
    console.print(
        f"filled in {time.monotonic() - began:.0f} s: {head.seq:,} commits, {len(head.checkpoints)} checkpoints"
    )
    writing.close()
    return Place(url=url, journal=writing.id, secret=writing.secret, objects=writing.objects, changes=made)


def measured(place: Place, index: Path, console: Console, *, is_local: bool) -> Iterator[Figure]:
    """Each question, with its goal."""

    def seconds(cost: Cost) -> float:
        return cost.processor_s if is_local else cost.seconds

    def timed(name: str, costs: list[Cost], goal_s: float) -> Figure:
        took = [seconds(each) for each in costs]
        return figure(name, took, "s", goal=f"below {goal_s:g} s", reached=lambda value: value < goal_s)

    def asked(name: str, measure: Callable[[], Result]) -> Result:
        console.print(name)
        with _apart() as other:
            return other.submit(measure).result()

    opened = asked("open", partial(measures.opening, place))
    yield figure("commits", [opened[0].size], "")
    yield timed("open: the head", opened, 3)
    started = asked("start", partial(measures.starting, place))
    yield timed("start: what an agent begins with", started, 3)
    yield figure("start: memory at the most", [started[0].peak / MEGABYTE], "MB")
    state = asked("state", partial(measures.farthest, place))
    yield timed("state at the point farthest from a checkpoint", state, 8)
    yield figure("state: memory at the most", [state[0].peak / MEGABYTE], "MB")
    made, told = asked("history", partial(measures.histories, place, index))
    yield figure("history: the index made, once", [seconds(each) for each in made], "s")
    yield timed("history of one object, by the index", told, 0.2)
    plain = asked("the same bytes, read", partial(measures.reading, place))
    checked = asked("check", partial(measures.checking, place))
    yield figure("all of it in the store", [plain[0].size / MEGABYTE], "MB")
    yield figure(
        "check", [each.size / MEGABYTE / seconds(each) for each in checked], "MB/s", goal=">= 100 MB/s",
        reached=lambda value: value >= 100, against="the same bytes read, and SHA-256 over them",
        baselines=[each.size / MEGABYTE / seconds(each) for each in plain],
    )  # fmt: skip
    yield figure(
        "check: memory at the most", [each.peak / MEGABYTE for each in checked], "MB", goal="<= 100 MB",
        reached=lambda value: value <= 100,
    )  # fmt: skip


@contextmanager
def _apart() -> Iterator[ProcessPoolExecutor]:
    """A process that has nothing in memory yet."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        yield other


if __name__ == "__main__":
    sys.exit(main())
