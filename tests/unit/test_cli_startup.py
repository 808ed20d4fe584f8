"""What a command loads: a fresh interpreter runs it and says which modules are there afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
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
    "copy": ("--to", "memory://copy"),
    "key": ("rotate",),
}
"""Commands that need no domain controller, and words they run with."""

_PROGRAM: Final = """
import json, sys
from adpersist.__main__ import run
code = run(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump({"code": code, "modules": sorted(sys.modules)}, file)
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


def loaded(place: Path, *words: str) -> Loaded:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ADPERSIST")}
    ran = subprocess.run(
        (sys.executable, "-c", _PROGRAM, str(place / "loaded"), *words),
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads((place / "loaded").read_text())
    return Loaded(said["code"], frozenset(said["modules"]), ran.stdout)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a small journal."""
    identity = Identity(domain=Guid(uuid.UUID(int=1).bytes_le), server=Guid(uuid.UUID(int=2).bytes_le), dns_name="dc1")
    key, store = create_key_file(tmp_path / "key"), f"sqlite://{tmp_path}/journal.db"
    place = open_store(store, journal=journal_id(identity))
    journal = Journal.create(place, key, identity=identity, writer=WRITER, now=0.0)
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
    path = tmp_path / "adpersist.toml"
    path.write_text(
        f"[store]\nurl = {json.dumps(store)}\n[key]\nfile = {json.dumps(str(tmp_path / 'key'))}\n"
        f"[journal]\nid = {json.dumps(journal_id(identity))}\n"
    )
    return path


def test_the_list_of_commands_loads_none(tmp_path: Path) -> None:
    found = loaded(tmp_path, "--help")
    assert found.code == ExitCode.OK
    assert all(name in found.out for name in COMMANDS)
    assert not found.of(frozenset(map(module_of, COMMANDS)))
    assert not found.of(DC | ELSEWHERE | VALIDATES | SEALS | {"rich"})


@pytest.mark.parametrize("words", [("--version",), ("nonsense",)])
def test_what_names_no_command_draws_nothing(tmp_path: Path, words: Sequence[str]) -> None:
    assert not loaded(tmp_path, *words).of(DC | ELSEWHERE | VALIDATES | SEALS | {"rich"})


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_that_works(tmp_path: Path, command: str) -> None:
    found = loaded(tmp_path, command, "--help")
    assert found.code == ExitCode.OK
    assert "Usage" in found.out
    assert not found.of(DC | ELSEWHERE | VALIDATES | SEALS | {"rich"})


@pytest.mark.parametrize("command", READING)
def test_a_command_that_needs_no_controller_loads_nothing_that_speaks_to_one(
    config: Path, tmp_path: Path, command: str
) -> None:
    found = loaded(tmp_path, command, *READING[command], "--config", str(config))
    assert found.code in (ExitCode.OK, ExitCode.DIFFERENCES)
    assert found.out.strip()
    assert not found.of(DC | ELSEWHERE)


@pytest.mark.parametrize("command", READING)
def test_what_is_printed_for_machines_is_not_drawn(config: Path, tmp_path: Path, command: str) -> None:
    found = loaded(tmp_path, command, *READING[command], "--json", "--config", str(config))
    assert found.code in (ExitCode.OK, ExitCode.DIFFERENCES)
    assert not found.of(frozenset({"rich"}))


def test_lines_are_not_drawn(config: Path, tmp_path: Path) -> None:
    found = loaded(tmp_path, "log", "--config", str(config))
    assert "1 created" in found.out
    assert not found.of(frozenset({"rich"}))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_says_what_the_command_says_first(command: str) -> None:
    said = imported(command).help or ""
    assert " ".join(said.split("\n\n")[0].split()) == COMMANDS[command]
