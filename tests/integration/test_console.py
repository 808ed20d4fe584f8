"""What people are told and look at: alerts, a heal and a day as pages, the console, on a real DC and its journal."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import ldap3

from adpersist.model.identity.sid import sid_text
from tests.forking import Running
from tests.integration.commands import Adpersist, complaint
from tests.integration.hands import Hands
from tests.integration.scene import PASSWORD, Scene, World, until
from tests.pages import Page

HOSTILE = "<script>alert(1)</script>"
SECRET = "Passw0rd.never-on-a-page"


def _a_day(world: World) -> None:
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        grace = hands.user("grace", parent=office, password=SECRET)
        hands.set(grace, description=HOSTILE)
        hands.link(f"CN=crew,{office}", grace)
        hands.password(f"CN=ada,{office}", SECRET)
        hands.delete(f"CN=visitor,{office}")
    world.run("agent", "--once", code=0)


def _alerted(world: World) -> None:
    """The rules on what a real DC writes, and a command that is told, once."""
    got, failing = world.place / "told.jsonl", world.place / "failing"
    program = f"test ! -e {failing} && cat >> {got} && echo >> {got}"
    settings = {"command": f"sh -c {shlex.quote(program)}", "outbox": str(world.place / "alerts.db")}
    path = world.place / "adpersist.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    path.write_text("\n".join([path.read_text(), "[alerts]", *lines, "[health]", 'listen = ""', ""]))
    assert world.run("alerts", "watch", "--once", "--json", code=0).json == {"new": 0}
    with Hands(world.dc) as hands:
        begins, office = world.head().seq, f"OU=Office,{hands.base}"
        ada, admins = f"CN=ada,{office}", f"CN=Domain Admins,{hands.users}"
        hands.link(admins, f"CN=crew,{office}")
        hands.unlink(admins, f"CN=crew,{office}")
        world.run("agent", "--once", code=0)  # there and gone again: replication shows nothing
        hands.link(admins, f"CN=crew,{office}")
        hands.set(f"CN=bert,{office}", userAccountControl=str(0x200 | 0x400000))
        rights = f"(OA;;CR;1131f6ad-9c07-11d1-f79f-00c04fc2dcd2;;{_sid(hands, ada)})"
        world.dc.samba_tool(
            "dsacl", "set", f"--objectdn={hands.base}", f"--sddl={rights}", "-H", world.dc.ldapi_url_quoted
        )
        hands.password(ada, SECRET)
        world.run("agent", "--once", code=0)
    tried = world.run("alerts", "try", "--since", str(begins), "--json", code=0).json
    expected = {
        "privileged-group",
        "weak-account",
        "replication-rights",
        "protected-permissions",
        "privileged-password",
    }
    assert set(tried["counts"]) == expected
    assert "would have fired" in world.run("alerts", "try", "--since", str(begins), code=0).out
    failing.touch()
    world.run("alerts", "watch", "--once", code=0)
    assert not got.exists()
    waiting = world.run("alerts", "list", "--json", code=0).json
    assert {each["rule"] for each in waiting} == expected
    assert all(each["sent"] is None and each["error"] for each in waiting)
    world.run("alerts", "test", code=1)
    failing.unlink()
    with closing(sqlite3.connect(world.place / "alerts.db")) as outbox, outbox:
        outbox.execute("UPDATE alert SET next = 0")  # half a minute later
    assert world.run("alerts", "watch", "--once", "--json", code=0).json == {"new": 0}
    told = [each for line in got.read_text().splitlines() for each in json.loads(line)["alerts"]]
    assert sorted(each["rule"] for each in told) == sorted(expected)
    assert SECRET not in got.read_text()
    (granted,) = (each for each in told if each["rule"] == "replication-rights")
    assert "CN=ada" in granted["detail"]
    assert "Get-Changes-All" in granted["detail"]
    world.run("alerts", "test", code=0)


def _sid(hands: Hands, dn: str) -> str:
    return sid_text(hands.read(dn, "objectSid")["objectSid"][0])


def _heal_reported(world: World, reports: Path) -> None:
    world.revert()
    with Hands(world.dc) as hands:
        hands.contact("made-meanwhile")
    world.run("guard", "--report", str(reports), code=0)
    (page,) = reports.glob("heal-0001-*.html")
    html = page.read_text()
    document = json.loads(page.with_suffix(".json").read_text())
    assert page.stat().st_mode & 0o777 == 0o600
    assert (document["verdict"], document["number"], document["finished"]) == ("reverted", 1, True)
    lost = {each["dn"].partition(",")[0]: each for each in document["lost"]["listed"]}
    assert (lost["CN=grace"]["what"], lost["CN=grace"]["password"]) == ("missing", True)
    assert lost["CN=ada"]["password"]
    assert "member" in lost["CN=crew"]["attributes"]
    assert [each["what"] for dn, each in lost.items() if dn.startswith("CN=visitor")] == ["alive"]
    assert lost["CN=made-meanwhile"]["what"] == "unknown"
    assert any(each["dn"].startswith("CN=made-meanwhile") for each in document["conflicts"]["listed"])
    assert document["times"]["image"] < document["times"]["began"] < document["times"]["ended"]
    shown = Page(html)
    assert shown.runs_nothing()
    assert "svg" in shown.tags
    assert "CN=grace" in shown.text
    assert document["evidence"] in shown.text
    # the journal tells the same
    again = world.run("report", "--json", code=0).json
    assert {**again, "times": None, "seconds": None} == {**document, "times": None, "seconds": None}
    assert again["times"]["captured_again"] is not None
    assert "Restore 1 of" in world.run("report", "1", code=0).out
    world.run("report", "2", code=7)


def _day_reported(world: World, place: Path) -> None:
    ran = world.run("report", "--since", "-1d", "--json", "--output", str(place / "day.html"), code=0)
    lists, html = ran.json["lists"], (place / "day.html").read_text()
    names = {name: {each["name"] for each in found["listed"]} for name, found in lists.items()}
    assert "grace" in names["accounts_created"]
    assert {"ada"} <= names["passwords"]
    assert "crew" in names["memberships"]
    assert len(ran.json["heals"]) == 1
    shown = Page(html)
    assert shown.runs_nothing()
    assert HOSTILE not in html
    for text in (html, ran.out):
        assert SECRET not in text
        assert PASSWORD not in text
    quiet = world.run("report", "--since", str(world.head().seq), "--json", code=0).json
    assert quiet["changes"] == 0


def _line(log: Path, process: Running) -> dict[str, str]:
    """The line a console prints when it listens."""
    until(lambda: b"}\n" in log.read_bytes() or process.poll() is not None, "the console listens")
    assert process.poll() is None, log.read_text()
    line: dict[str, str] = json.loads(next(each for each in log.read_text().splitlines() if each.startswith("{")))
    return line


@dataclass
class Browser:
    """Whoever asks the console over HTTP; a cookie is all it keeps."""

    address: str
    cookie: str = ""

    def ask(self, path: str, *, method: str = "GET", body: str = "", **headers: str) -> tuple[int, str]:
        """Code and text."""
        connection = HTTPConnection(self.address, timeout=60)
        connection.putrequest(method, path, skip_host=True)
        given = {"Host": self.address, "Cookie": self.cookie, "Content-Length": str(len(body)), **headers}
        for name, value in given.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        self.cookie = (answer.headers["Set-Cookie"] or self.cookie).partition(";")[0]
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def json(self, path: str) -> Any:  # noqa: ANN401 - the page's own document
        """A page's twin, once the journal is read."""
        code, text = 0, ""

        def is_read() -> bool:
            nonlocal code, text
            code, text = self.ask(path)
            return "the journal is being read" not in text

        until(is_read, "the journal is read")
        assert code == 200, text
        return json.loads(text)


def _console_looked_at(world: World) -> None:
    newest = world.head().seq
    log = world.place / "console.log"
    process = world.run.start("console", "--listen", "127.0.0.1:0", "--json", log=log)
    try:
        line = _line(log, process)
        address = urlsplit(line["url"]).netloc
        login = urlsplit(line["login_url"])
        browser, stranger = Browser(address), Browser(address)
        assert browser.ask("/")[0] == 401
        assert browser.ask(f"{login.path}?{login.query}")[0] == 303
        assert stranger.ask(f"{login.path}?{login.query}")[0] == 403, "a code worked twice"
        _pages_shown(world, browser, newest)
        _strangers_refused(browser, stranger)
        again = world.run("console", "--listen", address, "--login", "--json", code=0).json["login_url"]
        assert stranger.ask(again.removeprefix(f"http://{address}"))[0] == 303
        world.run("console", "--listen", address, code=7)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        nowhere = world.run("console", "--listen", address, "--login", code=7)
        assert f"no console listens on {address}" in nowhere.err
        _use_is_kept(world)
    finally:
        process.kill()
        process.wait(60)
    assert "Traceback" not in log.read_text()


def _pages_shown(world: World, browser: Browser, newest: int) -> None:
    overview = browser.json("/overview.json")
    assert overview["head"]["seq"] == newest
    assert world.head().seq == newest + 1, "who signed in is in the journal, and is nothing that was captured"
    assert [each["number"] for each in overview["heals"]] == [1]
    (grace,) = browser.json("/find.json?q=grace")["objects"]
    path = f"/object/{grace['guid']}"
    described = browser.json(f"{path}.json")["object"]["attributes"]
    assert described["description"]["values"] == [HOSTILE]
    assert described["unicodePwd"]["secret"]
    (joined,) = browser.json("/changes.json?attribute=member&class=group&what=crew")["changes"]
    assert [dn.partition(",")[0] for dn in joined["links"]["member"]["added"]] == ["CN=grace"]
    assert joined["dcs"] == ["DC1"]
    assert grace["guid"] not in {each["guid"] for each in browser.json("/compare.json?from=1&to=1")["objects"]}
    assert grace["guid"] in {each["guid"] for each in browser.json("/compare.json?from=1")["objects"]}
    assert browser.json("/heals/1.json")["lost"]["objects"] > 0
    for each in ("/", "/changes", path, "/find?q=grace", "/compare?from=1", "/heals", "/heals/1", "/heals/1.html"):
        code, html = browser.ask(each)
        assert code == 200, html
        assert Page(html).runs_nothing()
        assert SECRET not in html
        assert HOSTILE not in html
    with Hands(world.dc) as hands:
        hands.contact("just-now")
    world.run("agent", "--once", code=0)
    assert browser.json("/changes.json")["changes"][0]["name"] == "just-now"


def _use_is_kept(world: World) -> None:
    """Beside whatever the agent commits, and when the console has ended all of it."""
    commits = world.run("log", "--kind", "use", "--json", "--limit", "0", code=0).json
    deeds = [deed for commit in reversed(commits) for deed in commit["use"]]
    assert [each["did"] for each in deeds].count("signed in") == 2
    assert {"looked", "was refused"} <= {each["did"] for each in deeds}
    looked = {each["what"] for each in deeds if each["did"] == "looked"}
    assert {"/", "/changes", "/heals/1"} <= looked
    assert any(each.startswith("/object/") for each in looked)
    told = world.run("log", "--kind", "use", code=0).out
    assert "a code signed in" in told
    assert SECRET not in told
    world.run("check", code=0)


def _strangers_refused(browser: Browser, stranger: Browser) -> None:
    assert stranger.ask("/changes.json")[0] == 401
    for host in ("evil.example", f"evil.example:{browser.address.rpartition(':')[2]}"):
        assert browser.ask("/", Host=host)[0] == 421
    assert browser.ask("/logout", method="POST", Origin="http://evil.example")[0] == 403
    assert browser.ask("/logout", method="POST")[0] == 403
    assert browser.ask("/logout", method="POST", Sec_Fetch_Site="same-origin")[0] == 403, "no token"
    for path in ("/%", "/%00", "/%2e%2e/%2e%2e/etc/passwd", "//evil.example/"):
        assert browser.ask(path)[0] in (400, 404)
    assert browser.ask("/")[0] == 200


def _taken_back(world: World) -> None:
    """From a page: the plan with what it would lose, a typed number, the restore, the proof."""
    before = world.head().seq
    with Hands(world.dc) as hands:
        ada = f"CN=ada,OU=Office,{hands.base}"
        hands.set(ada, description="a mistake")
        guid = str(hands.guid(ada))
    world.run("agent", "--once", code=0)
    log = world.place / "restoring.log"
    process = world.run.start("console", "--listen", "127.0.0.1:0", "--json", "--allow-restore", log=log)
    try:
        line = _line(log, process)
        browser = Browser(urlsplit(line["url"]).netloc)
        assert browser.ask(f"/login?{urlsplit(line['login_url']).query}")[0] == 303
        asked = {"object": guid, "to": str(before)}
        document = browser.json(f"/undo.json?{urlencode(asked)}")
        assert [list(each["attributes"]) for each in document["later"]] == [["description"]]
        assert [step["op"] for step in document["plan"]["steps"]] == ["modify"]
        code, html = browser.ask(f"/undo?{urlencode(asked)}")
        assert code == 200
        token = re.findall(r'name="token" value="([^"]+)"', html)[0]
        form = {**asked, "token": token, "digest": document["plan"]["digest"], "agreed": "1"}
        own = {"Origin": f"http://{browser.address}"}
        for wrong in ({"agreed": "2"}, {"agreed": ""}, {"token": "guessed"}, {"digest": "0" * 64}):
            assert browser.ask("/undo", method="POST", body=urlencode({**form, **wrong}), **own)[0] == 403
        assert browser.ask("/undo", method="POST", body=urlencode(form), Origin="http://evil.example")[0] == 403
        assert browser.json("/undo/state.json")["state"] is None
        assert browser.ask("/undo", method="POST", body=urlencode(form), **own)[0] == 303
        until(lambda: not browser.json("/undo/state.json")["state"]["running"], "the restore ends")
        state = browser.json("/undo/state.json")["state"]
        assert state["error"] is None
        assert state["outcome"]["left"] == 0
        assert "Proven" in browser.ask("/undo/state")[1]
        assert browser.json(f"/object/{guid}.json")["history"][0]["attributes"]["description"]["to"] == []
        assert browser.ask("/undo", method="POST", body=urlencode(form), **own)[0] == 403, "the plan was carried out"
        kept = {each["did"]: each for each in browser.json("/use.json")["deeds"] if each["seq"]}
        assert kept["agreed"]["what"] == f"{guid} to commit {before}: 1 steps"
        assert kept["ended"]["what"] == f"{guid} to commit {before}: done and proven"
    finally:
        process.kill()
        process.wait(60)
    with Hands(world.dc) as hands:
        assert "description" not in hands.read(ada, "description")


def test_people_are_told_and_see_a_heal_a_day_and_the_console(world: World) -> None:
    _alerted(world)
    _a_day(world)
    _heal_reported(world, world.place / "reports")
    _day_reported(world, world.place)
    _console_looked_at(world)
    _taken_back(world)


def test_who_wrote_is_found_by_a_name_that_the_audit_log_need_not_say(scene: Scene, place: Path) -> None:
    """The class of messages that tells of writes names people by their SIDs alone."""
    log = place / "audit.json"
    with scene.played(place, options={"log level": f"1 dsdb_json_audit:5@{log}"}) as world:
        path = world.place / "adpersist.toml"
        path.write_text(f"{path.read_text()}[capture]\naudit_log = {json.dumps(str(log))}\n")
        dora = f"CN=dora,OU=Office,{world.dc.base_dn}"
        with Hands(world.dc) as hands:
            hands.set(dora, description="by root over the socket")
        time.sleep(1.1)  # of one second the log tells once
        world.run("agent", "--once", code=0)
        by_root = world.captured()
        with _administrator(world) as person:
            person.modify(dora, {"description": [(ldap3.MODIFY_REPLACE, ["by a person"])]})
        world.run("agent", "--once", code=0)
        by_person = world.captured()
        (told,) = world.run("log", "--from", str(by_person), "--json", code=0).json[0]["who"]
        assert told["name"] is None
        for index in (str(place / "index"), "off"):
            run = world.run.with_environment(ADPERSIST_JOURNAL_INDEX=index)

            def by(who: str, run: Adpersist = run) -> list[int]:
                return [each["seq"] for each in run("log", "--who", who, "--json", code=0).json]

            assert by("administrator") == by("SAMDOM\\Administrator") == by(told["sid"]) == [by_person]
            assert by("system") == by("S-1-5-18")
            assert by_root in by("system")  # which also notes when somebody signed in
            assert by("carl") == by("nobody at all") == []


def test_who_wrote_is_sealed_with_the_change_and_outlives_the_log(scene: Scene, place: Path) -> None:
    log = place / "audit.json"
    classes = f"1 dsdb_json_audit:5@{log} auth_json_audit:4@{log}"
    with scene.played(place, options={"log level": classes}) as world:
        path = world.place / "adpersist.toml"
        office = f"OU=Office,{world.dc.base_dn}"
        with Hands(world.dc) as hands:
            hands.set(f"CN=dora,{office}", description="before the agent knew of the log")
        time.sleep(1.1)  # of the second that the log begins in, nobody can say that it is whole
        world.run("agent", "--once", code=0)
        world.run("mark", "before-people", code=0)
        path.write_text(f"{path.read_text()}[capture]\naudit_log = {json.dumps(str(log))}\n")
        with Hands(world.dc) as hands:
            hands.set(f"CN=ada,{office}", description="by root over the socket")
        with _administrator(world) as person:
            person.modify(f"CN=ada,{office}", {"description": [(ldap3.MODIFY_REPLACE, ["by a person"])]})
            person.modify(f"CN=crew,{office}", {"member": [(ldap3.MODIFY_ADD, [f"CN=carl,{office}"])]})
            person.modify_dn(f"CN=emil,OU=Annex,{office}", "CN=emile")
            password = f'"{SECRET}"'.encode("utf-16-le")
            person.modify(f"CN=dora,{office}", {"unicodePwd": [(ldap3.MODIFY_REPLACE, [password])]})
            person.delete(f"CN=visitor,{office}")
        world.dc.samba_tool("user", "disable", "bert")  # into the database, past the domain controller
        world.run("agent", "--once", code=0)
        told = world.run("history", "dora", "--attribute", "description", "--json", code=0).json["events"][-1]
        assert told["who"]["how"] == "on this machine", "not sealed, but the log still has it"
        log.rename(log.with_name("moved-away.json"))
        world.dc.stop()
        world.dc.start()  # with a new log
        with Hands(world.dc) as hands:
            hands.set(f"CN=carl,{office}", description="after the log was gone")
        world.run("agent", "--once", code=0)
        told = world.run("history", "dora", "--attribute", "description", "--json", code=0).json["events"][-1]
        assert told["who"] is None
        assert "reaches back to" in told["why"]
        _who_is_known(world, office)
        log.unlink()
        path.write_text(path.read_text().replace(str(log), "/nowhere"))
        with Hands(world.dc) as hands:
            hands.set(f"CN=carl,{office}", description="while there is no log")
        world.run("agent", "--once", code=0)
        assert "/nowhere" in complaint(world.run("history", "ada", code=7))
        path.write_text(path.read_text().replace("audit_log", "# audit_log"))
        _who_is_known(world, office)
        (before, blind) = world.run("history", "carl", "--json", code=0).json["events"][-2:]
        assert before["who"]["how"] == "on this machine"
        assert "/nowhere: No such file or directory" in blind["why"]


def _who_is_known(world: World, office: str) -> None:
    """From the journal alone."""
    events = world.run("history", "ada", "--json", code=0).json["events"]
    described = events[-1]
    deleted = world.run("history", f"CN=visitor,{office}", "--json", code=0).json["events"][-1]
    moved = world.run("history", "emil", "--json", code=0).json["events"][-1]
    reset = world.run("history", "dora", "--attribute", "unicodePwd", "--json", code=0).json["events"][-1]
    (joined,) = world.run("history", "crew", "--attribute", "member", "--json", code=0).json["events"][-1:]
    assert described["attributes"]["description"]["to"] == ["by a person"]
    assert moved["who"] is None
    assert "Samba logs no renames" in moved["why"]
    for event in (described, joined, reset, deleted):
        person = event["who"]
        assert person, event
        assert person["sid"].endswith("-500")
        known = (person["name"], person["address"], person["service"], person["how"])
        assert known == ("Administrator", "127.0.0.1", "LDAP, simple bind", "over the network")
    assert SECRET not in world.run("history", "dora", "--json", code=0).out
    people = [each["who"] for each in world.run("log", "--json", code=0).json if each["who"]]
    administrator = {"sid": joined["who"]["sid"], "name": "SAMDOM\\Administrator", "address": "127.0.0.1"}
    assert people == [[administrator]]
    assert "by SAMDOM\\Administrator" in world.run("log", code=0).out
    (found,) = world.run("log", "--who", "administrator", "--attribute", "member", "--json", code=0).json
    assert found["seq"] == joined["seq"]
    differing = world.run("diff", "@before-people", "--json", code=2).json["objects"]
    compared = {each["dn_from"]: each for each in differing}
    assert compared[f"CN=crew,{office}"]["who"] == joined["who"]
    assert compared[f"CN=ada,{office}"]["writes"][0]["who"] == described["who"]
    assert "description" in compared[f"CN=ada,{office}"]["writes"][0]["names"]
    assert compared[f"CN=bert,{office}"]["who"] is None
    assert "past the domain controller" in compared[f"CN=bert,{office}"]["why"]
    assert "Administrator" in world.run("diff", "@before-people", code=2).out
    past = world.run("history", "bert", "--json", code=0).json["events"][-1]
    assert past["who"] is None
    assert "written on this machine, past the domain controller" in past["why"]
    log = world.place / "who.log"
    process = world.run.start("console", "--listen", "127.0.0.1:0", "--json", log=log)
    try:
        line = _line(log, process)
        browser = Browser(urlsplit(line["url"]).netloc)
        assert browser.ask(f"/login?{urlsplit(line['login_url']).query}")[0] == 303
        for name in ("administrator", "SAMDOM%5CAdministrator", joined["who"]["sid"]):
            (found,) = browser.json(f"/changes.json?attribute=member&class=group&who={name}")["changes"]
            assert found["who"] == joined["who"]
        assert browser.json("/changes.json?who=bert")["changes"] == []
    finally:
        process.kill()
        process.wait(60)
        log.unlink()
    day = world.run("report", "--since", "1", "--json", code=0).json
    (membership,) = day["lists"]["memberships"]["listed"]
    assert membership["who"] == joined["who"]
    assert "by Administrator from 127.0.0.1" in world.run("history", "ada", code=0).out


def _administrator(world: World) -> Any:  # noqa: ANN401 - ldap3 ships no types
    server = ldap3.Server(world.dc.ldaps_url)
    return ldap3.Connection(server, world.dc.admin_user, world.dc.admin_password, auto_bind=True, raise_exceptions=True)


def test_people_of_the_domain_sign_in_and_may_what_their_group_may(world: World) -> None:
    """A group that holds another one may look; of Domain Admins, somebody may plan; nobody else, and no empty word."""
    office = f"OU=Office,{world.dc.base_dn}"
    with Hands(world.dc) as hands:
        guid = str(hands.guid(f"CN=ada,{office}"))
        hands.set(f"CN=bert,{office}", userAccountControl="514")
    groups = {"ADPERSIST_CONSOLE_VIEWERS": "everyone", "ADPERSIST_CONSOLE_OPERATORS": "Domain Admins"}
    undo = f"/undo?object={guid}&to={world.head().seq}"
    log = world.place / "named.log"
    with _named_console(world, log, groups) as address, world.run.agent(world.place / "agent.log") as agent:
        code, viewer = _entered(address, "ada", PASSWORD)
        assert code == 303
        assert viewer.json(f"/object/{guid}.json")["name"] == "ada"
        assert viewer.ask(undo)[0] == 403
        assert "Plan how" not in viewer.ask("/changes")[1]
        code, operator = _entered(address, f"{world.dc.names.domain}\\Administrator", world.dc.admin_password)
        assert code == 303
        assert operator.ask(undo)[0] == 200
        _asked_again(world, address, guid)
        for user, password in (
            ("ada", "wrong, and nobody's"),
            ("ada", ""),
            ("dora", PASSWORD),
            ("bert", PASSWORD),
            (f"*@{world.dc.names.dns_domain}", PASSWORD),
        ):
            code, stranger = _entered(address, user, password)
            assert (code, stranger.ask("/")[0]) == (403, 401), user
        with Hands(world.dc) as hands:
            hands.set(f"CN=dora,{office}", description="captured beside a console that writes, too")
        world.run.settled()
        assert agent.process.poll() is None, agent.said
        kinds = [each["kind"] for each in reversed(world.run("log", "--json", "--limit", "0", code=0).json)]
        assert "look" in kinds[kinds.index("use") :], "the agent goes on"
    said = log.read_text()
    for secret in ("wrong, and nobody's", PASSWORD, world.dc.admin_password):
        assert secret not in said
    for event in ("console.signed_in", "console.sign_in_refused", "console.looked", "console.role_refused"):
        assert event in said
    over_tls = {"ADPERSIST_DIRECTORY_URL": world.dc.ldaps_url, "ADPERSIST_DIRECTORY_CA_FILE": str(world.dc.ca_file)}
    with _named_console(world, world.place / "tls.log", groups | over_tls) as address:
        assert _entered(address, "carl", PASSWORD)[0] == 303
        assert _entered(address, "carl", "wrong")[0] == 403
        world.dc.stop()
        assert _entered(address, "carl", PASSWORD)[0] == 503, "who cannot be asked says so"


def _asked_again(world: World, address: str, guid: str) -> None:
    """Who left the group after signing in takes nothing back any more, and who was disabled sees nothing."""
    own = {"Origin": f"http://{address}"}
    with Hands(world.dc) as hands:
        carl, admins = f"CN=carl,OU=Office,{hands.base}", f"CN=Domain Admins,{hands.users}"
        hands.set(f"CN=ada,OU=Office,{hands.base}", description="to be taken back")
        hands.link(admins, carl)
        code, browser = _entered(address, "carl", PASSWORD)
        assert code == 303
        asked = {"object": guid, "to": str(world.head().seq)}
        document = browser.json(f"/undo.json?{urlencode(asked)}")
        token = re.findall(r'name="token" value="([^"]+)"', browser.ask("/find")[1])[0]
        steps = str(len(document["plan"]["steps"]))
        form = urlencode({**asked, "token": token, "digest": document["plan"]["digest"], "agreed": steps})
        code, html = browser.ask("/undo", method="POST", body=form, **own)
        assert code == 303, html
        until(lambda: not browser.json("/undo/state.json")["state"]["running"], "the restore ends")
        hands.unlink(admins, carl)
        assert browser.ask("/undo", method="POST", body=form, **own)[0] == 403
        assert browser.ask("/changes")[0] == 200, "their other group may look"
        hands.set(carl, userAccountControl="514")
        assert browser.ask("/undo", method="POST", body=form, **own)[0] == 403
        assert browser.ask("/changes")[0] == 401
        hands.set(carl, userAccountControl="512")


@contextmanager
def _named_console(world: World, log: Path, environment: dict[str, str]) -> Iterator[str]:
    """Its address."""
    words = ("console", "--listen", "127.0.0.1:0", "--json", "--allow-restore")
    process = world.run.with_environment(**environment).start(*words, log=log)
    try:
        yield urlsplit(_line(log, process)["url"]).netloc
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert "Traceback" not in log.read_text()


def _entered(address: str, user: str, password: str) -> tuple[int, Browser]:
    browser = Browser(address)
    form = urlencode({"user": user, "password": password})
    return browser.ask("/login", method="POST", body=form, Origin=f"http://{address}")[0], browser
