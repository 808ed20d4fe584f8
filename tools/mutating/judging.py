"""Workers that try mutants: each has a copy of the tree, writes a mutant there, and forks a process that runs tests.

The process that is forked has the libraries already and nothing of adpersist; what the tests start finds the same copy.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from tools.mutating.covering import Covering
from tools.mutating.mutants import Mutant

PARTS: Final = ("adpersist", "tests", "tools", "samples", "docs", "pyproject.toml", "README.md", "CHANGELOG.md")
_LINKED: Final = (".venv", ".cache")
_LEAST_S: Final = 20.0
_TIMES_AS_LONG: Final = 6.0


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    ENDLESS = "endless"
    """The tests did not end in time: counts as killed."""
    SURVIVED = "survived"
    UNTESTED = "untested"
    """No test runs its line: it survived, too."""


@dataclass(frozen=True, slots=True)
class _Running:
    mutant: Mutant
    tree: Path
    until: float


def copied(root: Path, tree: Path) -> Path:
    """A copy of the repository as it lies there, without what git does not keep."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for part in PARTS:
        if (root / part).is_dir():
            shutil.copytree(root / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        else:
            shutil.copy2(root / part, tree / part)
    for part in _LINKED:
        (tree / part).symlink_to(root / part)
    return tree


def judged(
    mutants: Iterable[Mutant], covering: Covering, trees: list[Path], told: Callable[[Mutant, Fate], None]
) -> None:
    """Try every mutant, as many at once as there are trees.

    Raises:
        RuntimeError: The tests cannot be run here, with nothing made wrong.
    """
    quickest: dict[str, str] = {}  # of each file of tests
    for test in sorted(covering.seconds, key=covering.seconds.__getitem__, reverse=True):
        quickest[test.partition("::")[0]] = test
    _, status = os.waitpid(_forked(trees[0], list(quickest.values())), 0)
    if status:
        raise RuntimeError(f"the tests cannot be run in {trees[0]}: {' '.join(quickest.values())}")
    running: dict[int, _Running] = {}
    free, waiting = list(trees), list(reversed(list(mutants)))
    while running or waiting:
        while free and waiting:
            mutant = waiting.pop()
            tests = covering.of(mutant.path, mutant.line)
            if not tests:
                told(mutant, Fate.UNTESTED)
                continue
            tree = free.pop()
            (tree / mutant.path).write_text(mutant.text, encoding="utf-8")
            limit_s = _LEAST_S + _TIMES_AS_LONG * sum(covering.seconds.get(each, 1.0) for each in tests)
            running[_forked(tree, tests)] = _Running(mutant, tree, time.monotonic() + limit_s)
        for pid, each in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                fate = Fate.KILLED if status else Fate.SURVIVED
            elif time.monotonic() > each.until:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                fate = Fate.ENDLESS
            else:
                continue
            del running[pid]
            shutil.copy2(Path.cwd() / each.mutant.path, each.tree / each.mutant.path)
            free.append(each.tree)
            told(each.mutant, fate)
        time.sleep(0.02)


def _forked(tree: Path, tests: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        os.setsid()
        os.chdir(tree)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.environ["PYTHONPATH"] = str(tree)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True  # a mutant of the same size and second would be taken for the one before
        sys.path.insert(0, str(tree))
        for name in [each for each in sys.modules if each.split(".")[0] in ("adpersist", "tests", "tools")]:
            del sys.modules[name]
        code = int(pytest.main(["-q", "-x", "-n0", "-p", "no:randomly", "-p", "no:cacheprovider", *tests]))
    finally:
        os._exit(code)
