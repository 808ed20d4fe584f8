"""`tools/bench index`. Exit codes: 0 every goal is met, 1 one is missed."""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console as Terminal

from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.identity.sid import sid_from_text
from adpersist.model.objects.change import Change, Kind, Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.folded import FoldedReading, Reading
from adpersist.reading.index.answering import indexed
from adpersist.stores.registry import open_store
from tests.descriptors import descriptor, may
from tools.bench_index.pages import paged, pages, timed
from tools.bench_store.figures import Figure, figure, report
from tools.bench_store.measures import cores
from tools.bench_store.stand import NC, Writing

GOAL_S: Final = 0.2
SHOWN: Final = (
    "description",
    "telephoneNumber",
    "userPrincipalName",
    "userAccountControl",
    "whenCreated",
    "nTSecurityDescriptor",
)
NAMES: Final = ("objectClass", "objectSid", "sAMAccountName", "mail", "lDAPDisplayName", "attributeSyntax", *SHOWN)
PER_COMMIT: Final = 20
WRITTEN: Final = ("unicodePwd", "pwdLastSet")
ADMINS: Final = Guid(b"\xff" * 16)
GROUPS: Final = tuple(Guid(b"\xff" * 14 + number.to_bytes(2, "big")) for number in range(100))
DESCRIPTOR: Final = descriptor(*(may(f"S-1-5-21-1-2-3-{1000 + number}", 0xF01FF) for number in range(30)))
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
    console = Terminal(stderr=True, width=None if sys.stderr.isatty() else 160)
    less = 10 if given.quick else 1
    objects, changes = 50_000 // less, 100_000 // less
    with tempfile.TemporaryDirectory(prefix="adp-bench-") as name:
        url = f"sqlite://{name}/journal.db"
        console.print(f"measuring on {cores()}: a journal of {objects} objects and {changes} changes")
        writing = Writing(url, objects=objects)
        write(writing, changes)
        writing.close()
        journal = Journal.open(open_store(url, journal=writing.id), writing.key)
        figures = measured(journal, Path(name, "index"), writing.objects, given.runs)
        journal.close()
        # in a process of its own, so that its memory is told
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
            known = url, writing.id, writing.secret, Path(name), writing.objects, given.runs
            figures += paged(other.submit(pages, *known).result())
    return report(figures, runs=given.runs, as_json=given.json)


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


def write(writing: Writing, changes: int) -> None:
    """A first look, and changes: of them one in ten a password, one in a hundred a member of a group."""
    writing.first_look([*schema(), *groups()])
    drawn = random.Random(5)
    for number in range(changes // PER_COMMIT):
        told = writing.changes(PER_COMMIT - 2)
        told += [_changed(drawn.choice(writing.objects), dict.fromkeys(WRITTEN, (b"%d" % number,))) for _ in "12"]
        if number % 5 == 0:
            member = {"member": frozenset({bytes(ref(drawn.choice(writing.objects)))})}
            group = ADMINS if number % 500 == 0 else drawn.choice(GROUPS)
            told[0] = Change(kind=Kind.CHANGED, guid=group, nc=NC, added=member)
        if number % 50 == 0:
            told[1] = _changed(writing.objects[1 + number // 50], {"nTSecurityDescriptor": (DESCRIPTOR,)})
        writing.commit(told)


def _changed(guid: Guid, values: Mapping[str, Values]) -> Change:
    return Change(kind=Kind.CHANGED, guid=guid, nc=NC, values=values)


def groups() -> list[Change]:
    """Administrators, and others."""
    return [
        Change(
            kind=Kind.CREATED,
            guid=guid,
            nc=NC,
            rdn=f"CN=group{number}",
            values={"objectClass": (b"top", b"group"), "objectSid": (sid_from_text(f"S-1-5-32-{544 + 100 * number}"),)},
        )
        for number, guid in enumerate((ADMINS, *GROUPS))
    ]


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
        for name in NAMES
    ]


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


if __name__ == "__main__":
    sys.exit(main())
