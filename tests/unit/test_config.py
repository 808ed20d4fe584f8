"""Configuration: a file, overridden by the environment; what cannot be used is named, never half used."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adpersist.agent import connections
from adpersist.config import Config, DirectorySection, KeySection, StoreSection, find, from_environment, load, render
from adpersist.errors import ConfigError, ExitCode

BROKEN = {
    "half-written": '[store]\nurl = "sqlite:///x',
    "no TOML": "store.url: sqlite:///x\n  - a\n",
    "unknown section": "[stores]\nurl = 'x'\n",
    "unknown key": "[store]\nurll = 'x'\n",
    "wrong type": "[store]\nurl = 7\n",
    "a section that is none": "store = 'sqlite:///x'\n",
    "out of range": "[capture]\ninterval_s = -1\n",
    "not a number": "[capture]\ninterval_s = nan\n",
    "a journal id that is none": "[journal]\nid = 'xyz'\n",
    "a log level that is none": "[log]\nlevel = 'loud'\n",
    "a list": "[[store]]\nurl = 'x'\n",
    "a key file that is a number": "[key]\nfile = 7\n",
    "a share above one": "[capture]\nshare = 1.5\n",
    "a NUL in a path": '[key]\nfile = "/a\\u0000b"\n',
    "a NUL in a URL": '[store]\nurl = "sqlite:///a\\u0000b"\n',
    "a port there is none of": '[health]\nlisten = "127.0.0.1:70000"\n',
    "one of a mail server": '[alerts]\nmail_server = "mail:99999"\n',
    "one of syslog, which UDP would take for another": '[alerts]\nsyslog = "logs:99999"\n',
    "one of a webhook": '[alerts]\nwebhook = "https://alerts:99999/"\n',
    "a webhook's host without an end": '[alerts]\nwebhook = "http://["\n',
    "an address of two lines": '[alerts]\nmail_to = "a@b\\nBcc: c@d"\n',
    "brackets without an end": "a = " + "[" * 100_000,
    "braces without an end": "a = " + "{b = " * 50_000,
    "a number without an end": "[capture]\ninterval_s = " + "1" * 5_000,
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, what: str) -> None:
    path = tmp_path / "adpersist.toml"
    path.write_text(BROKEN[what])
    with pytest.raises(ConfigError) as refused:
        load(path, {})
    assert str(path) in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.exit_code is ExitCode.USAGE
    assert path.read_text() == BROKEN[what]


@pytest.mark.parametrize(("what", "key"), [("unknown key", "store.urll"), ("out of range", "capture.interval_s")])
def test_the_key_that_is_wrong_is_named(tmp_path: Path, what: str, key: str) -> None:
    (tmp_path / "c").write_text(BROKEN[what])
    with pytest.raises(ConfigError, match=key):
        load(tmp_path / "c", {})


@pytest.mark.parametrize(
    "content", [b"\xff\xfe[\x00s\x00", b"[store]\nurl = '\x00'\n", b"\x00" * 4096, b"\x80" * 10, b"#" * 2_000_000]
)
def test_a_file_that_is_no_text_or_far_too_large_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        load(tmp_path / "c", {})


@given(content=st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("c") / "c"
    path.write_bytes(content)
    try:
        load(path, {})
    except ConfigError:
        return


@pytest.mark.parametrize(
    "path", ["", "/", "/proc/self/mem", "/dev/null/adpersist.toml", "/dev/zero", "/" + "long" * 99]
)
def test_a_path_that_leads_to_no_file_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        load(Path(path), {})


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    (tmp_path / "c").touch()
    assert load(tmp_path / "c", {}) == Config()


def test_an_editors_mark_at_the_beginning_is_no_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("Passw0rd\n", encoding="utf-8-sig")
    (tmp_path / "a.toml").write_text(
        f"[directory]\npassword_file = {json.dumps(str(tmp_path / 'password'))}\n", encoding="utf-8-sig"
    )
    assert connections.login(load(tmp_path / "a.toml", {}), {}).password == "Passw0rd"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("[store]\nurl = 'sqlite:///file'\n[capture]\ninterval_s = 5\n")
    found = load(tmp_path / "c", {"ADPERSIST_STORE_URL": "sqlite:///environment", "ADPERSIST_LOG_LEVEL": "debug"})
    assert (found.store.url, found.capture.interval_s, found.log.level) == ("sqlite:///environment", 5, "debug")


def test_the_environment_alone_will_do_where_no_file_was_named() -> None:
    where = {"ADPERSIST_CONFIG": "/nowhere/at/all", "ADPERSIST_STORE_URL": "memory://x"}
    assert load(None, where).store.url == "memory://x"
    with pytest.raises(ConfigError, match="/nowhere/at/all"):
        load(Path("/nowhere/at/all"), where)
    with pytest.raises(ConfigError, match="/nowhere/at/all"):
        load(None, {"ADPERSIST_CONFIG": "/nowhere/at/all"})


def test_the_flag_wins_over_the_variable_and_that_over_the_default() -> None:
    assert find(Path("/flag"), {"ADPERSIST_CONFIG": "/variable"}) == Path("/flag")
    assert find(None, {"ADPERSIST_CONFIG": "/variable"}) == Path("/variable")
    assert find(None, {"ADPERSIST_CONFIG": ""}) == find(None, {}) == Path("/etc/adpersist/adpersist.toml")


def test_variables_of_other_names_mean_nothing() -> None:
    assert from_environment({"ADPERSIST_STORE_COLOUR": "red", "ADPERSIST_": "", "ADPERSISTENT": "1"}) == Config()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADPERSIST_CAPTURE_INTERVAL_S", "fast"),
        ("ADPERSIST_CAPTURE_INTERVAL_S", "nan"),
        ("ADPERSIST_CAPTURE_SHARE", "inf"),
        ("ADPERSIST_JOURNAL_ID", "a" * 100_000),
        ("ADPERSIST_LOG_LEVEL", "\n\nadpersist: all is well"),
    ],
)
def test_a_hostile_variable_is_refused_in_one_short_line(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        from_environment({name: value})
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 500


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


@given(url=_TEXT, store=_TEXT, file=_TEXT)
def test_what_is_written_is_what_is_read(url: str, store: str, file: str) -> None:
    written = Config(
        directory=DirectorySection(url=url), store=StoreSection(url=store), key=KeySection(file=Path("/" + file))
    )
    document = tomllib.loads(render(written))
    read = Config.model_validate(document)
    assert (read.directory.url, read.store.url, read.key.file) == (url, store, Path("/" + file))


def test_every_key_stands_once_in_what_is_written_with_the_words_of_the_sample() -> None:
    written = render(Config(store=StoreSection(url="sqlite:///a"), key=KeySection(file=Path("/k"))))
    for section, info in Config.model_fields.items():
        part = written.partition(f"\n[{section}]\n")[2].partition("\n[")[0]
        keys = re.findall(r"^(?:# )?(\w+) = ", part, re.MULTILINE)
        assert isinstance(info.annotation, type)
        assert sorted(keys) == sorted(info.annotation.model_fields), section
        assert keys[0] == part.removeprefix("# ").split(" ")[0], "the first key follows its section's name"
    assert 'url = "sqlite:///a"' in written.splitlines()
    assert "# The key that seals the journal" in written


def test_a_path_that_is_no_text_is_refused_when_it_is_written() -> None:
    with pytest.raises(ConfigError, match="no text"):
        render(Config(store=StoreSection(url="sqlite:///\udcff")))
