"""Who signs in by name: what the DC's answer comes to, and what a role may."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from adpersist.console.web.access.sign_in import ASKED_AGAIN_S, REFUSED_S, Domain, Role, SignIn, TurnError
from adpersist.console.web.app import Console
from adpersist.console.web.desk import Desk
from adpersist.console.web.undo import Undo
from adpersist.console.web.views import Views
from adpersist.directory.ldap.person import Person
from adpersist.errors import DirectoryUnreachableError, LoginRefusedError
from adpersist.model.identity.ids import guid_text
from tests.asking import HOST, Answer, ask
from tests.golden.journal_samples import NOON
from tests.unit.storied import ADA, storied

PASSWORD = "correct horse & battery=staple"
SIDS = {"ada@corp.example": "S-1-5-21-1-2-3-1104", "CORP\\root": "S-1-5-21-1-2-3-500"}
MEMBERS = {"ada@corp.example": {"lookers"}, "CORP\\root": {"doers", "lookers"}, "dora@corp.example": set[str]()}


def answer(name: str, password: str, groups: list[str]) -> Person:
    """As a DC would."""
    if name == "away@corp.example":
        raise DirectoryUnreachableError("the DC does not answer")
    if name not in MEMBERS or password != PASSWORD:
        raise LoginRefusedError("no")
    return Person(sid=SIDS.get(name, "S-1-5-21-1-2-3-1105"), groups=frozenset(MEMBERS[name] & set(groups)))


@dataclass
class Later:
    """What the DC says of somebody after they signed in; by their SID, and of all others the same as before."""

    groups: dict[str, set[str]] = field(default_factory=dict)
    away: bool = False
    meanwhile: Callable[[], None] = lambda: None
    asked: int = 0

    def __call__(self, sid: str, groups: list[str]) -> frozenset[str]:
        self.asked += 1
        self.meanwhile()
        if self.away:
            raise DirectoryUnreachableError("the DC does not answer")
        mine = self.groups.get(sid, next(MEMBERS[name] for name, each in SIDS.items() if each == sid))
        return frozenset(mine & set(groups))


@dataclass
class Door:
    app: Console
    waited: list[float]
    later: Later = field(default_factory=Later)
    clock: list[float] = field(default_factory=lambda: [float(NOON)])

    def post(self, path: str, cookie: str = "", origin: str = f"http://{HOST}", **form: str) -> Answer:
        body = urlencode(form).encode()
        headers = [("origin", origin), ("content-length", str(len(body)))]
        return ask(self.app.app, path, method="POST", headers=headers, body=body, cookie=cookie)

    def entered(self, name: str) -> str:
        """The cookie of somebody who signed in."""
        came = self.post("/login", user=name, password=PASSWORD)
        assert came.code == 303
        return came.headers["set-cookie"].partition(";")[0]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    desk, waited, later, clock = Desk(storied), list[float](), Later(), [float(NOON)]
    domain = Domain(
        answer, again=later, suffix="corp.example", viewers="lookers", operators="doers", pause=waited.append
    )
    undo = Undo([sys.executable, "-c", 'print(\'{"steps": [], "taken": [], "notes": [], "left": 0}\')'])
    sign_in = SignIn(tmp_path / "code", lambda: clock[0])
    names = frozenset({HOST})
    console = Console(Views(desk, health="", undo=undo), sign_in, names=names, cookie="c", domain=domain)
    yield Door(console, waited, later, clock)
    desk.close()


@pytest.mark.parametrize(
    ("name", "password", "role"),
    [
        ("ada", PASSWORD, Role.VIEWER),
        (" ada ", PASSWORD, Role.VIEWER),
        ("CORP\\root", PASSWORD, Role.OPERATOR),
        ("dora", PASSWORD, None),
        ("ada", f"{PASSWORD} ", None),
        ("ada", "", None),
        ("", PASSWORD, None),
        ("ada", "x" * 5000, None),
        ("nobody", PASSWORD, None),
    ],
)
def test_a_role_is_what_a_group_gives(name: str, password: str, role: Role | None) -> None:
    waited: list[float] = []
    domain = Domain(
        answer, again=Later(), suffix="corp.example", viewers="lookers", operators="doers", pause=waited.append
    )
    found = domain.role_of(name, password)
    assert (found[0] if found else None) == role
    assert [round(each) for each in waited] == ([] if role else [round(REFUSED_S)]), "all refusals last alike"


def test_a_group_that_is_not_named_gives_nothing() -> None:
    domain = Domain(answer, again=Later(), suffix="corp.example", viewers="", operators="doers", pause=lambda _: None)
    assert domain.role_of("ada", PASSWORD) is None


def test_one_name_is_tried_at_a_time() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(name: str, password: str, groups: list[str]) -> Person:
        asked.set()
        go_on.wait(60)
        return answer(name, password, groups)

    domain = Domain(slow, again=Later(), suffix="corp.example", viewers="lookers", operators="", pause=lambda _: None)
    first = threading.Thread(target=domain.role_of, args=("ada", PASSWORD))
    first.start()
    assert asked.wait(60)
    with pytest.raises(TurnError):
        domain.role_of("ada", PASSWORD)
    go_on.set()
    first.join()
    assert domain.role_of("ada", PASSWORD)


def test_who_may_look_may_not_take_back(door: Door) -> None:
    viewer, operator = door.entered("ada"), door.entered("CORP\\root")
    wish = f"object={guid_text(ADA)}&to=2"
    for path in ("/undo", "/undo.json"):
        assert ask(door.app.app, path, query=wish, cookie=viewer).code == 403
        assert ask(door.app.app, path, query=wish, cookie=operator).code == 200
    posted = door.post("/undo", viewer, object=guid_text(ADA), to="2")
    assert posted.code == 403
    assert "for operators" in posted.text
    for path, query, words in (("/changes", "", "what is ticked"), (f"/object/{guid_text(ADA)}", "at=2", "Plan how")):
        assert words not in ask(door.app.app, path, query=query, cookie=viewer).text
        assert words in ask(door.app.app, path, query=query, cookie=operator).text
    assert "viewer" in ask(door.app.app, "/", cookie=viewer).text


def _undone(door: Door, cookie: str) -> Answer:
    """Somebody agrees to a plan."""
    page = ask(door.app.app, "/undo.json", query=f"object={guid_text(ADA)}&to=2", cookie=cookie)
    digest = page.json["plan"]["digest"] if page.code == 200 else ""
    (token,) = re.findall(r'name="token" value="([^"]+)"', ask(door.app.app, "/find", cookie=cookie).text) or [""]
    return door.post("/undo", cookie, object=guid_text(ADA), to="2", token=token, digest=digest, agreed="0")


def test_who_left_the_group_takes_nothing_back_any_more(door: Door) -> None:
    """They are asked at each undo, whatever was known a second ago."""
    operator = door.entered("CORP\\root")
    assert _undone(door, operator).code == 303
    door.later.groups[SIDS["CORP\\root"]] = {"lookers"}
    assert _undone(door, operator).code == 403
    assert ask(door.app.app, "/changes", cookie=operator).code == 200, "they still may look"
    assert ask(door.app.app, "/undo", query=f"object={guid_text(ADA)}&to=2", cookie=operator).code == 403
    door.later.groups[SIDS["CORP\\root"]] = set()
    assert _undone(door, operator).code == 403
    assert ask(door.app.app, "/changes", cookie=operator).code == 401, "their session has ended"


def test_nothing_is_taken_back_while_nobody_can_be_asked(door: Door) -> None:
    operator = door.entered("CORP\\root")
    door.later.away = True
    assert _undone(door, operator).code == 503
    door.clock[0] += ASKED_AGAIN_S
    assert ask(door.app.app, "/changes", cookie=operator).code == 200, "the DC may be what is to be looked into"


def test_who_signs_out_while_the_dc_is_asked_takes_nothing_back(door: Door) -> None:
    operator = door.entered("CORP\\root")
    door.later.meanwhile = door.app._sign_in._sessions.clear
    answered = door.post("/undo", operator, object=guid_text(ADA), to="2")
    assert answered.code == 403
    assert "your session has ended" in answered.text


def test_an_undo_that_could_not_begin_has_an_end_as_well(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(door.app, "_did", lambda _, did, what: told.append((str(did), what)))
    undo, operator = door.app._views.undo, door.entered("CORP\\root")
    assert undo is not None
    with undo._turn:
        assert _undone(door, operator).code == 409
    assert [did for did, _ in told[-2:]] == ["agreed", "ended"]
    assert "not done: a restore is under way already" in told[-1][1]


def test_who_looks_is_asked_seldom(door: Door) -> None:
    viewer = door.entered("ada")
    for _ in range(10):
        assert ask(door.app.app, "/changes", cookie=viewer).code == 200
    assert door.later.asked == 0
    door.clock[0] += ASKED_AGAIN_S
    for _ in range(10):
        assert ask(door.app.app, "/changes", cookie=viewer).code == 200
    assert door.later.asked == 1
    door.later.groups[SIDS["ada@corp.example"]] = set()
    door.clock[0] += ASKED_AGAIN_S
    assert ask(door.app.app, "/changes", cookie=viewer).code == 403
    assert ask(door.app.app, "/changes", cookie=viewer).code == 401


def test_refusals_look_alike_and_say_no_password(door: Door) -> None:
    with capture_logs() as said:
        pages = {door.post("/login", user=name, password="guess").text for name in ("ada", "dora", "nobody")}
        pages |= {door.post("/login", user="dora", password=PASSWORD).text}
        assert door.post("/login", user=PASSWORD, password="").code == 403
    assert len(pages) == 1
    assert len(door.waited) == 5
    assert PASSWORD not in str(said)
    assert "guess" not in str(said)
    assert [each["event"] for each in said] == ["console.sign_in_refused"] * 5


def test_who_signed_in_and_looked_is_logged(door: Door) -> None:
    with capture_logs() as said:
        cookie = door.entered("ada")
        ask(door.app.app, f"/object/{guid_text(ADA)}.json", cookie=cookie)
    assert [(each["event"], each["who"]) for each in said] == [
        ("console.signed_in", "ada (S-1-5-21-1-2-3-1104)"),
        ("console.looked", "ada (S-1-5-21-1-2-3-1104)"),
    ]
    assert said[1]["object"] == guid_text(ADA)


def test_a_page_elsewhere_signs_nobody_in(door: Door) -> None:
    assert door.post("/login", origin="http://evil.example", user="ada", password=PASSWORD).code == 403
    assert door.post("/login", user="away", password=PASSWORD).code == 503


def test_names_sign_nobody_in_where_no_group_is_named(tmp_path: Path) -> None:
    desk = Desk(storied)
    console = Console(Views(desk, health=""), SignIn(tmp_path / "c", lambda: NOON), names=frozenset({HOST}), cookie="c")
    assert "Password" not in ask(console.app, "/login").text
    assert Door(console, []).post("/login", user="ada", password=PASSWORD).code == 403
    desk.close()
