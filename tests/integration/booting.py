"""`adpersist boot` around a DC of the harness, which then knows nothing of the DC's processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.forking import Running
from tests.integration.commands import Adpersist
from tests.integration.scene import until
from tools.samba_dc import SambaDC


@contextmanager
def booting(dc: SambaDC, run: Adpersist, log: Path, *options: str) -> Iterator[Running]:
    """Boot a prepared DC for as long as the block lasts; both outputs go to ``log``."""
    process = run.start("boot", *options, log=log, behind=dc.command(), new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


@contextmanager
def booted(dc: SambaDC, run: Adpersist, log: Path) -> Iterator[None]:
    """Boot a prepared DC, wait until it is proven and open, and for its last process behind the block."""
    with booting(dc, run, log) as process:
        until(lambda: process.poll() is None and "dc.proven" in log.read_text(), "the DC is proven", timeout_s=120)
        until(dc.answers, "the DC is open", timeout_s=60)
        yield
    until(lambda: not holders(dc.directory), "all of the DC ended")


def holders(directory: Path) -> list[str]:
    """Samba's processes that were started with a file of the DC in this directory."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(directory).encode() in words and b"samba" in words:
            found.append(line.parent.name)
    return found
