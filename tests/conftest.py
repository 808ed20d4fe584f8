"""Real domain controllers for whoever asks for one: provisioned and staffed once a day, copied for every test."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from adpersist import telemetry
from tests import forking, images, workers
from tests.cases import left_out, register_profiles
from tests.integration.scene import Scene, World, staff
from tests.places import short_directory
from tools.samba_dc import Golden, PrerequisiteError, SambaDC, free_address, samba_version

register_profiles()


def pytest_report_header() -> list[str]:
    """Which Samba the domain controllers are of, where there is any."""
    try:
        return [f"samba: {samba_version()}"]
    except PrerequisiteError:
        return []


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark tests that need a DC, keep together on one worker what shares a module's fixtures, and leave cases out."""
    left = set(left_out(items))
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
    for item in items:
        if isinstance(item, pytest.Function):
            domains = item._fixtureinfo.name2fixturedefs.get("golden")
            if domains is not None and domains[-1].func.__module__ == __name__:
                item.add_marker("dc")
            if shared := _shared(item):
                item.add_marker(pytest.mark.xdist_group(shared))
    yield
    # what may take longer than all others begins first: at the end, one worker would be at it alone
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: it is not swept again each time that somebody sweeps."""
    gc.collect()
    gc.freeze()


def _shared(test: pytest.Function) -> str:
    """The module whose fixtures the test shares with others, and their parameters; empty when it shares none."""
    definitions = {name: found[-1] for name, found in test._fixtureinfo.name2fixturedefs.items()}
    modules = {name for name, found in definitions.items() if found.scope == "module"}
    if not modules:
        return ""
    indices = test.callspec.indices if hasattr(test, "callspec") else {}
    # one that is made of another, such as two restores of one day, stays with it
    chosen = sorted(name for name in modules & indices.keys() if not {*definitions[name].argnames} & indices.keys())
    return " ".join((test.path.stem, *(f"{name}={indices[name]}" for name in chosen)))


@pytest.fixture(autouse=True)
def _logs_are_set_up_anew() -> Iterator[None]:
    """What a test does to this process's log, level and stream, ends with it: the next may look at what is told."""
    with pytest.MonkeyPatch.context() as kept:
        kept.setattr(telemetry, "_settings", telemetry._Settings())
        kept.setattr(telemetry, "_in_force", telemetry._Settings())
        yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def golden() -> Golden:
    """A bare domain of one DC."""
    forking.prepare()
    workers.judge()
    return images.image("samdom")


@pytest.fixture(scope="session")
def scene(golden: Golden) -> Scene:
    """A domain with staff in it, and the journal that holds all of that."""
    return images.scene("staffed", golden, staff)


@pytest.fixture(scope="session")
def staffed_golden(scene: Scene) -> Golden:
    """A domain with an OU, users with passwords, groups with members."""
    return scene.golden


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose path leaves room for Unix sockets."""
    with short_directory() as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def module_place() -> Iterator[Path]:
    """The same for a whole module."""
    with short_directory() as directory:
        yield Path(directory)


@pytest.fixture
def dc(staffed_golden: Golden, place: Path) -> Iterator[SambaDC]:
    """A running DC with staff."""
    with SambaDC(staffed_golden, place / "dc", address=free_address()) as running:
        running.start()
        yield running


@pytest.fixture
def world(scene: Scene, place: Path) -> Iterator[World]:
    """A running DC with staff, and a journal that holds all of it."""
    with scene.played(place) as played:
        yield played
