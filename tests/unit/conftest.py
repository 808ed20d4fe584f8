"""What unit tests share."""

import os
from pathlib import Path

import pytest

Synced = list[tuple[Path, bytes | None]]
"""What was put on the disk, in order: a file with what it held by then, a directory with None."""


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
