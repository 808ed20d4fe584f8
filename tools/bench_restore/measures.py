"""The measurements; each starts from a DC that was just put back to its image."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from adpersist.directory.domain_controller import DomainController
from adpersist.directory.wire.controls import EXTENDED_DN, dirsync
from adpersist.directory.wire.cookie import cookie_at
from adpersist.model.identity.ids import Usn
from tools.bench_restore.stand import Loss, Ran
from tools.bench_store.figures import Figure, figure
from tools.samba_dc import SambaDC

_LDB: Final = "ldbadd and ldbmodify of the same content, same socket"
_MOST_TO_LDB: Final = 1.1
_LEAST_FASTER: Final = 4.0
_LEAST_FASTER_THAN_LDB: Final = 2.5
_MOST_TO_SAMBA: Final = 1.4
_MOST_PLAN_S: Final = 2.0
_MEGABYTE: Final = 1_000_000


def restores(loss: Loss, runs: int, *, users: int) -> Iterator[Figure]:
    """A restore over LDAP and one into the database, against ldbadd and ldbmodify of the same content.

    The limits are what Samba alone takes for the writes, and for the look that proves them.
    """
    loss.record()
    plain, ldap, local, alone = _by_turns(loss, runs, alone=lambda: _alone_s(loss))
    with loss.reverted():
        loss.ldb()
        looks = [loss.look_s() for _ in range(runs)]
    library = [loss.library_s() for _ in range(runs)]
    content = f"restore of {users:,} lost users"
    # each run has its own rival, which met the same disk
    ratio = statistics.median(ours.took_s / theirs.took_s for ours, theirs in zip(ldap, plain, strict=True))
    to_samba = statistics.median(ours.took_s / theirs_s for ours, theirs_s in zip(local, alone, strict=True))
    yield figure(
        f"{content}, over LDAP",
        _took(ldap),
        "s",
        goal=f"at most {_MOST_TO_LDB} x",
        reached=lambda _: ratio <= _MOST_TO_LDB,
        against=_LDB,
        baselines=_took(plain),
    )
    yield figure(
        "a limit: ldbadd and ldbmodify, then a look by ldapsearch",
        [ran.took_s + look_s for ran, look_s in zip(plain, looks, strict=True)],
        "s",
        against=_LDB,
        baselines=_took(plain),
    )
    yield figure(
        "the same restore: the DC's processor time",
        _busy(ldap),
        "s",
        against="the DC's for those",
        baselines=_busy(plain),
    )
    yield figure(
        f"{content}, local engine",
        _took(local),
        "s",
        goal=f"{_LEAST_FASTER:g} x faster than over LDAP",
        reached=lambda value: _LEAST_FASTER * value <= statistics.median(_took(ldap)),
        against="the restore over LDAP",
        baselines=_took(ldap),
    )
    yield figure(
        "the same restore, local engine, stamps included",
        _took(local),
        "s",
        goal=f"{_LEAST_FASTER_THAN_LDB:g} x faster than those",
        reached=lambda value: _LEAST_FASTER_THAN_LDB * value <= statistics.median(_took(plain)),
        against=_LDB,
        baselines=_took(plain),
    )
    yield figure(
        "the same restore, local engine: the whole command",
        _took(local),
        "s",
        goal=f"at most {_MOST_TO_SAMBA} x",
        reached=lambda _: to_samba <= _MOST_TO_SAMBA,
        against="Samba applies the same chunks and answers one look",
        baselines=alone,
    )
    yield figure(
        "the same restore, local engine: memory of all its processes at the peak",
        [each.peak_bytes / _MEGABYTE for each in local],
        "MB",
        against="over LDAP",
        baselines=[each.peak_bytes / _MEGABYTE for each in ldap],
    )
    yield figure(
        "a limit: Samba's library makes the same writes in one transaction, then that look",
        [took_s + look_s for took_s, look_s in zip(library, looks, strict=True)],
        "s",
        against="the restore over LDAP",
        baselines=_took(ldap),
    )


def small_losses(loss: Loss, runs: int, *, users: int, lost: int) -> Iterator[Figure]:
    """A small loss in a directory of some size: its plan, its restores, and their memory."""
    beyond, answers, peaks = [], [], []
    with loss.reverted() as dc:
        for _ in range(runs):
            answers.append(answer_s(dc))
            planned = loss.adpersist("plan", "--json", codes=(2,))
            beyond.append(planned.took_s - answers[-1])
            peaks.append(planned.peak_bytes / _MEGABYTE)
    name = f"{lost} lost among {users:,} users"
    yield figure(
        f"{name}: plan, beyond the DC's own answer time",
        beyond,
        "s",
        goal=f"under {_MOST_PLAN_S:g} s",
        reached=lambda value: value < _MOST_PLAN_S,
        against="the DC's answer to what changed since the image",
        baselines=answers,
    )
    yield figure(f"{name}: plan, memory at its peak", peaks, "MB")
    plain, ldap, local, _ = _by_turns(loss, runs)
    for engine, ran in (("over LDAP", ldap), ("local engine", local)):
        yield figure(f"{name}: restore {engine}", _took(ran), "s", against=_LDB, baselines=_took(plain))
        yield figure(
            f"{name}: restore {engine}, the DC's processor time",
            _busy(ran),
            "s",
            against="the DC's for those",
            baselines=_busy(plain),
        )
        yield figure(
            f"{name}: restore {engine}, memory at its peak", [each.peak_bytes / _MEGABYTE for each in ran], "MB"
        )


def _by_turns(
    loss: Loss, runs: int, *, alone: Callable[[], float] | None = None
) -> tuple[list[Ran], list[Ran], list[Ran], list[float]]:
    """Samba's tools, the LDAP engine, the local one, and what else: what the machine has to do falls on all alike."""
    plain: list[Ran] = []
    ldap: list[Ran] = []
    local: list[Ran] = []
    others: list[float] = []
    for _ in range(runs):
        with loss.reverted():
            plain.append(loss.ldb())
        for engine, ran in (("ldap", ldap), ("local", local)):
            with loss.reverted():
                ran.append(loss.adpersist("restore", "--yes", "--engine", engine))
                loss.adpersist("verify")
        if alone is not None:
            others.append(alone())
    return plain, ldap, local, others


def _alone_s(loss: Loss) -> float:
    with loss.reverted():
        return loss.chunks_s() + loss.look_s()


def _took(ran: Sequence[Ran]) -> list[float]:
    return [each.took_s for each in ran]


def _busy(ran: Sequence[Ran]) -> list[float]:
    return [each.dc_s for each in ran]


def answer_s(dc: SambaDC) -> float:
    """Seconds the DC takes to tell one change in all its contexts."""
    seen = DomainController.connect(dc.ldapi_url)
    cookie = cookie_at(Usn(max(seen.usn() - 1, 0)), seen.invocation())
    began = time.monotonic()
    for nc in seen.dse.contexts:
        for _ in seen.session.dirsync(nc, attributes=["*"], controls=[dirsync(cookie), EXTENDED_DN]):
            pass
    took_s = time.monotonic() - began
    seen.close()
    return took_s
