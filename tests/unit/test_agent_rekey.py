"""The configuration follows the journal to a new key: only the line that names the key changes, or nothing does."""

from __future__ import annotations

import json
import os
import time
import tomllib
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adpersist.agent import connections
from adpersist.agent.upkeep.key_change import (
    booted_at,
    finish,
    in_file,
    in_variable,
    renamed_key,
    require_writable,
    rewrap,
)
from adpersist.config import load
from adpersist.errors import ConfigError, WrongKeyError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_file import create_key_file
from adpersist.model.identity.ids import Guid
from adpersist.model.journal.head import Identity, Writer
from adpersist.stores.registry import open_store

IDENTITY = Identity(domain=Guid(uuid.UUID(int=1).bytes_le), server=Guid(uuid.UUID(int=2).bytes_le), dns_name="dc1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[key] # which\nfile = "/old"  # here\n[log]\n', '[key] # which\nvault = "new"  # here\n[log]\n'),
        ('[key]\n\tvault="/old"\r\n# file = ""\r\n', '[key]\n\tvault = "new"\r\n# file = ""\r\n'),
        ('[key]\n# file = ""\n\n# the log\n[log]\n', '[key]\nvault = "new"\n# file = ""\n\n# the log\n[log]\n'),
        ("['key']\n\"file\" = '''/old'''", "['key']\nvault = \"new\""),
        ('key.file = "/old" # here\n[log]\n', 'key.vault = "new" # here\n[log]\n'),
        ('key.file = ""\nlog.level = "info"\nkey.vault = "x"\n', 'key.vault = "new"\nlog.level = "info"\n'),
        ('key = { file = "/old" } # here\n', 'key = { vault = "new" } # here\n'),
        ('key = {vault_algorithm = "A256KW"}\n', 'key = {vault = "new",vault_algorithm = "A256KW"}\n'),
        ("[log]\n[key]", '[log]\n[key]\nvault = "new"\n'),
        ('[log]\nlevel = "info"', '[log]\nlevel = "info"\n[key]\nvault = "new"\n'),
    ],
)
def test_every_form_of_the_section_is_understood(text: str, expected: str) -> None:
    assert renamed_key(text, "vault", "new") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[key]\nfile = "/old"  # here\n# more\n', "[key]\n# here\n# more\n"),
        ('[key]\nfile = "/old"\n[log]\n', "[key]\n[log]\n"),
        ('key = {file = "/old"}\n', "key = {}\n"),
        ('[log]\nlevel = "info"', '[log]\nlevel = "info"'),
    ],
)
def test_a_key_of_the_environment_leaves_no_name_behind(text: str, expected: str) -> None:
    assert renamed_key(text, "", "") == expected


_COMMENT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=12).map("# {}".format)
_SAID = st.sampled_from(('file = "/old"', 'vault   = "https://old" # kept', "vault_algorithm = 'A256KW'"))
_OTHER = st.sampled_from(
    ("", "  ", "[log]", "[store]", "  [capture] # how", "[[others]]", "[other.key]", 'file = "not me"')
)


@given(
    above=st.lists(_COMMENT | st.just(""), max_size=3),
    key=st.lists(_SAID | _COMMENT | st.just(""), max_size=6, unique=True),
    below=st.lists(_COMMENT | _OTHER, max_size=6, unique=True),
    newline=st.sampled_from(("\n", "\r\n")),
    source=st.sampled_from(("file", "vault")),
    value=st.text(st.characters(codec="utf-8"), max_size=12),
)
def test_no_other_line_of_a_file_changes(
    above: list[str], key: list[str], below: list[str], newline: str, source: str, value: str
) -> None:
    text = newline.join([*above, "[key]", *key, "[status]", *below, ""])
    renamed = renamed_key(text, source, value)
    before, after = tomllib.loads(text), tomllib.loads(renamed)
    kept = {name: each for name, each in before["key"].items() if name == "vault_algorithm"}
    assert after == {**before, "key": {**kept, source: value}}
    assert others(renamed) == others(text)


def others(text: str) -> list[str]:
    """The lines that do not say where the key is."""
    return [
        each for each in text.replace("\r\n", "\n").split("\n") if not each.startswith(("file = ", "vault ", "# kept"))
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The configuration of a journal whose key is in a file."""
    key = create_key_file(tmp_path / "key")
    store, journal = f"sqlite://{tmp_path}/journal.db", journal_id(IDENTITY)
    place = open_store(store, journal=journal)
    Journal.create(place, key, identity=IDENTITY, writer=Writer(id="w", host="h", pid=1), now=0.0).close()
    path = tmp_path / "adpersist.toml"
    path.write_text(
        f"[store] # kept\nurl = {json.dumps(store)}\n[key]\nfile = {json.dumps(str(tmp_path / 'key'))}\n"
        f"[journal]\nid = {json.dumps(journal)}\n"
    )
    return path


def test_the_configuration_follows_and_keeps_its_mode(path: Path, tmp_path: Path) -> None:
    path.chmod(0o440)
    text = path.read_text()
    done = rewrap(load(path, {}), path, in_file(tmp_path / "new"), {})
    assert (done.updated, done.todo) == (path, "")
    assert path.read_text() == text.replace(str(tmp_path / "key"), str(tmp_path / "new"))
    assert path.stat().st_mode & 0o777 == 0o440
    again = rewrap(load(path, {}), path, in_file(tmp_path / "new"), {})
    assert again.already


def test_a_key_of_the_environment_is_left_to_a_person(path: Path, tmp_path: Path) -> None:
    create_key_file(tmp_path / "new")
    done = rewrap(load(path, {}), path, in_variable("NEW", {"NEW": (tmp_path / "new").read_text()}), {})
    assert (done.updated, load(path, {}).key.file) == (path, None)
    assert "ADPERSIST_KEY" in done.todo


HOSTILE = {
    "half-written": b'[key]\nfile = "/x',
    "no text": b"[key]\nfile = '\xff'\n",
    "zeros": b"\0" * 4096,
    "far too large": b"#" * 2_000_000,
    "brackets without an end": b"a = " + b"[" * 100_000,
    "a number without an end": b"a = " + b"1" * 5_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_cannot_be_edited_is_refused_before_anything_is_made(path: Path, what: str) -> None:
    path.write_bytes(HOSTILE[what])
    with pytest.raises(ConfigError) as refused:
        require_writable(path, {})
    assert str(path) in refused.value.message
    assert "\n" not in refused.value.message
    assert path.read_bytes() == HOSTILE[what]


def test_a_file_that_was_damaged_since_is_named_and_left_alone(path: Path, tmp_path: Path) -> None:
    config = load(path, {})
    path.write_bytes(HOSTILE["no text"])
    with pytest.raises(ConfigError, match=str(path)):
        rewrap(config, path, in_file(tmp_path / "new"), {})
    assert path.read_bytes() == HOSTILE["no text"]


def test_a_file_that_the_environment_overrides_is_not_looked_at(path: Path) -> None:
    path.write_bytes(HOSTILE["zeros"])
    require_writable(path, {"ADPERSIST_KEY_FILE": "/key"})


def test_a_file_in_a_directory_that_takes_no_file_is_named() -> None:
    with pytest.raises(ConfigError, match="/proc/self/status"):
        require_writable(Path("/proc/self/status"), {})
    assert not os.access("/proc/self", os.W_OK)


def test_a_change_is_finished_only_by_the_new_key_and_after_a_restart(path: Path, tmp_path: Path) -> None:
    before = load(path, {})
    began = time.time()
    rewrap(before, path, in_file(tmp_path / "new"), {})
    after = load(path, {})
    for booted in (began - 1000, began - 1):
        with pytest.raises(ConfigError, match="restart"):
            finish(after, sure=False, now=began, booted=booted)
    with pytest.raises(ConfigError, match="names the key"):
        finish(before, sure=True, now=began, booted=began + 9000)
    connections.journal(before, None).close()  # the old key still opens it
    done = finish(after, sure=False, now=began, booted=time.time() + 1)
    assert done.retired is not None
    assert finish(after, sure=False, now=began, booted=0.0).retired is None
    with pytest.raises(WrongKeyError):
        connections.journal(before, None)
    with closing(connections.journal(after, None)) as journal:
        assert (journal.head.key_changed, len(journal.wrappers)) == (None, 1)


def test_who_has_the_old_key_goes_on_until_the_change_is_finished(path: Path, tmp_path: Path) -> None:
    before = load(path, {})
    agent = connections.journal(before, None)
    rewrap(before, path, in_file(tmp_path / "new"), {})
    agent.claim(Writer(id="agent", host="h", pid=2), now=1.0)
    agent.close()
    again = connections.journal(before, None)  # as after an outage, with the configuration it was started with
    again.mark("by-the-old-key", writer=Writer(id="w", host="h", pid=1), now=2.0)
    assert again.wrappers == connections.journal(load(path, {}), None).wrappers
    again.close()


def test_what_says_no_restart_was_seen_is_this_machines_clock() -> None:
    with Path("/proc/stat").open() as file:
        since = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    assert abs(booted_at() - since) < 120
