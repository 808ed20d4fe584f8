"""A writer to be killed: ``python -m tests.contract.writing URL JOURNAL COUNT [POINT FAULT CALL]``.

Appends frames until there are COUNT, prints each number once it is acknowledged, and dies where it is told to.
"""

import os
import sys
from contextlib import closing
from typing import Final

from adpersist.errors import NoJournalError
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Frame, Store
from adpersist.stores.registry import open_adapter
from adpersist.stores.retrying import RetryingStore
from tests.faults import Fault, FaultyStore, Injection, Point

BODY: Final = 3000
"""Bytes of a frame: several pages of the file."""


def body(number: int) -> bytes:
    return number.to_bytes(4, "big") * (BODY // 4)


def write(store: Store, count: int) -> None:
    """Create the journal when there is none, and go on where it ends."""
    try:
        head = store.head()
    except NoJournalError:
        head = store.create(b"0")
    while head.seq < count:
        number = head.seq + 1
        # no two processes ever send the same head, as no two journals' writers do
        frame = Frame(seq=Seq(number), body=body(number))
        head = store.append([frame], onto=head, head=b"%d by %d" % (number, os.getpid()))
        print(number, flush=True)


if __name__ == "__main__":
    script = []
    if len(sys.argv) > 4:
        script.append(Injection(point=Point(sys.argv[4]), fault=Fault(sys.argv[5]), call=int(sys.argv[6])))
    with closing(RetryingStore(FaultyStore(open_adapter(sys.argv[1], journal=sys.argv[2]), script))) as opened:
        write(opened, int(sys.argv[3]))
