"""What a change on a real DC takes in the journal, stamps included, by how many of them a look finds."""

from __future__ import annotations

import itertools
import operator
import secrets
from functools import partial
from typing import Any, Final

import ldap3

from adpersist.agent import connections
from adpersist.capture.capture import Capture
from adpersist.journal.holder import Role, new_writer
from tools.bench_capture.ground import Domain, Ground, Journaled
from tools.bench_capture.latency import person
from tools.bench_store.figures import Figure, figure

_BEFORE: Final = {1: 286.0, 5: 99.7, 20: 54.6, 100: 38.3}
"""Bytes a change by changes a look, in journals that knew no stamps."""
_MOST: Final = 1.4
_CHANGES: Final = 100
"""At least so many are made for each figure, and so many looks taken."""
_LEAST_LOOKS: Final = 3


def sizes(ground: Ground, users: int, runs: int) -> list[Figure]:
    """Bytes in the store a change of one attribute takes."""
    found: dict[int, list[float]] = {size: [] for size in _BEFORE}
    with ground.domain(users) as domain:
        for run in range(runs):
            journaled = domain.journal(f"c{run}")
            for size, values in found.items():
                values.append(_size(domain, journaled, users, size))
    return [
        figure(
            f"bytes a change of one attribute with its stamp, {size} a look",
            values,
            "B",
            goal=f"<= {_MOST} x {before} B",
            reached=partial(operator.ge, _MOST * before),
            against="before there were stamps",
            baselines=[before],
        )
        for (size, before), values in zip(_BEFORE.items(), found.values(), strict=True)
    ]


def _size(domain: Domain, journaled: Journaled, users: int, size: int) -> float:
    dc = connections.connect(journaled.config)
    journal = connections.journal(journaled.config, dc.identity)
    capture = Capture.begin(dc, journal, new_writer(Role.VISITOR))
    capture.look()
    capture.look()  # of what the first one wrote itself
    began = journal.head.seq
    people = itertools.cycle(person(domain.dc, number) for number in range(users))
    ldap: Any = ldap3.Connection(ldap3.Server(domain.dc.ldapi_url_quoted, get_info=ldap3.NONE), check_names=False)
    ldap.open()
    looks = max(_CHANGES // size, _LEAST_LOOKS)
    for _ in range(looks):
        for dn in itertools.islice(people, size):
            ldap.modify(dn, {"description": [(ldap3.MODIFY_REPLACE, [secrets.token_hex(8).encode()])]})
            assert ldap.result["result"] == 0, ldap.result
        capture.look()
    ldap.strategy.close()
    journal.close()
    dc.close()
    store = connections.store(journaled.config, None)
    stored = sum(len(frame.body) for frame in store.frames(after=began))
    store.close()
    return stored / (looks * size)
