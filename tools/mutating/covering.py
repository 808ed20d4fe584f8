"""Which test runs which line, and how long it takes: one run of the tests, watched by coverage.

What runs in a process that a test starts or forks nobody sees, as another user or without a disk to write to: such
a test is tried with every mutant.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import coverage
import pytest

_TIMES: Final = "ADPERSIST_MUTATING_TIMES"
_SETTINGS: Final = """[run]
parallel = true
source = adpersist
data_file = {place}/coverage
disable_warnings = no-data-collected,module-not-imported
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covering:
    """What one run of the tests told.

    Attributes:
        tests: By file and line, the tests that run it; of line 0 all that run any of the file.
        seconds: How long each takes.
        starters: Tests that start other processes.
    """

    tests: Mapping[str, Mapping[int, frozenset[str]]]
    seconds: Mapping[str, float]
    starters: frozenset[str] = frozenset()

    def of(self, path: str, line: int) -> list[str]:
        """The tests to try a mutant of that line with, quick ones first; what no test runs by itself concerns all."""
        lines, none = self.tests.get(path, {}), frozenset[str]()
        chosen = (lines.get(line) or lines.get(0, none)) | self.starters
        return sorted(chosen, key=lambda each: (self.seconds.get(each, 0.0), each))


def watched(tree: Path, place: Path, tests: Sequence[str], paths: Sequence[str]) -> Covering:
    """Run the tests in a tree and see what they run.

    Args:
        tree: A copy of the repository.
        place: Where coverage keeps its files.
        tests: What pytest is told.
        paths: The files that are asked about, relative to the tree.

    Raises:
        SystemExit: A test fails already, with nothing made wrong.
    """
    (place / "coveragerc").write_text(_SETTINGS.replace("{place}", str(place)))
    times = place / "times.json"
    ran = subprocess.run(
        [sys.executable, "-m", "coverage", "run", f"--rcfile={place / 'coveragerc'}", "-m", "pytest", "-q", "-n0", "-x",
         "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "tools.mutating.covering", *tests],
        cwd=tree, env={**os.environ, "PYTHONPATH": str(tree), _TIMES: str(times)}, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if ran.returncode:
        sys.exit(f"{ran.stdout[-4000:]}\nA test fails with nothing made wrong; nothing was judged.")
    subprocess.run(
        [sys.executable, "-m", "coverage", "combine", "--quiet", f"--rcfile={place / 'coveragerc'}"],
        cwd=tree,
        check=True,
    )
    data = coverage.CoverageData(str(place / "coverage"))
    data.read()
    found: dict[str, dict[int, frozenset[str]]] = {}
    for path in paths:
        lines: dict[int, set[str]] = {}
        for line, contexts in data.contexts_by_lineno(str(tree / path)).items():
            named = {*contexts} - {""}
            lines.setdefault(line, set()).update(named)
            lines.setdefault(0, set()).update(named)
        found[path] = {line: frozenset(named) for line, named in lines.items()}
    told = json.loads(times.read_text())
    return Covering(tests=found, seconds=told["seconds"], starters=frozenset(told["starters"]))


# --- inside of pytest ---


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Say whose lines these are."""
    running = coverage.Coverage.current()
    if running is not None:
        running.switch_context(item.nodeid)
        _now[:] = [item.nodeid]
    return (yield)


_seconds: dict[str, float] = {}
_starters: set[str] = set()
_now: list[str] = []
_STARTING: Final = ("os.fork", "os.posix_spawn", "subprocess.Popen")


def _heard(event: str, _: object) -> None:
    if event in _STARTING:
        _starters.update(_now)


if _TIMES in os.environ:
    sys.addaudithook(_heard)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """How long it took, setting up included."""
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish() -> None:
    """Leave the times where they are looked for."""
    if _TIMES in os.environ:
        Path(os.environ[_TIMES]).write_text(json.dumps({"seconds": _seconds, "starters": sorted(_starters)}))
