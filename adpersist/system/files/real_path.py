"""Where a file lies whose name may be a link, and what lies beside it: SQLite follows links first, and so must we."""

import os
from pathlib import Path


def real(path: Path) -> Path:
    """The file itself, where its name is a symbolic link; one that is not there yet, where it will be."""
    return Path(os.path.realpath(path))


def beside(path: Path, end: str) -> Path:
    """What lies beside it under its name with ``end``: ``-wal``, ``-shm``, and what is ours."""
    found = real(path)
    return found.with_name(found.name + end)
