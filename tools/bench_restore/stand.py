"""What is measured on: an image, the journal of what happened after it, and the database as it was then."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.samba_dc import Golden, SambaDC, free_address
from tools.samba_dc.filling import fill
from tools.samba_dc.programs import SYSTEM_PYTHON

LOST: Final = "Lost"
"""The OU of those who came after the image."""

_HERE: Final = Path(__file__).parent
_PATIENCE_S: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A DC that lost something.

    Attributes:
        place: Holds the journal's original and the configuration.
        add, modify: What was lost, as LDIF.
        dc: The DC; :meth:`reverted` puts it back to its image.
    """

    place: Path
    add: Path
    modify: Path
    dc: SambaDC

    @classmethod
    def make(cls, golden: Golden, place: Path, *, lost: int) -> Loss:
        """What is in the image, and so many users since, with secrets and groups."""
        place.mkdir(parents=True)
        dc = SambaDC(golden, place / "dc", address=free_address())
        dc.prepare()
        loss = cls(place=place, add=place / "add.ldif", modify=place / "modify.ldif", dc=dc)
        dc.start()
        words = ("--directory", dc.ldapi_url, "--store", f"sqlite://{loss.journal}", "--key-file", str(place / "key"))
        loss.adpersist("init", *words)
        loss.adpersist("agent", "--once")
        dc.stop()
        # the image is of a machine that adpersist ran on
        dc.golden = dc.take_golden(place / "image")
        fill(dc.private_dir, dc.base_dn, lost, tree=LOST)
        dc.start()
        loss.adpersist("agent", "--once")
        dc.stop()
        command = [SYSTEM_PYTHON, str(_HERE / "ldif.py"), str(dc.private_dir), LOST, str(loss.add), str(loss.modify)]
        subprocess.run(command, check=True, timeout=_PATIENCE_S)
        shutil.copy2(loss.journal, loss.kept)
        return loss

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

    def adpersist(self, *words: str, codes: tuple[int, ...] = (0,)) -> float:
        """Run the real command line; its wall time in seconds."""
        command = [sys.executable, "-m", "adpersist", *words, "--config", str(self.config)]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        took_s = time.monotonic() - began
        if done.returncode not in codes:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return took_s
