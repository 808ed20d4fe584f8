"""A writer to be killed: appends until there are so many frames, tells each number once it is acknowledged, and dies
where it is told to.

Every append carries several frames, a new head and a spare of it, and some a frame larger than a table's entity: no
death may leave a part of them.
"""

import os
from contextlib import closing
from typing import Final

from adpersist.errors import NoJournalError
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Frame, Store
from adpersist.stores.registry import open_adapter
from adpersist.stores.retrying import RetryingStore
from tests.faults import Fault, FaultyStore, Injection, Point
from tests.processes import Tell

FRAMES: Final = 3
"""In one append."""

BODY: Final = 3000
"""Bytes of a frame: several pages of the file."""

LARGE_BODY: Final = 700_000
"""Bytes of every twelfth frame."""


def body(number: int) -> bytes:
    size = BODY if number % 12 else LARGE_BODY
    return number.to_bytes(4, "big") * (size // 4)


def write(tell: Tell, url: str, journal: str, count: int, *deaths: tuple[Point, Fault, int]) -> None:
    """Create the journal when there is none, and go on where it ends."""
    planned = [Injection(point=point, fault=fault, call=call) for point, fault, call in deaths]
    with closing(RetryingStore(FaultyStore(open_adapter(url, journal=journal), planned))) as store:
        _write(tell, store, count)


def _write(tell: Tell, store: Store, count: int) -> None:
    try:
        head = store.head()
    except NoJournalError:
        head = store.create(b"0")
    while head.seq < count:
        numbers = range(head.seq + 1, head.seq + 1 + FRAMES)
        # no two processes ever send the same head, as no two journals' writers do
        frames = [Frame(seq=Seq(number), body=body(number)) for number in numbers]
        head = store.append(frames, onto=head, head=b"%d by %d" % (numbers[-1], os.getpid()), spare=True)
        tell(str(head.seq))
