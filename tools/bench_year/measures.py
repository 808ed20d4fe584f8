"""What is asked of the journal of a year; each measure runs in a process of its own, so that its memory is told."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import structlog

from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.reading.index.answering import indexed
from adpersist.state.fold import fold, fold_fingerprints
from adpersist.stores.port import Store
from adpersist.stores.registry import open_store

MEGABYTE: Final = 1_000_000
_ASKED: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A journal that was filled.

    Attributes:
        url: Of its store.
        journal: Its id.
        secret: Of its key; the journal is made up.
        objects: objectGUIDs of those it began with.
        changes: How many came after them.
    """

    url: str
    journal: str
    secret: bytes
    objects: list[Guid]
    changes: int

    def store(self) -> Store:
        """Opened."""
        return open_store(self.url, journal=self.journal)

    def opened(self) -> Journal:
        """Opened to read."""
        return Journal.open(self.store(), LocalKey(self.secret), expected=self.journal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What something took.

    Attributes:
        seconds: By the clock.
        processor_s: Of this process alone.
        peak: Bytes of memory at the most, the interpreter and all libraries among them.
        size: Bytes that were gone through, where that is a size; else how many there are.
    """

    seconds: float
    processor_s: float
    peak: int
    size: int


def opening(place: Place) -> list[Cost]:
    """The head: what every command begins with."""
    return [_cost(lambda: int(place.opened().head.seq)) for _ in range(3)]


def starting(place: Place) -> list[Cost]:
    """What an agent wants to know before its first look: of every object, what it is told apart by."""

    return [_cost(lambda: len(fold_fingerprints(place.opened())))]


def farthest(place: Place) -> list[Cost]:
    """The state at the point that is farthest from the checkpoint before it."""
    journal = place.opened()
    begins = [BEFORE_FIRST, *(each.seq for each in journal.head.checkpoints)]
    ends = [*(Seq(each - 1) for each in begins[1:]), journal.head.seq]
    _, point = max(zip(begins, ends, strict=True), key=lambda span: span[1] - span[0])
    return [_cost(lambda: len(fold(journal, point)))]


def histories(place: Place, directory: Path) -> tuple[list[Cost], list[Cost]]:
    """Making the index, once; then all that happened to some objects, by it, opened anew for each as a command does."""
    drawn = random.Random(7).sample(place.objects, _ASKED)
    made = [_cost(lambda: _told(place, directory, drawn[0]))]
    return made, [_cost(partial(_told, place, directory, guid)) for guid in drawn]


def _told(place: Place, directory: Path, guid: Guid) -> int:
    journal = place.opened()
    with indexed(journal, directory) as reading:
        return len(list(reading.history(guid)))


def checking(place: Place) -> list[Cost]:
    """`check`: every commit and every checkpoint proven."""
    size = everything(place)

    def checked() -> int:
        report = check_journal(place.store(), LocalKey(place.secret), expected=place.journal)
        assert not report.findings, report.findings
        return size

    return [_cost(checked)]


def reading(place: Place) -> list[Cost]:
    """The same bytes read and put through SHA-256, and nothing of them looked at."""

    def read() -> int:
        count = 0
        for body in _bodies(place):
            sha256(body).digest()
            count += len(body)
        return count

    return [_cost(read)]


def everything(place: Place) -> int:
    """Bytes of all commits and checkpoints."""
    return sum(map(len, _bodies(place)))


def _bodies(place: Place) -> Iterator[bytes]:
    store = place.store()
    for frame in store.frames(after=BEFORE_FIRST):
        yield frame.body
    for seq in store.checkpoints():
        yield from store.checkpoint(seq)
    store.close()


def _cost(deed: Callable[[], int]) -> Cost:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    began, worked = time.perf_counter(), time.process_time()
    size = deed()
    seconds, processor_s = time.perf_counter() - began, time.process_time() - worked
    return Cost(seconds=seconds, processor_s=processor_s, peak=_peak(), size=size)


def _peak() -> int:
    """Bytes of this process; what getrusage says has its parent's in it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel says nothing of VmHWM")
