"""Golden images for tests, and what is made of them: once a day, and shared by all test runs in this checkout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.integration import ordeal
from tests.integration.hands import Hands
from tests.integration.scene import Scene
from tests.places import short_directory
from tools.samba_dc import Golden, PrerequisiteError, digest, keep, kept

_REPOSITORY: Final = Path(__file__).resolve().parents[1]
HOME: Final = _REPOSITORY / ".cache" / "images"
_HARNESS: Final = _REPOSITORY / "tools" / "samba_dc"
_INTEGRATION: Final = _REPOSITORY / "tests" / "integration"

_FOR_A_SCENE: Final = (
    _HARNESS,
    _REPOSITORY / "adpersist",
    *(_INTEGRATION / name for name in ("commands.py", "hands.py", "scene.py")),
)
"""The code that decides how a scene comes out, adpersist's own included: its journal is as today's code writes it."""

LANGUAGES: Final = ("409",)
"""Consoles speak English: the same 56 texts in 23 languages more are more than a third of a new domain's objects, and
what they do to a command they do to each."""

_FOR_FURNITURE: Final = (_HARNESS, _INTEGRATION / "ordeal.py", _INTEGRATION / "workload")


def image(name: str, *, realm: str = "SAMDOM.EXAMPLE.COM", domain: str = "SAMDOM", hostname: str = "dc1") -> Golden:
    """A bare domain of one DC; two names are two domains, even of the same realm. Only to be copied from."""
    try:
        return kept(HOME, name, realm=realm, domain=domain, hostname=hostname, languages=LANGUAGES)
    except PrerequisiteError as error:
        pytest.fail(f"no domain controller can run here: {error} (tools/setup installs what is needed)", pytrace=False)


def scene(name: str, golden: Golden, furnish: Callable[[Hands], None]) -> Scene:
    """A furnished domain and its journal. Only to be copied from."""

    def make(home: Path) -> None:
        with short_directory() as place:
            Scene.make(golden, Path(place), furnish, home=home)

    return Scene.load(keep(HOME, name, digest(golden.ntds_guid, of=_FOR_A_SCENE), make))


def furnished(name: str, golden: Golden, chapters: Sequence[str]) -> Golden:
    """A domain with what chapters of the workload need. Only to be copied from."""

    def make(home: Path) -> None:
        with short_directory() as place:
            ordeal.furnish(golden, Path(place), chapters, home)

    return Golden.load(keep(HOME, name, digest(golden.ntds_guid, *chapters, of=_FOR_FURNITURE), make))
