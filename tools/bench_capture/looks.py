"""A look at everything: how long until it is durable, and in how much memory, against ldapsearch."""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from adpersist.agent import connections
from adpersist.capture.capture import Capture
from adpersist.journal.holder import Role, new_writer
from adpersist.journal.journal import Journal
from adpersist.model.objects.secret_attributes import SECRET_ATTRIBUTES
from tools.bench_capture.ground import Ground, Journaled, busy_s
from tools.bench_store.figures import Figure, figure
from tools.samba_dc import SambaDC
from tools.samba_dc.programs import environment

MEGABYTE: Final = 1_000_000
_RIVAL: Final = "ldapsearch, DirSync to LDIF"
_names: Iterator[int] = itertools.count()


def ldapsearch(dc: SambaDC, target: Path) -> float:
    """Seconds a C client takes to write all naming contexts with the same attributes as LDIF, over the same socket."""
    contexts = [
        *(f"CN=Schema,CN=Configuration,{dc.base_dn}", f"CN=Configuration,{dc.base_dn}", dc.base_dn),
        *(f"DC=DomainDnsZones,{dc.base_dn}", f"DC=ForestDnsZones,{dc.base_dn}"),
    ]
    began = time.perf_counter()
    with target.open("wb") as out:
        for context in contexts:
            subprocess.run(
                [
                    *("ldapsearch", "-LLL", "-x", "-H", dc.ldapi_url_quoted, "-b", context),
                    *("-D", dc.admin_user, "-w", dc.admin_password),
                    *("-E", "!dirSync=2147483648/0", "-E", "!extendedDn=1", "(objectClass=*)", "*"),
                    *SECRET_ATTRIBUTES,
                ],
                env=environment(), stdout=out, check=True,
            )  # fmt: skip
    return time.perf_counter() - began


def look(journaled: Journaled) -> float:
    """Seconds from no connection to everything durable."""
    settings = journaled.config
    began = time.perf_counter()
    dc = connections.connect(settings)
    journal = connections.journal(settings, dc.identity)
    Capture.begin(dc, journal, new_writer(Role.VISITOR)).look()
    took = time.perf_counter() - began
    journal.close()
    dc.close()
    return took


def only_read(journaled: Journaled) -> float:
    """Seconds until the same is read and decoded, and nothing done with it: what any reader in Python needs."""
    began = time.perf_counter()
    dc = connections.connect(journaled.config)
    for part in dc.feed.parts({}):
        for _ in part:
            pass
    dc.close()
    return time.perf_counter() - began


def processors(dc: SambaDC, do: Callable[[], float]) -> tuple[float, float]:
    """What ``do`` returns, and the seconds of processor time that it, its children and the DC took."""

    def used() -> float:
        times = os.times()
        return busy_s(dc) + times.user + times.system + times.children_user + times.children_system

    before = used()
    took = do()
    return took, used() - before


def durable(ground: Ground, users: int, runs: int, azurite: str | None) -> list[Figure]:
    """The look at everything into SQLite, into Azurite, and as a whole process."""
    into: dict[str, list[float]] = {"SQLite": [], "Azurite": []}
    processes, plain, read = [], [], []
    work: list[float] = []
    plain_work: list[float] = []
    with ground.domain(users) as domain:
        ldapsearch(domain.dc, domain.place / "warm.ldif")
        for run in range(runs):
            took, worked = processors(domain.dc, lambda: ldapsearch(domain.dc, domain.place / "all.ldif"))
            plain.append(took)
            plain_work.append(worked)
            journaled = domain.journal(f"s{run}")
            read.append(only_read(journaled))
            took, worked = processors(domain.dc, partial(look, journaled))
            into["SQLite"].append(took)
            work.append(worked)
            processes.append(domain.journal(f"p{run}").once()[0])
            if azurite:
                into["Azurite"].append(look(domain.journal(f"a{run}", f"azurite://{azurite}/look{next(_names)}")))
    goals = {"SQLite": 1.3, "Azurite": 1.6}
    return [
        *(
            _against(f"full look of {users:,} users into {store}", times, plain, goal=goals[store])
            for store, times in into.items()
            if times
        ),
        _against("the same into SQLite by `agent --once`, Python's start included", processes, plain),
        _against("a limit: the same only read and decoded", read, plain),
        figure("a limit, where there is but one core: processor time of both sides, into SQLite", work, "s",
               against="ldapsearch and the DC", baselines=plain_work),
    ]  # fmt: skip


def _against(name: str, times: list[float], plain: list[float], *, goal: float | None = None) -> Figure:
    # by turns: each run has its own rival
    ratio = statistics.median(ours / theirs for ours, theirs in zip(times, plain, strict=True))
    found = figure(
        name, times, "s",
        goal=f"<= {goal} x" if goal else "", reached=(lambda _: ratio <= goal) if goal else None,
        against=_RIVAL, baselines=plain,
    )  # fmt: skip
    return replace(found, ratio=ratio)


def memory(ground: Ground, users: int) -> list[Figure]:
    """The agent's memory: its peak in the first look, and what it holds on to."""
    with ground.domain(users) as domain:
        journaled = domain.journal("m")
        with journaled.agent() as agent:
            _until_complete(journaled)
            peak = _status(agent.pid, "VmHWM")
            time.sleep(5)
            steady = _status(agent.pid, "VmRSS")
        with journaled.agent() as agent:
            time.sleep(20)
            again = _status(agent.pid, "VmRSS")
    return [
        _megabytes(f"memory, full look of {users:,} users: peak", peak, 250),
        _megabytes("the same: afterwards", steady, 100),
        _megabytes("the same: agent started again on that journal", again, 100),
    ]


def _megabytes(name: str, size: int, goal: int) -> Figure:
    return figure(name, [size / MEGABYTE], "MB", goal=f"< {goal} MB", reached=lambda value: value < goal)


def _until_complete(journaled: Journaled) -> None:
    settings = journaled.config
    journal: Journal = connections.journal(settings, None)
    while not journal.refresh().complete or not journal.head.settled:
        time.sleep(0.2)
    journal.close()


def _status(pid: int, name: str) -> int:
    """A line of /proc/PID/status that counts kilobytes, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"the kernel says nothing of {name}")


def scaling(ground: Ground, sizes: list[int], runs: int) -> list[Figure]:
    """Seconds a thousand users take, by size of the directory."""
    figures = []
    for users in sizes:
        ours, plain = [], []
        with ground.domain(users) as domain:
            for run in range(runs):
                with suppress(subprocess.CalledProcessError):  # Samba refuses more than 256 MiB in one answer
                    plain.append(1000 * ldapsearch(domain.dc, domain.place / "all.ldif") / users)
                ours.append(1000 * look(domain.journal(f"s{run}")) / users)
        figures.append(
            figure(
                f"full look of {users:,} users: each thousand",
                ours,
                "s",
                against=_RIVAL if plain else "",
                baselines=plain,
            )
        )
    return figures
