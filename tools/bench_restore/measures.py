"""The measurements; each starts from a DC that was just put back to its image."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from adpersist.directory.controller import DomainController
from adpersist.directory.wire.controls import EXTENDED_DN, dirsync
from adpersist.directory.wire.cookie import cookie_at
from adpersist.model.ids import Usn
from tools.bench_restore.stand import Loss
from tools.bench_store.figures import Figure, figure
from tools.samba_dc import SambaDC

_CONTROLS: Final = "--controls=relax:0,local_oid:1.3.6.1.4.1.7165.4.3.12:0"
"""Identities and hashes are taken as they are given."""

_MOST_TO_LDB: Final = 1.1
_LEAST_FASTER: Final = 4.0
_MOST_PLAN_S: Final = 2.0


def restores(loss: Loss, runs: int, *, users: int) -> Iterator[Figure]:
    """A restore over LDAP and one into the database, against ldbadd and ldbmodify of the same content."""
    plain: list[float] = []
    ldap: list[float] = []
    local: list[float] = []
    for _ in range(runs):
        # in turn, so that what else the machine does falls on all of them alike
        with loss.reverted() as dc:
            plain.append(_written("ldbadd", loss.add, dc) + _written("ldbmodify", loss.modify, dc))
        for engine, times in (("ldap", ldap), ("local", local)):
            with loss.reverted() as dc:
                times.append(loss.adpersist("restore", "--yes", "--engine", engine))
                loss.adpersist("verify")
    content = f"restore of {users:,} lost users"
    yield figure(
        f"{content}, over LDAP",
        ldap,
        "s",
        goal=f"at most {_MOST_TO_LDB} x",
        reached=lambda value: value <= _MOST_TO_LDB * _median(plain),
        against="ldbadd and ldbmodify of the same content, same socket",
        baselines=plain,
    )
    yield figure(
        f"{content}, local engine",
        local,
        "s",
        goal=f"{_LEAST_FASTER:g} x faster than over LDAP",
        reached=lambda value: _LEAST_FASTER * value <= _median(ldap),
        against="the restore over LDAP",
        baselines=ldap,
    )


def plans(loss: Loss, runs: int) -> Iterator[Figure]:
    """The plan of a small loss in a large directory, beyond the time the DC itself takes to tell what it has."""
    beyond, answers = [], []
    with loss.reverted() as dc:
        objects = _objects(dc)
        for _ in range(runs):
            answers.append(_answer(dc))
            beyond.append(loss.adpersist("plan", "--json", codes=(2,)) - answers[-1])
    yield figure(
        f"plan of a small loss among {objects:,} objects, beyond the DC's own answer time",
        beyond,
        "s",
        goal=f"under {_MOST_PLAN_S:g} s",
        reached=lambda value: value < _MOST_PLAN_S,
        against="the DC's answer to what changed since the image",
        baselines=answers,
    )


def _written(tool: str, ldif: Path, dc: SambaDC) -> float:
    began = time.monotonic()
    subprocess.run([tool, "-H", dc.ldapi_url_quoted, _CONTROLS, str(ldif)], check=True, capture_output=True)
    return time.monotonic() - began


def _answer(dc: SambaDC) -> float:
    seen = DomainController.connect(dc.ldapi_url)
    cookie = cookie_at(Usn(max(seen.usn() - 1, 0)), seen.invocation())
    began = time.monotonic()
    for nc in seen.dse.contexts:
        for _ in seen.session.dirsync(nc, attributes=["*"], controls=[dirsync(cookie), EXTENDED_DN]):
            pass
    took_s = time.monotonic() - began
    seen.close()
    return took_s


def _objects(dc: SambaDC) -> int:
    seen = DomainController.connect(dc.ldapi_url)
    count = sum(1 for nc in seen.dse.contexts for _ in seen.session.search(nc, "(objectClass=*)", attributes=["1.1"]))
    seen.close()
    return count


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
