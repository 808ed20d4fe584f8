"""Who else may get at a file that holds what is ours: by its owner and its mode."""

import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Somebody else may get at a file.

    Attributes:
        says: Who, as a clause to warn with; names file and mode.
        mend: The command that mends it.
    """

    says: str
    mend: str


def exposure(path: Path, what: str, *, secret: bool = True) -> Exposure | None:
    """None: it is its owner's alone, and the owner is root or who runs this.

    Args:
        path: The file, or a directory, whose names count: who may write to it may put another file in a file's place.
        what: What it is, for people: "the key file".
        secret: Nobody else may read it either; False: others may not write to it.

    Raises:
        OSError: It is not there, or cannot be looked at.
    """
    status = path.stat()
    mode, is_directory = stat.S_IMODE(status.st_mode), stat.S_ISDIR(status.st_mode)
    if status.st_uid not in (0, os.geteuid()):
        return Exposure(
            says=f"{what} {path} belongs to user {status.st_uid}", mend=f"chown {os.geteuid()} {shlex.quote(str(path))}"
        )
    bits = 0o077 if secret and not is_directory else 0o022
    whose = (("its group", 0o070), ("everybody on this machine", 0o007))
    others = [who for who, mask in whose if mode & mask & bits]
    if not others or (is_directory and mode & stat.S_ISVTX):
        return None
    return Exposure(
        says=f"{what} {path} is open to {' and '.join(others)} (mode {mode:04o})",
        mend=f"chmod {'600' if bits == 0o077 else 'go-w'} {shlex.quote(str(path))}",
    )
