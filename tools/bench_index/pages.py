"""The console by its index, measured in a process of its own, so that its memory is told."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

import structlog

from adpersist.console.web.access.sign_in import SignIn
from adpersist.console.web.app import Console as Pages
from adpersist.console.web.desk import Desk
from adpersist.console.web.views import Views
from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.stores.registry import open_store
from tests import asking
from tools.bench_store.figures import Figure, figure

GOAL_PAGE_S: Final = 0.3
GOAL_START_S: Final = 2.0
PERMITTED_IN: Final = 1000
"""Of so many changes one is of permissions: of each of the first objects in turn."""
PAGES: Final = (
    ("overview", "/", ""),
    ("the newest changes", "/changes", ""),
    ("fifty older changes", "/changes", "before={older}"),
    ("changes of whom a part of a name tells", "/changes", "what=user{number},"),
    ("changes of nobody", "/changes", "what=nobody{number}"),
    ("changes of an attribute, none in a class", "/changes", "attribute=description&class=computer"),
    ("changes on a DC", "/changes", "dc=nowhere"),
    ("changes within a day", "/changes", "since=2001-01-01T00:00:00Z&until=2001-01-02T00:00:00Z"),
    ("a change, before and after", "/change/{change}", ""),
    ("an object, its history, who links to it", "/object/{guid}", ""),
    ("an object as of once", "/object/{guid}", "at=200"),
    ("search by an account name", "/find", "q=user{number}"),
    ("search by a part of names", "/find", "q=er{number}"),
    ("the bin", "/bin", ""),
    ("restores", "/heals", ""),
    ("two points compared", "/compare", "from={point}"),
    ("the first point compared with the newest", "/compare", ""),
    ("permissions of an object", "/permissions/{permitted}", ""),
    ("alerts: whatever happened, and again", "/alerts", ""),
)


@dataclass
class Console:
    """What was measured of one.

    Attributes:
        listens_s: Until it may listen.
        read_s: Until the first page is whole, in seconds of the clock.
        start_mb: Memory when it was.
        end_mb: Memory after all pages.
        pages_s: Of each kind of page, in seconds of processor time.
    """

    listens_s: float
    read_s: float
    start_mb: float
    end_mb: float
    pages_s: dict[str, list[float]]


def pages(url: str, journal: str, secret: bytes, place: Path, objects: list[Guid], runs: int) -> Console:
    """The console's start, and each kind of page; the index is there."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    began = time.perf_counter()
    desk = Desk(lambda: Journal.open(open_store(url, journal=journal), LocalKey(secret)), directory=place / "index")
    listens = time.perf_counter() - began
    sign_in = SignIn(place / "code", time.time)
    app = Pages(Views(desk, health=""), sign_in, names=frozenset({asking.HOST}), cookie="bench").app
    entered = asking.ask(app, "/login", query=f"code={sign_in.issue()}")
    cookie = entered.headers["set-cookie"].partition(";")[0]
    while (first := asking.ask(app, "/", cookie=cookie)).code == HTTPStatus.SERVICE_UNAVAILABLE:
        time.sleep(0.01)
    assert first.code == HTTPStatus.OK, first.text
    found = Console(listens, time.perf_counter() - began, _resident_mb(), 0, {})
    drawn = random.Random(7).sample(range(1, len(objects)), runs)
    newest = asking.ask(app, "/changes.json", query="limit=1", cookie=cookie).json["changes"][0]["number"]
    for name, path, query in PAGES:
        for number in drawn:
            older = newest * number // len(objects) + 50
            one = asking.ask(app, "/changes.json", query=f"limit=1&before={older}", cookie=cookie).json["changes"][0]
            words = {
                "number": number,
                "older": older,
                "guid": guid_text(objects[number]),
                "change": f"{one['seq']}-{one['guid']}",
                "point": one["seq"],
                "permitted": guid_text(objects[1 + number % (newest // PERMITTED_IN)]),
            }
            asked = partial(asking.ask, app, path.format(**words), query=query.format(**words), cookie=cookie)
            seconds, answer = timed(asked)
            assert isinstance(answer, asking.Answer), path
            assert answer.code == HTTPStatus.OK, f"{path}: {answer.code}"
            found.pages_s.setdefault(name, []).append(seconds)
    found.end_mb = _resident_mb()
    desk.close()
    return found


def paged(found: Console) -> list[Figure]:
    """The same as figures."""

    def below(name: str, seconds: list[float], goal_s: float) -> Figure:
        return figure(name, seconds, "s", goal=f"below {goal_s} s", reached=lambda value: value < goal_s)

    return [
        below("the console's start, until it may listen", [found.listens_s], GOAL_START_S),
        below("the console's start, until the first page is shown", [found.read_s], GOAL_START_S),
        figure("memory of the console's process then", [found.start_mb], "MB"),
        figure("memory of it after all these pages", [found.end_mb], "MB"),
        *(below(f"page: {name}", seconds, GOAL_PAGE_S) for name, seconds in found.pages_s.items()),
    ]


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def timed(deed: Callable[[], object]) -> tuple[float, object]:
    """Seconds of processor time, which no neighbour on the machine adds to, and what came of it."""
    began = time.process_time()
    result = deed()
    return time.process_time() - began, result
