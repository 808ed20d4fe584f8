"""A DC and its program at another time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.scene import World


def hurried(times: int) -> dict[str, str]:
    """The environment of a program for which time passes so many times as fast: what it waits for by the clock is over
    soon. It may not wait with a limit for a lock or an event: that wait knows nothing of this."""
    return {"LD_PRELOAD": str(_library()), "FAKETIME": f"+0 x{times}"}


def shifted(offset: str) -> dict[str, str]:
    """The environment of a program that lives so far from now: ``+7d``."""
    # Debian 12's ldb looks for its modules' symbols in their own libraries first, and they ask the real clock then
    ours_first = {"LDB_MODULES_DISABLE_DEEPBIND": "1"}
    return {"LD_PRELOAD": str(_library()), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"} | ours_first


def led(by: Path) -> dict[str, str]:
    """The environment of a program whose clocks, of whichever kind, are so far ahead as a file says at the moment."""
    return {"LD_PRELOAD": str(_library()), "FAKETIME_TIMESTAMP_FILE": str(by), "FAKETIME_NO_CACHE": "1"}


def _library() -> Path:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    assert library is not None, "libfaketime is missing: tools/setup installs it"
    return library


@contextmanager
def clock(world: World, offset: str) -> Iterator[World]:
    """The DC, started again, and adpersist live so far from now; afterwards the DC still does, until it is started
    again."""
    shift = shifted(offset)
    world.dc.stop()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shift.items():
            patch.setenv(name, value)
        world.dc.start()
    yield World(
        place=world.place, dc=world.dc, run=world.run.with_environment(**shift), store=world.store, key=world.key
    )
