"""Nobody is left alone with an error: every place that raises one names a way out, and what it names exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import getsource
from pathlib import Path
from typing import Final

import pytest

import adpersist
from adpersist.errors import AdpersistError
from tests.unit.test_documented_commands import WORDS, unknown
from tools.packaging.words import Words

PACKAGE: Final = Path(adpersist.__file__).parent

_OTHER_PYTHON: Final = ("_worker.py", "worker_frames.py")
"""Run by the system's interpreter, which tells the agent in words; the agent raises."""

_INSIDE: Final = frozenset({"_RowExistsError"})
"""Never leave the module that raises them."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place that makes an error of ours."""

    path: Path
    call: ast.Call
    kind: type[AdpersistError]

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)}:{self.call.lineno} {self.kind.__name__}"

    @property
    def hint(self) -> ast.expr | None:
        return next((each.value for each in self.call.keywords if each.arg == "hint"), None)

    @property
    def leads_on(self) -> bool:
        """It says what to do, or its kind does."""
        if self.hint is not None:
            return not (isinstance(self.hint, ast.Constant) and not self.hint.value) or bool(self.kind.way_out)
        maker = next(each for each in self.kind.__mro__ if "__init__" in vars(each))
        says = "hint=hint" not in (made := getsource(vars(maker)["__init__"])) and "hint=" in made
        return says or bool(self.kind.way_out)


def modules(needed: str = "") -> Iterator[tuple[Path, list[ast.AST]]]:
    """Every module in whose text this stands, and all that is in it: to walk a tree takes longer than to read it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.name.endswith(_OTHER_PYTHON) and needed in (text := path.read_text(encoding="utf-8")):
            yield path, list(ast.walk(ast.parse(text)))


def sites() -> Iterator[Site]:
    for path, nodes in modules():
        calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        named = {node.func.id for node in calls if isinstance(node.func, ast.Name) and node.func.id.endswith("Error")}
        if not named:
            continue
        module = import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
        late = {
            alias.name: node.module
            for node in nodes
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        for node in calls:
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            kind = getattr(module, name, None) or (name in late and getattr(import_module(late[name]), name))
            if isinstance(kind, type) and issubclass(kind, AdpersistError) and name not in _INSIDE:
                yield Site(path, node, kind)


@pytest.fixture(scope="module")
def made() -> list[Site]:
    return list(sites())


def test_every_error_names_a_way_out(made: list[Site]) -> None:
    assert len(made) > 300
    assert [str(site) for site in made if not site.leads_on] == []


def test_the_walk_finds_what_leads_nowhere() -> None:
    def led(text: str, kind: type[AdpersistError]) -> bool:
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)
        return Site(PACKAGE, call, kind).leads_on

    class MuteError(AdpersistError):
        pass

    class TellingError(MuteError):
        way_out = "Wait."

    assert not led("MuteError('so it is')", MuteError)
    assert not led("MuteError('so it is', hint='')", MuteError)
    assert led("MuteError('so it is', hint='Wait.')", MuteError)
    assert led("MuteError('so it is', hint=other.hint)", MuteError)
    assert led("TellingError('so it is')", TellingError)
    assert TellingError("so it is").hint == "Wait."
    assert TellingError("so it is", hint="Go.").hint == "Go."


def texts(beginning: str) -> Iterator[tuple[str, str]]:
    """Every text of the modules that have this in one, but docstrings, with its place; what is filled in reads X."""
    for path, nodes in modules(beginning):
        # a statement that is a text alone explains what stands above it
        told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes:
            if id(node) in told or id(node) in parts:
                continue
            if isinstance(node, ast.JoinedStr):
                filled = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
                yield f"{path.name}:{node.lineno}", "".join(str(part) for part in filled)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path.name}:{node.lineno}", node.value


COMMANDS: Final = sorted(
    {(place, line) for place, text in texts("`adpersist ") for line in re.findall(r"`(adpersist [^`]+)`", text)}
)


@pytest.mark.parametrize(("place", "line"), COMMANDS, ids=[f"{place}-{line[:50]}" for place, line in COMMANDS])
def test_a_command_that_a_message_names_is_one(place: str, line: str) -> None:
    assert unknown(line) == [], f"{place} says `{line}`"


def options(words: Words) -> Iterator[str]:
    for option in words.options:
        yield from option.names
    for below in words.commands:
        yield from options(below)


def test_an_option_that_a_hint_names_is_one(made: list[Site]) -> None:
    known = {"--help", "--version", *options(WORDS)}
    hints = [(str(site), ast.unparse(site.hint)) for site in made if site.hint is not None]
    hints += [(kind.__name__, kind.way_out) for kind in {site.kind for site in made}]
    named = [(place, option) for place, text in hints for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)]
    assert len(named) > 20
    assert [(place, option) for place, option in named if option not in known] == []
