"""Golden images and what is made of them: once a day, for everybody on this machine who uses the same directory."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tools.samba_dc.golden import Golden
from tools.samba_dc.layout import remove
from tools.samba_dc.programs import require, samba_version

_FRESH_S: Final = 24 * 3600
"""An image ages: passwords of a domain expire, and tests compare times with now."""

_IN_USE_S: Final = 2 * _FRESH_S
"""What is older than this is in nobody's use any more, and removed."""


def kept(
    home: Path,
    name: str,
    *,
    realm: str = "SAMDOM.EXAMPLE.COM",
    domain: str = "SAMDOM",
    hostname: str = "dc1",
    languages: Sequence[str] = (),
) -> Golden:
    """The image of this name, provisioned now if there is none of today by this harness and this Samba.

    Callers that come at the same time wait for the first one. One that dies leaves nothing that passes for an image.

    Args:
        home: Keeps the images; made when it is not there.
        name: Of the image; two names are two domains, even of the same realm.
        realm, domain, hostname, languages: As for `Golden.provision`.

    Raises:
        HarnessError: As `Golden.provision`.
    """
    require()
    made = digest(repr((realm, domain, hostname, languages)), samba_version(), of=[Path(__file__).parent])

    def make(place: Path) -> None:
        Golden.provision(place, realm=realm, domain=domain, hostname=hostname, languages=languages)

    return Golden.load(keep(home, name, made, make))


def keep(home: Path, name: str, made: str, make: Callable[[Path], object]) -> Path:
    """The directory of this name, made now if there is none of today that was made in the same way; only to be read.

    Callers that come at the same time wait for the first one. One that dies leaves nothing that passes for finished.

    Args:
        home: Keeps the directories; made when it is not there.
        name: Of the directory.
        made: A :func:`digest` of all that decides how it comes out.
        make: Fills the directory whose path it is told, which is not there yet, and has another name in the end.
    """
    home.mkdir(parents=True, exist_ok=True)
    finished = home / f"{name}-{made}"
    with alone(home / f"lock-{name}"):
        _clean(home)
        if finished.exists():
            if _age_s(finished) < _FRESH_S:
                return finished
            # somebody may still copy from it
            finished.rename(home / f"old-{finished.name}-{time.time_ns()}")
        unfinished = home / f"unfinished-{finished.name}"
        remove(unfinished)
        make(unfinished)
        unfinished.rename(finished)
        return finished


def digest(*facts: str, of: Iterable[Path]) -> str:
    """Facts, and the text of Python files: single ones, and all below a directory."""
    found = hashlib.sha256(repr(facts).encode())
    for place in of:
        for source in sorted(place.rglob("*.py")) if place.is_dir() else (place,):
            found.update(source.read_bytes())
    return found.hexdigest()[:16]


def _clean(home: Path) -> None:
    for kept_one in home.iterdir():
        # another may be cleaning, too
        with suppress(FileNotFoundError):
            if kept_one.is_dir() and _age_s(kept_one) > _IN_USE_S:
                remove(kept_one)


def _age_s(kept_one: Path) -> float:
    return time.time() - kept_one.stat().st_mtime


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody else holds the lock of this file; the kernel lets go of it when its holder dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
