"""The command line's own words, at the process edge: wrong ones end with exit code 7 and one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from adpersist.__main__ import run
from adpersist.errors import ExitCode


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of this machine is found."""
    monkeypatch.setenv("ADPERSIST_CONFIG", "/nowhere/adpersist.toml")


def ends(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = run(list(words))
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert "an unexpected " not in captured.err
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("status", "--nonsense"),
        ("status", "extra"),
        ("guard", "--on-revert", "pray"),
        ("plan", "--limit", "x"),
        ("plan", "--limit", "-1"),
        ("restore", "--on-conflict", "coin"),
        ("--nonsense", "status"),
        ("status", "--config"),
        ("",),
        ("status", "--config", ""),
        ("restore", "--yes", "--to", "1", "--attribute", ""),
        ("restore", "--yes", "--to="),
        ("plan", "--to", "1", "--object", " "),
        ("diff", "", "2"),
        ("\x1b[2J",),
    ],
)
def test_words_nobody_knows_are_usage_errors(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = ends(words, capsys)
    assert code == ExitCode.USAGE
    assert len([line for line in err.splitlines() if line.startswith("adpersist: ")]) == 1
    assert "\x1b" not in err


@pytest.mark.parametrize("words", [(), ("key",), ("files",), ("alerts",), ("image",)])
def test_who_asks_for_nothing_is_told_what_there_is(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, help_text, _ = ends((*words, "--help"), capsys)
    assert code == ExitCode.OK
    code, out, err = ends(words, capsys)
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.strip() == help_text.strip()


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("nonsense",), "adpersist"),
        (("diff",), "adpersist diff"),
        (("key", "turn"), "adpersist key"),
        (("files", "show"), "adpersist files show"),
        (("key", "--json"), "adpersist key"),
    ],
)
def test_who_asks_for_something_wrong_is_sent_to_its_help(
    words: Sequence[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, err = ends(words, capsys)
    assert f"`{command} --help`" in err


@pytest.mark.parametrize("words", [("--json", "status"), ("status", "--json")])
def test_errors_are_json_where_json_is_asked_for(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ends(words, capsys)
    error = json.loads(out)["error"]
    assert code == ExitCode.USAGE
    assert (error["kind"], error["exit_code"]) == ("Config", code)
    assert error["message"] in err


@contextmanager
def nobody() -> Iterator[None]:
    """Root's own rights are laid down meanwhile."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.mark.parametrize(
    ("words", "variables", "code"),
    [
        (("status", "--config", "{}/adpersist.toml"), {}, ExitCode.USAGE),
        (("init", "--yes", "--config", "{}/adpersist.toml"), {}, ExitCode.USAGE),
        (("status",), {"DIRECTORY_URL": "ldapi://{}/ldapi", "STORE_URL": "memory://x"}, ExitCode.DIRECTORY_UNREACHABLE),
        (("log",), {"KEY_FILE": "{}/key", "STORE_URL": "memory://x", "JOURNAL_ID": "0" * 32}, ExitCode.KEY),
    ],
)
def test_who_may_not_read_something_is_sent_to_root(
    words: Sequence[str],
    variables: Mapping[str, str],
    code: ExitCode,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ADPERSIST_{name}", value.format(tmp_path))
    given = [word.format(tmp_path) for word in words]
    ends(given, capsys)  # all that it needs is loaded
    tmp_path.chmod(0)
    with nobody():
        ended, _, err = ends(given, capsys)
    assert ended == code
    assert "Permission denied" in err
    assert "as root" in err


def test_a_fleet_is_looked_at_by_who_may_not_read_the_configuration_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADPERSIST_CONFIG", str(tmp_path / "adpersist.toml"))
    words = ("fleet", "--store", "memory://x")
    told = ends(words, capsys)
    tmp_path.chmod(0)
    with nobody():
        assert ends(words, capsys) == told


def test_who_reads_the_log_as_json_lines_learns_what_ended_a_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADPERSIST_STORE_URL", "sqlite:///nowhere/journal.db")
    for form, events in (("text", 0), ("json", 1)):
        monkeypatch.setenv("ADPERSIST_LOG_FORMAT", form)
        code, _, err = ends(("log",), capsys)
        told = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
        assert len(told) == events
        assert [(each["event"], each["level"], each["exit_code"]) for each in told] == [
            ("command.failed", "error", code) for _ in range(events)
        ]
        assert all(f"adpersist: {each['error']}" in err for each in told)


def test_the_later_configuration_wins(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = ends(("--config", "/first", "status", "--config", "/second"), capsys)
    assert "/second" in err
    assert "/first" not in err


@pytest.mark.parametrize("words", [("--help",), ("status", "--help"), ("--version",)])
def test_help_needs_no_configuration(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ends(words, capsys)
    assert code == ExitCode.OK
    assert out.strip()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://127.0.0.1",
        "ldap://",
        "ldaps://host/path",
        "ldaps://user@host",
        "ldaps://host:port",
        "ldapi://",
        "ldapi:relative",
        "/a/path",
        "ldapi://relative",
        "ldapi:///" + "x" * 9999,
        "ldaps://" + "a" * 300 + ".b",
        "ldaps://a..b",
    ],
)
def test_a_directory_url_of_another_form_is_a_usage_error(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADPERSIST_DIRECTORY_URL", url)
    monkeypatch.setenv("ADPERSIST_STORE_URL", "memory://x")
    code, _, err = ends(("status",), capsys)
    assert code == ExitCode.USAGE
    assert "directory" in err
    assert len(err) < 4000
