"""What is measured on: an image, the journal of what happened after it, and the database as it was then."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adpersist.directory.samba.worker_process import WorkerProcess
from adpersist.errors import DirectoryUnreachableError
from tools.bench_capture.ground import busy_s
from tools.bench_capture.looks import ldapsearch
from tools.bench_restore.memory import Peak
from tools.samba_dc import Golden, SambaDC, free_address
from tools.samba_dc.filling import fill
from tools.samba_dc.programs import SYSTEM_PYTHON

LOST: Final = "Lost"
"""The OU of those who came after the image."""

_HERE: Final = Path(__file__).parent
_WORKER: Final = _HERE.parents[1] / "adpersist/directory/samba/database_worker.py"
_PATIENCE_S: Final = 3600
_CONTROLS: Final = "--controls=relax:0,local_oid:1.3.6.1.4.1.7165.4.3.12:0"
"""Identities and hashes are taken as they are given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A DC with a journal, and the way back to how both were.

    Attributes:
        place: Holds the journal's original and the configuration.
        dc: The DC; :meth:`reverted` puts it back to its image.
    """

    place: Path
    dc: SambaDC

    def begin(self) -> Ran:
        """Start the journal, with a first look, and stop; the image that the DC goes back to is of then."""
        self.dc.prepare()
        self.dc.start()
        words = ("--directory", self.dc.ldapi_url, "--store", f"sqlite://{self.journal}")
        self.adpersist("init", *words, "--key-file", str(self.place / "key"))
        ran = self.adpersist("agent", "--once")
        self.dc.stop()
        # the image is of a machine that adpersist ran on
        self.dc.golden = self.dc.take_golden(self.place / "image")
        self.keep()
        return ran

    def keep(self) -> None:
        """From now on, :meth:`put_back` brings the journal as it is now."""
        shutil.copy2(self.journal, self.kept)

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.place / "journal.db"

    @property
    def kept(self) -> Path:
        """A copy of it, from before any restore."""
        return self.place / "kept.db"

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.place / "adpersist.toml"

    @contextmanager
    def reverted(self) -> Iterator[SambaDC]:
        """The DC as the image has it, running, and the journal as it was before any restore."""
        self.put_back()
        with self.dc:
            self.dc.start()
            yield self.dc

    def put_back(self) -> None:
        """The same, not running."""
        self.dc.revert()
        for path in self.place.glob("journal.db*"):
            path.unlink()
        shutil.copy2(self.kept, self.journal)

    def adpersist(self, *words: str, codes: tuple[int, ...] = (0,)) -> Ran:
        """Run the real command line."""
        command = [sys.executable, "-m", "adpersist", *words, "--config", str(self.config)]
        with tempfile.TemporaryFile() as said:
            busy, began = busy_s(self.dc), time.monotonic()
            process = subprocess.Popen(command, stdout=said, stderr=said)
            with Peak(process.pid) as memory:
                process.wait()
                took_s = time.monotonic() - began
            if process.returncode not in codes:
                said.seek(0)
                raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}: {said.read().decode()}")
        return Ran(took_s=took_s, dc_s=busy_s(self.dc) - busy, peak_bytes=memory.most_bytes)

    def look_s(self) -> float:
        """Seconds ldapsearch takes for a look at everything, as every proof has one."""
        return ldapsearch(self.dc, self.place / "look.ldif")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss(Stand):
    """A DC that lost something.

    Attributes:
        add, modify: What was lost, as LDIF.
    """

    add: Path
    modify: Path

    @classmethod
    def make(cls, golden: Golden, place: Path, *, lost: int) -> Loss:
        """What is in the image, and so many users since, with secrets and groups."""
        place.mkdir(parents=True)
        dc = SambaDC(golden, place / "dc", address=free_address())
        loss = cls(place=place, add=place / "add.ldif", modify=place / "modify.ldif", dc=dc)
        loss.begin()
        fill(dc.private_dir, dc.base_dn, lost, tree=LOST)
        dc.start()
        loss.adpersist("agent", "--once")
        dc.stop()
        command = [SYSTEM_PYTHON, str(_HERE / "ldif.py"), str(dc.private_dir), LOST, str(loss.add), str(loss.modify)]
        subprocess.run(command, check=True, timeout=_PATIENCE_S)
        loss.keep()
        return loss

    @property
    def chunks(self) -> Path:
        """What a heal has Samba's replication take."""
        return self.place / "chunks"

    def ldb(self) -> Ran:
        """Write the same content with Samba's own tools, over the same socket."""
        busy, began = busy_s(self.dc), time.monotonic()
        for tool, ldif in (("ldbadd", self.add), ("ldbmodify", self.modify)):
            command = [tool, "-H", self.dc.ldapi_url_quoted, _CONTROLS, str(ldif)]
            subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE_S)
        return Ran(took_s=time.monotonic() - began, dc_s=busy_s(self.dc) - busy)

    def library_s(self) -> float:
        """Seconds Samba's own library takes for the same content, in a stopped DC's database."""
        self.put_back()
        command = [SYSTEM_PYTHON, str(_HERE / "library.py"), str(self.dc.private_dir), str(self.add), str(self.modify)]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=_PATIENCE_S).stdout)

    def record(self) -> None:
        """Keep the chunks that a heal has Samba's replication take."""
        with self.reverted():
            command = [sys.executable, "-m", "tools.bench_restore.recording", str(self.chunks), "restore", "--yes"]
            engine = ("--engine", "local", "--config", str(self.config))
            subprocess.run([*command, *engine], check=True, capture_output=True, timeout=_PATIENCE_S)

    def chunks_s(self) -> float:
        """Seconds Samba's replication takes for just those chunks, the database opened before.

        Raises:
            RuntimeError: It takes one of them otherwise than it did.
        """
        worker = WorkerProcess(
            _WORKER, str(self.dc.sam_ldb), task="takes chunks", gone=DirectoryUnreachableError, timeout_s=_PATIENCE_S
        )
        worker.send(("greeting",))
        worker.receive()
        took_s = 0.0
        for request in self._recorded():
            began = time.monotonic()
            worker.send(request)
            answer = worker.receive()
            took_s += time.monotonic() - began
            if answer != (0, ({}, {})):
                raise RuntimeError(f"a chunk was refused: {answer}")
        worker.close()
        return took_s

    def _recorded(self) -> Iterator[object]:
        with self.chunks.open("rb") as record, suppress(EOFError):
            while True:
                yield pickle.load(record)  # noqa: S301 - from a process of our own


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What something took.

    Attributes:
        took_s: Wall time.
        dc_s: The DC's processor time meanwhile.
        peak_bytes: Most memory of the process and its workers together.
    """

    took_s: float
    dc_s: float
    peak_bytes: int = 0
