"""Which kinds there are, by the phase they belong to."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

    Deed = Callable[[Domain], None]

PHASES: Final = ("image", "change", "local")
_DEEDS: Final[dict[tuple[str, str], dict[str, Deed]]] = {}


def _register(phase: str) -> Callable[[Deed], Deed]:
    def take(deed: Deed) -> Deed:
        chapter = deed.__module__.rpartition(".")[2]
        _DEEDS.setdefault((phase, chapter), {})[deed.__name__] = deed
        return deed

    return take


image = _register("image")
change = _register("change")
local = _register("local")


def deeds(phase: str, chapter: str) -> dict[str, Deed]:
    """The functions of a chapter (a module of this package) for a phase, in the order they are written."""
    importlib.import_module(f"{__package__}.{chapter}")
    return _DEEDS.get((phase, chapter), {})
