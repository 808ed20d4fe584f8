"""What is measured on: DCs with many users, and a journal beside each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adpersist import config
from adpersist.config import Config
from tools.samba_dc import Golden, SambaDC, free_address
from tools.samba_dc.filling import filled
from tools.samba_dc.programs import environment

ROOT: Final = Path(__file__).parents[2]


class Ground:
    """Images of domains by size, each filled once and kept for as long as this lasts.

    Args:
        place: Directory directly below /tmp: Unix sockets allow short paths only.
        address: Loopback address of the DCs; a free one when there is none.
        backend: What Samba keeps a naming context in: tdb, or mdb for large directories.
    """

    def __init__(self, place: Path, address: str | None = None, *, backend: str = "tdb") -> None:
        self._place = place
        self._address = address
        self._backend = backend

    def image(self, users: int) -> Golden:
        """A domain of so many users."""
        kind = "" if self._backend == "tdb" else self._backend
        bare = Golden.provision(self._place / f"g{kind}0", options=(f"--backend-store={self._backend}",))
        return filled(bare, self._place / f"g{kind}{users}", users) if users else bare

    @contextmanager
    def domain(self, users: int, options: Mapping[str, str] | None = None) -> Iterator[Domain]:
        """A running DC with so many users, and more settings of smb.conf."""
        place = Path(tempfile.mkdtemp(prefix="d", dir=self._place))
        try:
            address = self._address or free_address()
            with SambaDC(self.image(users), place / "dc", address=address, options=options) as dc:
                dc.start()
                yield Domain(dc=dc, place=place)
        finally:
            shutil.rmtree(place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A running DC, and room for journals beside it."""

    dc: SambaDC
    place: Path

    def journal(self, name: str, store: str = "") -> Journaled:
        """An empty journal of this DC, made by ``init``; in SQLite unless a store is named."""
        place = self.place / name
        place.mkdir()
        path = place / "adpersist.toml"
        words = [
            *("init", "--config", str(path), "--directory", self.dc.ldapi_url),
            *("--store", store or f"sqlite://{place}/journal.db", "--key-file", str(place / "key")),
        ]
        subprocess.run([*COMMAND, *words], env=own_environment(), check=True, stdout=subprocess.DEVNULL)
        return Journaled(path=path, place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journaled:
    """A journal and the configuration that leads to it."""

    path: Path
    place: Path

    @property
    def config(self) -> Config:
        """As the command line would read it."""
        return config.load(self.path, {})

    @contextmanager
    def agent(self) -> Iterator[subprocess.Popen[bytes]]:
        """A running agent."""
        log = self.place / "agent.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*COMMAND, "agent", "--config", str(self.path)], env=own_environment(), stdout=out, stderr=out
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)

    def once(self) -> tuple[float, int]:
        """One `agent --once`: its wall time in seconds and its peak of memory in bytes."""
        return self.timed("agent", "--once")

    def timed(self, *words: str) -> tuple[float, int]:
        """One command, a process of its own: its wall time in seconds and its peak of memory in bytes."""
        began = time.perf_counter()
        process = subprocess.Popen(
            [*COMMAND, *words, "--config", str(self.path)],
            env=own_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"adpersist {' '.join(words)} failed"
        return time.perf_counter() - began, usage.ru_maxrss * 1024


def busy_s(dc: SambaDC) -> float:
    """Seconds of processor time the DC's processes have had."""
    return sum(map(processor_s, dc.processes))


def processor_s(pid: int) -> float:
    """Seconds of processor time a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


COMMAND: Final = [sys.executable, "-m", "adpersist"]


def own_environment() -> dict[str, str]:
    """For adpersist's own processes."""
    return environment({"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"})
