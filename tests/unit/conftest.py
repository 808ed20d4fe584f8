"""What unit tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

Synced = list[tuple[Path, bytes | None]]
"""What was put on the disk, in order: a file with what it held by then, a directory with None."""


@pytest.fixture(autouse=True)
def _logs_go_nowhere_else_afterwards() -> Iterator[None]:
    """A command run here logs to what stands for standard error now, which is closed when the test ends."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    """Every fsync this process asks for; each is carried out."""
    seen: Synced = []
    carry_out = os.fsync

    def noting(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        seen.append((path, None if path.is_dir() else path.read_bytes()))
        carry_out(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return seen
