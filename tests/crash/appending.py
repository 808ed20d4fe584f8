"""Processes that write to a journal, go on where the last one stopped, and die where they are told to."""

import functools
import hashlib
import os
from typing import Final

from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.model.journal.head import Writer
from adpersist.model.objects.change import Change
from adpersist.state.state import State
from adpersist.stores.registry import open_store
from tests.faults import Fault, FaultyStore, Injection, Point
from tests.golden.journal_samples import IDENTITY, NOON, created, key, look
from tests.golden.make_journal import SMALL_FRAME, small_frames
from tests.processes import Tell

LARGE: Final = 5 * SMALL_FRAME // 2
"""Bytes of every third look's photo: three frames, so that a process also dies between the parts of a change."""


@functools.cache
def wrote(number: int) -> tuple[Change, ...]:
    """What look ``number`` found: the same in the process that writes it and in the test."""
    photo = hashlib.shake_256(b"%d" % number).digest(LARGE) if number % 3 == 0 else b"small"
    return created(f"user{number}", {"jpegPhoto": (photo,)}), created(f"computer{number}")


def write(tell: Tell, url: str, looks: int, *deaths: tuple[Point, Fault, int]) -> None:
    """Go on from where the journal stands, in small frames; tell of every look once it is durable."""
    planned = [Injection(point=point, fault=fault, call=call) for point, fault, call in deaths]
    journal = Journal.open(FaultyStore(open_store(url, journal=journal_id(IDENTITY)), planned), key())
    with small_frames():
        _go_on(tell, journal, looks)


def _go_on(tell: Tell, journal: Journal, looks: int) -> None:
    journal.claim(Writer(id=f"process-{os.getpid()}", host="crash", pid=os.getpid()), now=NOON)
    state = folded(journal)
    done = journal.head.position.usn if journal.head.position else 0
    for number in range(done + 1, looks + 1):
        changes = wrote(number)
        look(journal, changes, number)
        tell(f"look {number}")
        state.apply(changes)
        if number % 2 == 0:
            journal.write_checkpoint(journal.head.seq, state.everything(), now=NOON)
            tell(f"checkpoint {journal.head.seq}")
        if number % 4 == 0:
            journal.prune(oldest=journal.head.seq, keep_marks=False, now=NOON)
            tell(f"pruned {journal.head.pruned}")
    tell("end")


def folded(journal: Journal) -> State:
    states, commits = journal.history(journal.head.seq)
    return State(states).apply(change for commit in commits for change in commit.changes)
