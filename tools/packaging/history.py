"""The sources of a commit: of the one that is checked out, and of the last version's.

Also where there is no history, or not all of it: a shallow clone, a copy, an archive.
"""

from __future__ import annotations

import atexit
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from tools.packaging.words import REPOSITORY

BEFORE: Final = "2c58731c941ffa583e54eee3613b40299b628aa4"
"""The commit that the last version, 0.2.0, was released from: what an upgrade begins with. Each release moves it on."""

_AUTHOR: Final = ("-c", "user.name=package", "-c", "user.email=package@localhost")


def is_changed() -> bool:
    """Whether something is not in the commit that is checked out."""
    return bool(_git("status", "--porcelain"))


def committed_at() -> int:
    """When the commit that is checked out was made: Unix seconds; without history now."""
    return int(_git("log", "-1", "--format=%ct"))


def has_before() -> bool:
    """Whether the last version's sources can be had here."""
    return subprocess.run([*_words(), "cat-file", "-e", BEFORE], stderr=subprocess.DEVNULL, check=False).returncode == 0


def unpack(target: Path, commit: str = "HEAD") -> None:
    """The sources of a commit, into a new directory."""
    target.mkdir()
    with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
        _git("archive", "--format=tar", f"--output={archive.name}", commit)
        subprocess.run(["tar", "--extract", f"--file={archive.name}", f"--directory={target}"], check=True)


def begin(sources: Path) -> None:
    """Make sources a history of one commit of their own, in their directory."""
    _commit(("git", *_AUTHOR, "-C", str(sources)))


@cache
def _words() -> Sequence[str]:
    """How git is called for this checkout."""
    # who checked it out need not be who builds
    words: Sequence[str] = ("git", "-c", f"safe.directory={REPOSITORY}", "-C", str(REPOSITORY))
    asked = subprocess.run([*words, "rev-parse", "--verify", "HEAD^{commit}"], capture_output=True, check=False)
    if asked.returncode:
        place = tempfile.TemporaryDirectory(prefix="adpersist-history-")
        atexit.register(place.cleanup)
        words = ("git", *_AUTHOR, f"--git-dir={place.name}/.git", f"--work-tree={REPOSITORY}", "-C", str(REPOSITORY))
        _commit(words)
    return words


def _commit(words: Sequence[str]) -> None:
    for more in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "as they are"]):
        subprocess.run([*words, *more], check=True)


def _git(*words: str) -> str:
    done = subprocess.run([*_words(), *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()
