"""The fleet's page: every journal of the store, for who is signed in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adpersist.__main__ import run
from adpersist.console.web.access.sign_in import SignIn
from adpersist.console.web.app import Console
from adpersist.console.web.desk import Desk
from adpersist.console.web.fleet_view import Fleet
from adpersist.console.web.views import Views
from adpersist.journal.keys.key_file import read_key_file
from tests.asking import HOST, ask
from tests.golden.journal_samples import NOON
from tests.unit.storied import storied
from tests.unit.test_fleet import DAY_S, made


def test_the_fleets_page_tells_what_the_command_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key, hostile = tmp_path / "all.db", tmp_path / "key", "dc2.<img src=x onerror=alert(1)>"
    made(store, key, "dc1.corp.example", at=NOON)
    made(store, key, hostile, at=NOON - DAY_S)
    made(store, tmp_path / "another.key", "dc3.corp.example", at=NOON)
    desk = Desk(storied)
    fleet = Fleet(f"sqlite://{store}", read_key_file(key))
    sign_in = SignIn(tmp_path / "code", lambda: NOON)
    views = Views(desk, health="", fleet=fleet)
    console = Console(views, sign_in, names=frozenset({HOST}), cookie="c", clock=lambda: NOON + 1)
    entered = ask(console.app, "/login", query=f"code={sign_in.issue()}")
    cookie = entered.headers["set-cookie"].partition(";")[0]
    assert ask(console.app, "/fleet").code == 401
    told = ask(console.app, "/fleet.json", cookie=cookie).json
    assert told["verdicts"] == {"well": 2, "silent": 1}
    monkeypatch.setenv("ADPERSIST_CONFIG", "/nowhere/adpersist.toml")
    capsys.readouterr()  # what was logged so far
    run(["fleet", "--store", f"sqlite://{store}", "--key-file", str(key), "--json"])
    by_command = {each["dc"] or each["journal"]: each for each in json.loads(capsys.readouterr().out)["journals"]}
    same = [by_command[each["dc"] or each["journal"]] for each in told["journals"]]
    kept = ("journal", "dc", "durable", "oldest", "key", "timeline")
    assert [[each[name] for name in kept] for each in told["journals"]] == [[e[name] for name in kept] for e in same]
    shown = ask(console.app, "/fleet", cookie=cookie).text
    assert "<img" not in shown
    assert "names are sealed" in shown
    desk.close()
    without = Console(Views(Desk(storied), health=""), sign_in, names=frozenset({HOST}), cookie="c")
    assert ask(without.app, "/fleet.json", cookie=cookie).code == 404
