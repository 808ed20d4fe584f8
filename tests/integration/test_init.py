"""``init`` at a terminal and without one: what it asks, what it takes, what it writes."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from adpersist.system.unix_sockets import listening
from tests.integration.commands import PATIENCE_S, PROGRAM, Adpersist, complaint
from tests.integration.scene import init_words
from tools.samba_dc import Golden, SambaDC, free_address

AUDIT: Final = "audit.json"


@pytest.fixture(scope="module")
def dc(golden: Golden, module_place: Path) -> Iterator[SambaDC]:
    """A DC that no journal watches, whose audit log is on."""
    options = {"log level": f"1 dsdb_json_audit:5@{module_place / AUDIT}"}
    with SambaDC(golden, module_place / "dc", address=free_address(), options=options) as made:
        made.start()
        yield made


def at_a_terminal(run: Adpersist, *words: str, answers: str) -> tuple[int, str]:
    """The exit code of ``init``, and all that stood on the screen of somebody who typed these lines."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "r+b", buffering=0) as screen:
        process = subprocess.Popen(
            [*PROGRAM, "init", *words, "--config", str(run.config)],
            stdin=theirs, stdout=theirs, stderr=theirs, env=run.environment, start_new_session=True,
            umask=0,
        )  # fmt: skip
        os.close(theirs)
        screen.write(answers.encode())
        shown = bytearray()
        try:
            while part := screen.read(4096):
                shown += part
        except OSError:  # how Linux says that nobody has the other end any more
            pass
        return process.wait(PATIENCE_S), shown.decode().replace("\r\n", "\n")


def test_at_a_terminal_it_asks_for_what_nothing_says_and_warns_of_the_disk(dc: SambaDC, place: Path) -> None:
    run = Adpersist(place / "adpersist.toml")
    answers = f"{dc.ldapi_url}\nnonsense\nn\nsqlite://{place}/journal.db\ny\n\n"
    code, shown = at_a_terminal(run, "--supersede", answers=answers)  # another test's journal may watch it
    assert code == 0, shown
    assert "nonsense is no URL" in shown
    assert "what puts the domain controller back puts the journal back, too" in shown
    assert f"Key file [{place / 'key'}]" in shown
    assert "no other domain controllers" in shown
    assert "Database            tdb, " in shown
    written = (place / "adpersist.toml").read_text()
    for name in ("adpersist.toml", "key", "journal.db"):
        assert stat.S_IMODE((place / name).stat().st_mode) == 0o600, "whatever the shell's umask"
    document = tomllib.loads(written)
    assert document["directory"] == {"url": dc.ldapi_url}
    assert document["store"] == {"url": f"sqlite://{place}/journal.db"}
    assert document["key"] == {"file": str(place / "key")}
    assert Path(document["capture"]["audit_log"]).name == AUDIT
    assert "# The key that seals the journal" in written
    again, shown = at_a_terminal(run, answers="")
    assert again == 0, shown
    assert "Domain controller [" not in shown
    assert (place / "adpersist.toml").read_text() == written


def test_who_leaves_the_terminal_leaves_nothing_behind(dc: SambaDC, place: Path) -> None:
    code, shown = at_a_terminal(Adpersist(place / "adpersist.toml"), answers=f"{dc.ldapi_url}\n\x04")
    assert code == 1, shown
    assert "adpersist: stopped" in shown
    assert not list(place.iterdir())


def test_without_a_terminal_it_asks_nothing_and_yes_takes_what_is_usual(dc: SambaDC, place: Path) -> None:
    bare = Adpersist(place / "adpersist.toml")
    assert "init needs --store" in complaint(bare("init", "--directory", dc.ldapi_url, code=7, stdin="y\ny\ny\n"))
    assert not list(place.iterdir())
    run = bare.with_environment(ADPERSIST_STORE_URL=f"sqlite://{place}/journal.db")
    made = run("init", "--yes", "--supersede", "--directory", dc.ldapi_url, "--json", code=0).json
    assert made["key"] == {"file": str(place / "key"), "vault": None, "created": True}
    assert made["directory"]["partners"] == 0
    assert made["notes"] == []
    assert run("init", "--yes", "--json", code=0).json["journal"] == {"id": made["journal"]["id"], "created": False}


def test_the_dc_that_runs_here_is_found_and_of_several_none_is_guessed(dc: SambaDC, place: Path) -> None:
    socket = Path(dc.ldapi_url.removeprefix("ldapi://"))
    run = Adpersist(place / "adpersist.toml").with_environment(ADPERSIST_STORE_URL=f"sqlite://{place}/journal.db")
    assert socket in listening()
    # other tests' come and go meanwhile
    before = others(socket)
    ran = run("init", "--yes", "--supersede")
    after = others(socket)
    if ran.code == 0:
        assert not (before and after)
        assert tomllib.loads((place / "adpersist.toml").read_text())["directory"]["url"] == dc.ldapi_url
    else:
        assert ran.code == 7, ran
        assert before or after
        assert str(socket) in complaint(ran)


def others(socket: Path) -> list[Path]:
    """The privileged sockets of other DCs here."""
    return [each for each in listening() if each.parts[-2:] == ("ldap_priv", "ldapi") and each != socket]


def test_an_audit_log_that_is_off_is_said_to_be_off(golden: Golden, place: Path) -> None:
    with SambaDC(golden, place / "dc", address=free_address()) as quiet:
        quiet.start()
        run = Adpersist(place / "adpersist.toml")
        made = run("init", *init_words(quiet, place / "journal.db", place / "key"), "--json", code=0).json
        (said,) = made["notes"]
        assert "dsdb_json_audit:5@" in said


def test_it_says_where_sysvol_is_and_what_keeps_it_from_being_captured(dc: SambaDC, place: Path) -> None:
    run, conf = Adpersist(place / "adpersist.toml"), place / "samba.conf"
    words = (*init_words(dc, place / "journal.db", place / "key"), "--supersede", "--json")
    conf.write_text(f"{dc.smb_conf.read_text()}\n[global]\n\tposix:eadb = {place}/eadb.tdb\n")
    assert "posix:eadb" in complaint(run("init", *words, "--smb-conf", str(conf), code=7))
    assert "there is no" in complaint(run("init", *words, "--smb-conf", f"{conf}.old", code=7))
    assert not (place / "journal.db").exists()
    conf.write_text(dc.smb_conf.read_text())
    told = run("init", *words, "--smb-conf", str(conf), code=0).json
    assert told["files"] == {"sysvol": str(dc.layout.state / "sysvol"), "smb_conf": str(conf)}
    assert any(each.startswith("SYSVOL") for each in told["captures"])
    alone = run.with_environment(ADPERSIST_FILES_SYSVOL="off")
    alone("agent", "--once", code=0)
    assert "nobody had looked at SYSVOL" in complaint(run("files", "list", code=7))
    told = alone("init", *words, code=0).json
    assert told["files"] is None
    assert any("sysvol is off" in each for each in told["not_restored"])
