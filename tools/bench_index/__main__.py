"""`tools/bench index`. Exit codes: 0 every goal is met, 1 one is missed."""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console

from adpersist.console.web.access.sign_in import SignIn
from adpersist.console.web.app import Console as Pages
from adpersist.console.web.desk import Desk
from adpersist.console.web.views import Views
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.folded import FoldedReading, Reading
from adpersist.reading.index.answering import indexed
from adpersist.stores.registry import open_store
from tests import asking
from tools.bench_store.figures import Figure, document, figure, show
from tools.bench_store.measures import cores
from tools.bench_store.stand import NC, Writing

GOAL_S: Final = 0.2
GOAL_PAGE_S: Final = 0.3
GOAL_START_S: Final = 2.0
SHOWN: Final = ("description", "telephoneNumber", "userPrincipalName", "userAccountControl", "whenCreated")
PER_COMMIT: Final = 20
Question = Callable[[Reading, int], object]
"""Asks for the object of a number."""


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench index", description="Answers by the index and by folding.")
    parser.add_argument("--runs", type=int, default=9, metavar="N", help="objects each question is asked of (9)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the journal: to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    less = 10 if given.quick else 1
    objects, changes = 50_000 // less, 100_000 // less
    with tempfile.TemporaryDirectory(prefix="adp-bench-") as name:
        url = f"sqlite://{name}/journal.db"
        console.print(f"measuring on {cores()}: a journal of {objects} objects and {changes} changes")
        writing = Writing(url, objects=objects)
        writing.commit(schema())
        writing.first_look()
        for _ in range(changes // PER_COMMIT):
            writing.commit(writing.changes(PER_COMMIT))
        writing.close()
        journal = Journal.open(open_store(url, journal=writing.id), writing.key)
        figures = measured(journal, Path(name, "index"), writing.objects, given.runs)
        figures += pages(journal, Path(name), writing.objects, given.runs)  # closes the journal
    if given.json:
        print(json.dumps(document(figures, given.runs), indent=2))
    else:
        show(figures, Console(width=None if sys.stdout.isatty() else 160))
    return 1 if any(each.met is False for each in figures) else 0


def measured(journal: Journal, directory: Path, objects: list[Guid], runs: int) -> list[Figure]:
    """Making the index, and each question by it and by folding."""
    took, _ = timed(partial(opened, journal, directory, type))
    made = figure("index made of the whole journal", [took], "s")
    size = figure("size of it", [sum(path.stat().st_size for path in directory.iterdir()) / 1e6], "MB")
    drawn = random.Random(7).sample(range(1, len(objects)), runs)  # the first lies above all others
    figures = [made, size]
    questions: tuple[tuple[str, Question], ...] = (
        ("show: an object by its account name", lambda reading, number: shown(journal, reading, f"user{number}")),
        ("history: all that happened to an object", lambda reading, number: told(reading, objects[number])),
    )
    for name, ask in questions:
        by_index = [timed(partial(opened, journal, directory, partial(_asked, ask, number))) for number in drawn]
        folded_s, answer = timed(partial(ask, FoldedReading(journal), drawn[0]))
        assert answer == by_index[0][1], "the index answers otherwise than the journal"
        figures.append(
            figure(
                name,
                [seconds for seconds, _ in by_index],
                "s",
                goal=f"below {GOAL_S} s",
                reached=lambda value: value < GOAL_S,
                against="folding the journal",
                baselines=[folded_s],
            )
        )
    return figures


def schema() -> list[Change]:
    """What says that names are no secrets; without it no page shows one."""
    return [
        Change(
            kind=Kind.CREATED,
            guid=Guid(name.encode().ljust(16, b"\0")[:16]),
            nc=NC,
            rdn=f"CN={name}",
            values={
                "objectClass": (b"top", b"attributeSchema"),
                "lDAPDisplayName": (name.encode(),),
                "attributeSyntax": (b"2.5.5.12",),
            },
        )
        for name in ("objectClass", "sAMAccountName", "mail", "lDAPDisplayName", "attributeSyntax", *SHOWN)
    ]


def pages(journal: Journal, place: Path, objects: list[Guid], runs: int) -> list[Figure]:
    """The console's start, and each kind of page that it answers at once."""
    began = time.perf_counter()
    desk = Desk(lambda: journal)
    listens = time.perf_counter() - began
    took, _ = timed(partial(_read, desk))
    sign_in = SignIn(place / "code", time.time)
    app = Pages(Views(desk, health=""), sign_in, names=frozenset({asking.HOST}), cookie="bench").app
    entered = asking.ask(app, "/login", query=f"code={sign_in.issue()}")
    cookie = entered.headers["set-cookie"].partition(";")[0]
    drawn = random.Random(7).sample(range(1, len(objects)), runs)
    figures = [
        figure(
            "the console's start, until it may listen",
            [listens],
            "s",
            goal=f"below {GOAL_START_S} s",
            reached=lambda value: value < GOAL_START_S,
        ),
        figure("the journal read into memory, meanwhile", [took], "s"),
        figure("memory of it all, the measuring process and the written journal among it", [_resident_mb()], "MB"),
    ]
    for name, path, query in (
        ("page: overview", "/", ""),
        ("page: the newest changes", "/changes", ""),
        ("page: changes of whom a name tells", "/changes", "what=user{number},"),
        ("page: changes of an attribute, none in a class", "/changes", "attribute=description&class=computer"),
        ("page: an object, its history, who links to it", "/object/{guid}", ""),
        ("page: an object as of once", "/object/{guid}", "at=200"),
        ("page: search by an account name", "/find", "q=user{number}"),
        ("page: search by a part of names", "/find", "q=er{number}"),
        ("page: the bin", "/bin", ""),
    ):
        answers = []
        for number in drawn:
            words = {"number": number, "guid": guid_text(objects[number])}
            asked = partial(asking.ask, app, path.format(**words), query=query.format(**words), cookie=cookie)
            seconds, answer = timed(asked)
            assert isinstance(answer, asking.Answer), path
            assert answer.code == 200, f"{path}: {answer.code}"
            answers.append(seconds)
        goal = f"below {GOAL_PAGE_S} s"
        figures.append(figure(name, answers, "s", goal=goal, reached=lambda value: value < GOAL_PAGE_S))
    desk.close()
    return figures


def _read(desk: Desk) -> None:
    """Wait until the whole journal was read."""
    with desk.known(patience_s=600):
        return


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _asked(ask: Question, number: int, reading: Reading) -> object:
    return ask(reading, number)


def opened(journal: Journal, directory: Path, ask: Callable[[Reading], object]) -> object:
    """The index opened, asked, and closed, as every command does."""
    with indexed(journal, directory) as reading:
        return ask(reading)


def shown(journal: Journal, reading: Reading, name: str) -> tuple[ObjectState, str, list[tuple[str, Guid]]]:
    """What `show` asks for."""
    view = reading.view(journal.head.seq)
    guid = view.find(name)
    view.facts()
    return view.state[guid], view.state.dn(guid), sorted(view.linking_to(guid))


def told(reading: Reading, guid: Guid) -> list[tuple[int, str, object]]:
    """What `history` asks for."""
    return [(event.commit.seq, event.kind, event.values) for event, _ in reading.history(guid)]


def timed(deed: Callable[[], object]) -> tuple[float, object]:
    """Seconds of processor time, which no neighbour on the machine adds to, and what came of it."""
    began = time.process_time()
    result = deed()
    return time.process_time() - began, result


if __name__ == "__main__":
    sys.exit(main())
