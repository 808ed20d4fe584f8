"""Golden images that are made once a day for everybody on this machine who uses the same directory."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tools.samba_dc.errors import NotGoldenError
from tools.samba_dc.golden import Golden
from tools.samba_dc.layout import remove
from tools.samba_dc.programs import require, samba_version

_FRESH_S: Final = 24 * 3600
"""An image ages: passwords of a domain expire, and tests compare times with now."""

_IN_USE_S: Final = 2 * _FRESH_S
"""What is older than this is in nobody's use any more, and removed."""


def kept(
    home: Path, name: str, *, realm: str = "SAMDOM.EXAMPLE.COM", domain: str = "SAMDOM", hostname: str = "dc1"
) -> Golden:
    """The image of this name, provisioned now if there is none of today by this harness and this Samba.

    Callers that come at the same time wait for the first one. One that dies leaves nothing that passes for an image.

    Args:
        home: Keeps the images; made when it is not there.
        name: Of the image; two names are two domains, even of the same realm.
        realm, domain, hostname: As for `Golden.provision`.

    Raises:
        HarnessError: As `Golden.provision`.
    """
    require()
    home.mkdir(parents=True, exist_ok=True)
    finished = home / f"{name}-{_maker(realm, domain, hostname)}"
    with _alone(home / "lock"):
        _clean(home)
        try:
            found = Golden.load(finished)
        except NotGoldenError:
            pass
        else:
            if _age_s(finished) < _FRESH_S:
                return found
            # somebody may still copy from it
            finished.rename(home / f"old-{finished.name}-{time.time_ns()}")
        unfinished = home / f"unfinished-{finished.name}"
        remove(unfinished)
        Golden.provision(unfinished, realm=realm, domain=domain, hostname=hostname)
        unfinished.rename(finished)
        return Golden.load(finished)


def _maker(realm: str, domain: str, hostname: str) -> str:
    """What decides how an image comes out: arguments, the harness's own text, Samba's version."""
    digest = hashlib.sha256(repr((realm, domain, hostname)).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    digest.update(samba_version().encode())
    return digest.hexdigest()[:16]


def _clean(home: Path) -> None:
    for image in home.iterdir():
        if image.is_dir() and _age_s(image) > _IN_USE_S:
            remove(image)


def _age_s(image: Path) -> float:
    return time.time() - image.stat().st_mtime


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """The kernel lets go of the lock when its holder dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
