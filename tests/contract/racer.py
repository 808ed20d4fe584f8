"""One of several writers that want the same journal: run by threads, and as a process of its own."""

import threading
from contextlib import closing
from typing import Final

from adpersist.errors import FencedError
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Frame, Store
from adpersist.stores.registry import open_store
from tests.processes import Tell

ROUNDS: Final = 12


def race(store: Store, name: str, gate: threading.Barrier | None) -> list[int]:
    """Try to append every round's frame; the rounds won."""
    won = []
    for number in range(1, ROUNDS + 1):
        onto = store.head()
        while onto.seq < number - 1:
            onto = store.head()
        if gate is not None:
            gate.wait(timeout=60)
        if onto.seq != number - 1:
            continue
        frame = Frame(seq=Seq(number), body=name.encode())
        try:
            store.append([frame], onto=onto, head=f"{name} {number}".encode())
        except FencedError:
            continue
        won.append(number)
    return won


def race_alone(tell: Tell, url: str, journal: str, name: str) -> None:
    """As a process; tells the numbers of the rounds it won."""
    with closing(open_store(url, journal=journal)) as opened:
        for number in race(opened, name, None):
            tell(str(number))
