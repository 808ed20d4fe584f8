"""What a command loads: an interpreter runs it and says which modules are there afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from adpersist.cli.app import COMMANDS, imported, module_of
from adpersist.errors import ExitCode
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_file import create_key_file
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.journal.head import Identity, Position, Writer
from adpersist.model.objects.change import Change, Kind
from adpersist.stores.registry import open_store

WRITER: Final = Writer(id="w", host="h", pid=1)

DC: Final = frozenset({"ldap3", "gssapi", "adpersist.directory.ldap.connection", "adpersist.directory.ldap.session"})
"""What speaks to a domain controller."""

ELSEWHERE: Final = frozenset({"prometheus_client", "azure", "tenacity", "structlog", "tomlkit", "requests", "asyncio"})
"""What serves metrics, other stores, outages, events and a configuration that is written."""

VALIDATES: Final = frozenset({"pydantic", "pydantic_core", "annotated_types"})
"""What validates a configuration; a command line is parsed without it."""

SEALS: Final = frozenset({"cryptography", "sqlite3", "msgpack", "zstandard", "adpersist.journal", "adpersist.stores"})
"""What opens a journal."""

READING: Final[Mapping[str, Sequence[str]]] = {
    "log": (),
    "mark": ("here",),
    "check": (),
    "show": ("ou=staff,dc=x",),
    "diff": ("1", "2"),
    "history": ("ou=staff,dc=x",),
    "report": ("--since", "1"),
    "export": ("--ldif",),
    "checkpoint": (),
    "prune": ("--keep", "30d", "--yes"),
    "fleet": ("--silent-after", "off"),
    "copy": ("--to", "sqlite://{place}/copy.db"),
    "key": ("rotate",),
}
"""Commands that need no domain controller, and words they run with; ``{place}`` is a directory."""

_PROGRAM: Final = """
import importlib, json, os, sys
from adpersist.__main__ import run
for name in sys.argv[1:]:
    importlib.import_module(name)
for line in sys.stdin:
    place, *words = json.loads(line)
    if process := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
        continue
    os.dup2(os.open(os.path.join(place, "out"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    code = run(words)
    sys.stdout.flush()
    with open(os.path.join(place, "loaded"), "w") as file:
        json.dump({"code": code, "modules": sorted(sys.modules)}, file)
    os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was there when a command had ended."""

    code: int
    modules: frozenset[str]
    out: str

    def of(self, rooms: frozenset[str]) -> set[str]:
        """Modules that are, or lie in, one of these."""
        return {each for each in self.modules if any(each == room or each.startswith(f"{room}.") for room in rooms)}


class Interpreter:
    """A fresh one, which has loaded what every command does and becomes each of them by a fork: whatever is there when
    a command has ended was loaded by it, or for every one.

    Args:
        more: What else it loads first, for commands that all do.
    """

    def __init__(self, *more: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ADPERSIST")}
        self._process = subprocess.Popen(
            (sys.executable, "-c", _PROGRAM, "adpersist.cli.app", *more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def loaded(self, place: Path, *words: str) -> Loaded:
        """Run a command; the place takes what it said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([str(place), *words]), file=self._process.stdin, flush=True)
        assert self._process.stdout.readline() == "0\n"
        said = json.loads((place / "loaded").read_text())
        return Loaded(said["code"], frozenset(said["modules"]), (place / "out").read_text())

    def __enter__(self) -> Interpreter:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Interpreter]:
    with Interpreter() as interpreter:
        yield interpreter


@pytest.fixture(scope="module")
def reading(fresh: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter]:
    """One that has loaded what the shortest command does that reads a journal."""
    place = tmp_path_factory.mktemp("log")
    log = fresh.loaded(place, "log", "--config", str(configured(place)))
    ours = {each for each in log.modules if each.startswith("adpersist.")} - {"adpersist.__main__"}
    with Interpreter(*sorted(ours)) as interpreter:
        yield interpreter


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path)


def configured(place: Path) -> Path:
    """The configuration of a small journal."""
    identity = Identity(domain=Guid(uuid.UUID(int=1).bytes_le), server=Guid(uuid.UUID(int=2).bytes_le), dns_name="dc1")
    key, store = create_key_file(place / "key"), f"sqlite://{place}/journal.db"
    there = open_store(store, journal=journal_id(identity))
    journal = Journal.create(there, key, identity=identity, writer=WRITER, now=0.0)
    root, office = (Guid(uuid.UUID(int=number).bytes_le) for number in (10, 11))
    for number, change in enumerate(
        (
            Change(kind=Kind.CREATED, guid=root, nc="DC=x", rdn="DC=x", values={"objectClass": (b"top", b"domainDNS")}),
            Change(kind=Kind.CREATED, guid=office, nc="DC=x", parent=root, rdn="OU=staff", values={"ou": (b"staff",)}),
        ),
        1,
    ):
        journal.commit(
            [change],
            position=Position(invocation=Guid(uuid.UUID(int=3).bytes_le), usn=Usn(number)),
            usn_from=Usn(number - 1),
            witnesses=(),
            complete=True,
            now=float(number),
        )
    journal.close()
    path = place / "adpersist.toml"
    path.write_text(
        f"[store]\nurl = {json.dumps(store)}\n[key]\nfile = {json.dumps(str(place / 'key'))}\n"
        f"[journal]\nid = {json.dumps(journal_id(identity))}\n"
    )
    return path


def test_the_list_of_commands_loads_none(fresh: Interpreter, tmp_path: Path) -> None:
    found = fresh.loaded(tmp_path, "--help")
    assert found.code == ExitCode.OK
    assert all(name in found.out for name in COMMANDS)
    assert not found.of(frozenset(map(module_of, COMMANDS)))
    assert not found.of(DC | ELSEWHERE | VALIDATES | SEALS | {"rich"})


@pytest.mark.parametrize("words", [("--version",), ("nonsense",)])
def test_what_names_no_command_draws_nothing(fresh: Interpreter, tmp_path: Path, words: Sequence[str]) -> None:
    assert not fresh.loaded(tmp_path, *words).of(DC | ELSEWHERE | VALIDATES | SEALS | {"rich"})


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_that_works(fresh: Interpreter, tmp_path: Path, command: str) -> None:
    found = fresh.loaded(tmp_path, command, "--help")
    assert found.code == ExitCode.OK
    assert "Usage" in found.out
    assert not found.of(DC | ELSEWHERE | VALIDATES | SEALS | {"rich"})


def _words(command: str, place: Path) -> list[str]:
    return [word.format(place=place) for word in READING[command]]


@pytest.mark.sampled
@pytest.mark.parametrize("command", READING)
def test_a_command_that_needs_no_controller_loads_nothing_that_speaks_to_one(
    reading: Interpreter, config: Path, tmp_path: Path, command: str
) -> None:
    found = reading.loaded(tmp_path, command, *_words(command, tmp_path), "--config", str(config))
    assert found.code in (ExitCode.OK, ExitCode.DIFFERENCES)
    assert found.out.strip()
    assert not found.of(DC | ELSEWHERE)


@pytest.mark.sampled
@pytest.mark.parametrize("command", READING)
def test_what_is_printed_for_machines_is_not_drawn(
    reading: Interpreter, config: Path, tmp_path: Path, command: str
) -> None:
    found = reading.loaded(tmp_path, command, *_words(command, tmp_path), "--json", "--config", str(config))
    assert found.code in (ExitCode.OK, ExitCode.DIFFERENCES)
    assert not found.of(frozenset({"rich"}))


def test_lines_are_not_drawn(reading: Interpreter, config: Path, tmp_path: Path) -> None:
    found = reading.loaded(tmp_path, "log", "--config", str(config))
    assert "1 created" in found.out
    assert not found.of(frozenset({"rich"}))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_says_what_the_command_says_first(command: str) -> None:
    said = imported(command).help or ""
    assert " ".join(said.split("\n\n")[0].split()) == COMMANDS[command]
