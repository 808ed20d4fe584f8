"""A temporary file that has no name, and is gone with the process that has it open."""

import os
import tempfile
from pathlib import Path
from typing import IO, Final

_LARGE: Final = Path("/var/tmp")  # noqa: S108 - on a disk, where /tmp may be memory; and no name is made in it


def nameless_file() -> IO[bytes]:
    """One on a disk, unless TMPDIR says otherwise. Raises: OSError."""
    where = _LARGE if "TMPDIR" not in os.environ and os.access(_LARGE, os.W_OK) else None
    return tempfile.TemporaryFile(dir=where)


def write_at(file: IO[bytes], content: bytes | bytearray, place: int) -> None:
    """Write all of it there, in as many pieces as the system takes it in. Raises: OSError."""
    done = 0
    while done < len(content):
        done += os.pwrite(file.fileno(), content[done:], place + done)
