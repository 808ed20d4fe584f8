"""The console's pages without a server: what they show, and that they show it to nobody else."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adpersist.console.web.access.listening import Address
from adpersist.console.web.access.sign_in import CODE_S, FIRST_CODE_S, IDLE_S, LONGEST_S, SignIn, leave_code
from adpersist.console.web.app import Console
from adpersist.console.web.bin_view import bin_document
from adpersist.console.web.desk import Desk
from adpersist.console.web.undo import BusyError, Undo, UndoError, Wish
from adpersist.console.web.views import Views
from adpersist.errors import ConfigError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq, guid_text
from adpersist.model.identity.reference import ref
from adpersist.model.identity.sid import sid_from_text
from adpersist.model.objects.audit import Audited, AuditLine
from adpersist.model.objects.change import Change, Kind
from tests.asking import HOST, Answer, ask
from tests.cases import cases
from tests.descriptors import descriptor, may
from tests.faults import Fault, FaultyStore, Injection, Point
from tests.golden.journal_samples import NC, NOON, opened
from tests.pages import Page
from tests.unit.storied import ADA, BERT, CREW, OFFICE, ROOT, SECRET, attribute, look, stamped, storied, user
from tests.unit.test_report_pages import ADVERSE

NAMES = frozenset({HOST, "localhost:9390"})
OWN = ("origin", f"http://{HOST}")


@dataclass
class Hour:
    """What time it is."""

    now: float = NOON + 100

    def __call__(self) -> float:
        return self.now


@dataclass
class Office:
    """A console, and somebody who signed in."""

    console: Console
    sign_in: SignIn
    desk: Desk
    journal: Journal
    clock: Hour
    cookie: str

    def get(self, path: str, query: str = "") -> Answer:
        return ask(self.console.app, path, query=query, cookie=self.cookie)

    def anonymous(self, path: str, **more: object) -> Answer:
        return ask(self.console.app, path, **more)  # type: ignore[arg-type]

    @property
    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.get("/").text)
        assert found
        return found[1]


def _office(journal: Journal, place: Path) -> Office:
    clock = Hour()
    desk = Desk(lambda: journal)
    assert desk._is_read.wait(60)
    sign_in = SignIn(place / "code", clock)
    console = Console(Views(desk, health=""), sign_in, names=NAMES, cookie="adpersist_9390", clock=clock)
    entered = ask(console.app, "/login", query=f"code={sign_in.issue()}")
    cookie = entered.headers["set-cookie"].partition(";")[0]
    return Office(console, sign_in, desk, journal, clock, cookie)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = _office(storied(), tmp_path)
    yield made
    made.desk.close()


PAGES = (
    "/",
    "/overview",
    "/changes",
    f"/object/{guid_text(ADA)}",
    "/find",
    "/compare",
    "/bin",
    "/alerts",
    "/heals",
    "/heals/1",
    "/heals/1.html",
    "/changes.csv",
)


# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in PAGES if "." not in path])
def test_every_page_has_a_twin_for_machines(office: Office, path: str) -> None:
    shown = office.get(path)
    assert shown.code == 200
    twin = f"{'/overview' if path == '/' else path}.json"
    assert f'href="{twin}"' in shown.text
    assert isinstance(office.get(twin).json, dict)


def test_the_overview_says_what_is_known_and_what_is_not(office: Office) -> None:
    document = office.get("/overview.json").json
    assert document["head"]["seq"] == office.journal.head.seq
    assert document["agent"] is None
    assert sum(each["count"] for each in document["hours"]) == document["changes"] == 6
    assert "not known here" in Page(office.get("/").text).text


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("", [8, 5, 4, 3, 3, 2]),
        ("class=user", [8, 3, 3, 2]),
        ("class=USER&action=created", [3]),
        ("attribute=member", [4]),
        ("attribute=unicode*", [3, 2]),
        ("attribute=.*", []),
        ("what=bureau", [8, 5]),
        (f"what={guid_text(CREW)}", [4]),
        ("dc=dc1", [8, 3, 2]),
        ("since=3", [8, 5, 4]),
        ("until=3", [3, 3, 2]),
        ("since=2&until=3", [3, 3]),
        ("since=2026-01-01T12:00:45Z", [8, 5]),
        ("limit=2", [8, 5]),
        ("before=3", [3, 2]),
    ],
)
def test_changes_are_filtered_by_the_url(office: Office, query: str, seqs: list[int]) -> None:
    assert [each["seq"] for each in office.get("/changes.json", query).json["changes"]] == seqs


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("who=lena", [9, 8]),
        ("who=CORP%5Clena", [9, 8]),
        ("who=S-1-5-21-1-2-3-1199", [9, 8]),
        ("who=bert", [10]),
        ("who=system", [9]),
        ("who=nobody", []),
        ("who=len", []),
        ("who=lena&attribute=description&until=11", [8]),
    ],
)
def test_changes_are_filtered_by_who_wrote_them(tmp_path: Path, query: str, seqs: list[int]) -> None:
    """By SID and account, of now and of then; whoever wrote in the same second as somebody else is found, too."""
    journal = storied()
    look(journal, 71, attribute("objectSid", b"2.5.5.17"))
    dn, lena, other = f"CN=ada,OU=Bureau,{NC}", "S-1-5-21-1-2-3-1199", "S-1-5-21-1-2-3-1104"

    def told(second: int, who: str, account: str = "") -> AuditLine:
        names = frozenset({"description"})
        return AuditLine(
            time=NOON + second + 0.2, dn=dn, operation="Modify", attributes=names, sid=who, account=account
        )

    look(journal, 79, stamped(BERT, 79, objectSid=(sid_from_text(other),)))
    for usn, *lines in (
        (80, told(80, lena, "CORP\\lena")),
        (90, told(90, ""), told(90, lena, "CORP\\lena")),
        (100, told(100, other)),
        (110, told(50, lena, "CORP\\lena")),
    ):
        look(
            journal,
            usn,
            stamped(ADA, usn, description=(b"%d" % usn,)),
            audited=Audited(since=NOON, through=NOON + usn + 1, lines=tuple(lines)),
        )
    office = _office(journal, tmp_path)
    first = journal.head.seq - 11
    assert [each["seq"] - first for each in office.get("/changes.json", query).json["changes"]] == seqs
    office.desk.close()


def test_pages_of_changes_leave_nothing_out(office: Office) -> None:
    numbers, query = [], "limit=1"
    while True:
        document = office.get("/changes.json", query).json
        numbers += [each["number"] for each in document["changes"]]
        if document["before"] is None:
            break
        query = f"limit=1&before={document['before']}"
    assert numbers == [6, 5, 4, 3, 2, 1]


def test_an_empty_list_says_which_word_emptied_it(office: Office) -> None:
    found = office.get("/changes.json", "class=user&attribute=nothing").json
    assert (found["changes"], found["emptied_by"]) == ([], ["attribute"])


def test_an_object_is_shown_as_of_any_time(office: Office) -> None:
    path = f"/object/{guid_text(ADA)}.json"
    for at, dn, description in (("2", "Office", "old"), ("5", "Bureau", "old"), ("", "Bureau", "new")):
        document = office.get(path, f"at={at}").json
        assert document["object"]["dn"] == f"CN=ada,OU={dn},{NC}"
        assert document["object"]["attributes"]["description"]["values"] == [description]
    assert office.get(path, "at=1").json["later"] == 2
    assert [each["seq"] for each in document["history"]] == [8, 3, 2]


def test_before_it_was_born_an_object_has_a_history_and_no_state(office: Office) -> None:
    document = office.get(f"/object/{guid_text(BERT)}.json", "at=2").json
    assert document["object"] is None
    assert document["history"]
    assert "not born yet" in office.get(f"/object/{guid_text(BERT)}", "at=2").text


def test_each_value_says_who_gave_it(office: Office, tmp_path: Path) -> None:
    described = office.get(f"/object/{guid_text(ADA)}.json").json["object"]["attributes"]
    assert (described["description"]["since"], described["description"]["by"]) == (8, {"dcs": ["DC1"], "who": None})
    assert described["sAMAccountName"]["by"] is None, "older than the journal"


def test_the_bin_has_what_was_deleted_and_did_not_come_back(office: Office) -> None:
    assert office.get("/bin.json").json["objects"] == []
    for usn, item, name in ((80, BERT, "bert"), (90, CREW, "crew"), (100, ADA, "ada")):
        deleted = {"isDeleted": (b"TRUE",), "lastKnownParent": (ref(OFFICE),)}
        gone = Change(
            kind=Kind.DELETED, guid=item, nc=NC, rdn=f"CN={name}\nDEL:{guid_text(item)}", parent=ROOT, values=deleted
        )
        look(office.journal, usn, gone)
    back = Change(kind=Kind.UNDELETED, guid=ADA, nc=NC, rdn="CN=ada", parent=OFFICE, values={"isDeleted": ()})
    look(office.journal, 110, back, Change(kind=Kind.EXPUNGED, guid=BERT, nc=NC))
    with office.desk.record() as record:
        found = bin_document(record, "", NOON + 90 + 10 * 86_400)["objects"]
    assert [(each["dn"], each["to"], each["tombstone_days_left"]) for each in found] == [
        (f"CN=crew,OU=Bureau,{NC}", 9, 50),
        (f"CN=bert,OU=Bureau,{NC}", 8, None),
    ]
    assert [each["name"] for each in office.get("/bin.json", "what=BERT").json["objects"]] == ["bert"]
    assert "in the journal only" in Page(office.get("/bin").text).text
    assert f"adpersist restore --object {guid_text(CREW)} --to 9" in Page(office.get("/bin").text).text


def test_permissions_are_sentences_and_what_is_new_is_told(office: Office) -> None:
    path = f"/permissions/{guid_text(ADA)}"
    assert office.get(path).code == 404
    sid = sid_from_text("S-1-5-21-1-2-3-500")
    before = descriptor(may("S-1-5-11", 0x20094), may("S-1-5-10", 0x30))
    after = descriptor(may("S-1-5-21-1-2-3-500", 0xF01FF, flags=2), may("S-1-5-11", 0x20094))
    known = attribute("nTSecurityDescriptor", b"2.5.5.15"), attribute("objectSid", b"2.5.5.17")
    look(office.journal, 75, *known)
    look(office.journal, 80, stamped(BERT, 80, objectSid=(sid,)), stamped(ADA, 81, nTSecurityDescriptor=(before,)))
    look(office.journal, 90, stamped(ADA, 90, nTSecurityDescriptor=(after,)))
    document = office.get(f"{path}.json").json
    assert (document["at"], document["from"], document["changed"]) == (11, 10, [11, 10])
    assert [(each["sign"], each["text"]) for each in document["entries"]] == [
        ("+", "bert may do everything, here and for all below"),
        ("", "Authenticated Users may list what is below, read everything, see that it is there, read its permissions"),
    ]
    assert [each["text"] for each in document["gone"]] == ["the object itself may read everything, write everything"]
    assert not any(each["sign"] for each in office.get(f"{path}.json", "from=11").json["entries"])
    assert "bert may do everything" in Page(office.get(path).text).text
    look(office.journal, 95, stamped(ADA, 95, nTSecurityDescriptor=(b"none",)))
    assert office.get(path).code == 404
    assert f'href="{path}?at=11"' in office.get(f"/object/{guid_text(ADA)}", "at=11").text


def test_the_past_says_that_it_is_the_past(office: Office) -> None:
    path = f"/object/{guid_text(ADA)}"
    assert "Back to now" in office.get(path, "at=2").text
    assert "Back to now" not in office.get(path).text


@pytest.mark.parametrize("name", ["ada", "ADA", f"CN=ada,OU=Bureau,{NC}", guid_text(ADA), "bureau"])
def test_an_object_is_found_by_any_of_its_names(office: Office, name: str) -> None:
    assert guid_text(ADA) in {each["guid"] for each in office.get("/find.json", f"q={quote(name)}").json["objects"]}


def test_two_points_are_compared(office: Office) -> None:
    document = office.get("/compare.json", "from=3&to=5").json
    assert [(each["name"], each["kind"]) for each in document["objects"]] == [("crew", "changed"), ("Bureau", "moved")]
    assert [[(write["seq"], write["kind"]) for write in each["writes"]] for each in document["objects"]] == [
        [(4, "changed")],
        [(5, "moved")],
    ]
    page = office.get("/compare", "from=3&to=5").text
    assert "/changes?since=3&amp;until=4" in page
    assert "More objects" not in page


def test_many_objects_that_differ_are_shown_one_page_after_another(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = office.get("/compare.json").json
    monkeypatch.setattr("adpersist.console.web.views._MOST_COMPARED", 2)
    seen, query, pages = [], "", 0
    while True:
        page, document = office.get("/compare", query).text, office.get("/compare.json", query).json
        assert document["count"] == every["count"] > 3
        seen += document["objects"]
        pages += 1
        link = re.search(r'rel="next" href="/compare\?([^"]+)"', page)
        if link is None:
            break
        query = unescape(link[1])
    assert seen == every["objects"]
    assert pages == -(-every["count"] // 2)
    beyond = office.get("/compare", "after=1000")
    assert (beyond.code, "More objects" in beyond.text) == (200, False)


def test_what_was_just_captured_is_there(office: Office) -> None:
    before = office.get("/changes.json").json["changes"][0]["number"]
    with office.desk.journal() as journal:
        look(journal, 90, user(BERT[::-1], "late"))  # type: ignore[arg-type]
    assert office.get("/changes.json").json["changes"][0]["number"] == before + 1


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/nowhere", "", 404),
        ("/%", "", 404),
        ("/\x00", "", 404),
        ("/object/nonsense", "", 404),
        ("/object/00000000-0000-0000-0000-000000000000", "", 404),
        (f"/object/{guid_text(ADA)}", "at=99999", 400),
        (f"/object/{guid_text(ADA)}", "at=@nowhere", 400),
        (f"/object/{guid_text(ADA)}", "at=%00", 400),
        ("/changes", "since=whenever", 400),
        ("/changes", "before=-1", 400),
        ("/changes", "limit=" + "9" * 30, 400),
        ("/compare", "from=nonsense", 400),
        ("/compare", "after=-1", 400),
        ("/heals/99", "", 400),
        ("/heals/0", "", 400),
    ],
)
def test_what_is_not_there_is_said_in_words(office: Office, path: str, query: str, code: int) -> None:
    answer = office.get(path, query)
    assert answer.code == code
    assert Page(answer.text).runs_nothing()
    assert "Not shown" in answer.text


def test_a_store_that_is_away_is_told_and_what_is_known_is_shown(tmp_path: Path) -> None:
    away = FaultyStore(storied()._store, [Injection(point=Point.HEAD, fault=Fault.DROP, call=3)])
    office = _office(opened(away), tmp_path)
    shown = Page(office.get("/changes").text).text
    assert "The journal cannot be read" in shown
    assert f"CN=ada,OU=Bureau,{NC}" in shown
    assert "cannot be read" not in office.get("/changes").text
    office.desk.close()


# --- hostile names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ADVERSE)
def test_a_name_is_text_on_every_page(tmp_path: Path, name: str) -> None:
    office = _office(storied(name, name), tmp_path)
    try:
        for path in PAGES:
            query = (
                f"q={quote(name)}"
                if path == "/find"
                else f"what={quote(name)}&class={quote(name)}"
                if "changes" in path
                else ""
            )
            answer = office.get(path, query)
            assert answer.code == 200, path
            if path.endswith(".csv"):
                continue
            found = Page(answer.text)
            assert found.runs_nothing(), path
            assert not {"iframe", "object", "embed", "img", "base"} & set(found.tags)
            assert {
                value for key, value in found.attributes if key == "href" and value and value[0] not in "/#"
            } == set()
    finally:
        office.desk.close()


@settings(max_examples=cases(30), deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_question_has_an_answer(tmp_path_factory: pytest.TempPathFactory, path: str, query: str) -> None:
    office = _asked(tmp_path_factory)
    answer = office.get(f"/{path}", quote(query))
    assert answer.code in (200, 303, 307, 400, 404)
    for page, key in (("/changes", "what"), ("/find", "q"), ("/compare", "from")):
        assert office.get(page, f"{key}={quote(query)}").code in (200, 400)


_ASKED: list[Office] = []


def _asked(factory: pytest.TempPathFactory) -> Office:
    if not _ASKED:
        _ASKED.append(_office(storied(), factory.mktemp("asked")))
    return _ASKED[0]


def test_a_spreadsheet_runs_nothing(tmp_path: Path) -> None:
    office = _office(storied("ada"), tmp_path)
    with office.desk.journal() as journal:
        look(journal, 95, user(BERT[::-1], '=cmd|"/c calc"!A1'))  # type: ignore[arg-type]
    cells = [cell for row in csv.reader(io.StringIO(office.get("/changes.csv").text)) for cell in row]
    assert any("=cmd" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    office.desk.close()


def test_no_page_has_a_secret(office: Office) -> None:
    paths = [*PAGES, f"/object/{guid_text(ADA)}.json", "/changes.json", "/compare.json"]
    for path in paths:
        answer = office.get(path, "from=1" if "compare" in path else "")
        assert SECRET not in answer.body
        assert "sealed" not in answer.text.replace("are sealed and chained", "")
    told = office.get(f"/object/{guid_text(ADA)}.json").json["object"]["attributes"]["unicodePwd"]
    assert told == {"values": [], "secret": True, "since": 3, "by": {"dcs": ["DC1"], "who": None}}


# --- who may ask ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, "/changes.json", "/overview.json", "/heals/1.json"])
def test_nobody_sees_a_page_who_did_not_sign_in(office: Office, path: str) -> None:
    for cookie in (
        "",
        "adpersist_9390=",
        "adpersist_9390=guessed",
        "adpersist_9391=" + office.cookie.partition("=")[2],
    ):
        answer = ask(office.console.app, path, cookie=cookie)
        assert answer.code == 401
        assert "ada" not in answer.text


def test_a_code_signs_in_once(office: Office) -> None:
    code = office.sign_in.issue()
    assert office.anonymous("/login", query=f"code={code}").code == 303
    assert office.anonymous("/login", query=f"code={code}").code == 403


def test_looking_ahead_uses_no_code_up(office: Office) -> None:
    code = office.sign_in.issue()
    assert office.anonymous("/login", query=f"code={code}", method="HEAD").code == 200
    assert office.anonymous("/login", query=f"code={code}").code == 303


def test_a_code_can_be_pasted(office: Office) -> None:
    body = f"code={office.sign_in.issue()}".encode()
    length = ("content-length", str(len(body)))
    assert office.anonymous("/login", method="POST", body=body, headers=[OWN, length]).code == 303
    assert office.anonymous("/login", method="POST", body=body, headers=[OWN, length]).code == 403


@pytest.mark.parametrize(
    ("page", "goes_to"),
    [
        (f"/object/{guid_text(ADA)}?at=2&all=%C3%A9", f"/object/{guid_text(ADA)}?at=2&all=%C3%A9"),
        ("", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example/", "/"),
        ("//[", "/"),
    ],
)
def test_whoever_signs_in_gets_the_page_that_was_asked_for_and_none_of_anybody_else(
    office: Office, page: str, goes_to: str
) -> None:
    path, _, query = page.partition("?")
    if page == goes_to:
        refused = office.anonymous(path, query=query)
        assert refused.code == 401
        assert f'name="page" value="{page.replace("&", "&amp;")}"' in refused.text
    for code in ("guessed", office.sign_in.issue()):
        body = urlencode({"code": code, "page": page}).encode()
        length = ("content-length", str(len(body)))
        answer = office.anonymous("/login", method="POST", body=body, headers=[OWN, length])
    assert (answer.code, answer.headers["location"]) == (303, goes_to)


def test_a_code_is_not_good_for_ever(office: Office) -> None:
    code = office.sign_in.issue()
    office.clock.now += FIRST_CODE_S
    assert office.anonymous("/login", query=f"code={code}").code == 403


@pytest.mark.parametrize(
    ("pauses", "step", "code"), [(1, IDLE_S - 1, 200), (1, IDLE_S + 1, 401), (40, LONGEST_S / 39, 401)]
)
def test_a_session_ends(office: Office, pauses: int, step: float, code: int) -> None:
    for _ in range(pauses):
        office.clock.now += step
        answer = office.get("/heals")
    assert answer.code == code


def test_a_code_that_root_left_signs_in_once_and_its_file_is_gone(tmp_path: Path, office: Office) -> None:
    place = tmp_path / "code"
    code = leave_code(place, office.clock.now)
    assert code not in place.read_text()
    assert office.anonymous("/login", query=f"code={code}").code == 303
    assert not place.exists()
    assert office.anonymous("/login", query=f"code={code}").code == 403
    code = leave_code(place, office.clock.now)
    office.clock.now += CODE_S
    assert office.anonymous("/login", query=f"code={code}").code == 403


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"code": 1}', '{"code": "x", "until": "y"}', "\udcff"])
def test_a_file_that_holds_no_code_lets_nobody_in(tmp_path: Path, office: Office, content: str) -> None:
    (tmp_path / "code").write_bytes(content.encode(errors="surrogateescape"))
    (tmp_path / "code").chmod(0o600)
    assert office.anonymous("/login", query="code=x").code == 403


def test_a_code_that_others_could_have_left_is_none(tmp_path: Path, office: Office) -> None:
    place = tmp_path / "code"
    code = leave_code(place, office.clock.now)
    place.chmod(0o644)
    assert office.anonymous("/login", query=f"code={code}").code == 403
    place.chmod(0o600)
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert office.anonymous("/login", query=f"code={code}").code == 403


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:9390",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:9390.evil.example",
        "LOCALHOST:9390",
    ],
)
def test_another_name_is_refused_before_anything_else(office: Office, host: str | None) -> None:
    code = office.sign_in.issue()
    for path, query in (("/", ""), ("/login", f"code={code}"), ("/page.css", ""), ("/nowhere", "")):
        answer = ask(office.console.app, path, query=query, host=host, cookie=office.cookie)
        assert answer.code == 421
    assert office.anonymous("/login", query=f"code={code}").code == 303, "it was used up"


def test_two_names_are_none(office: Office) -> None:
    assert ask(office.console.app, "/", headers=[("host", "evil.example")], cookie=office.cookie).code == 421


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("origin", "http://evil.example")],
        [("origin", "null")],
        [("origin", "https://127.0.0.1:9390")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "none")],
        [OWN, ("sec-fetch-site", "cross-site")],
    ],
)
def test_a_form_from_elsewhere_is_refused(office: Office, headers: list[tuple[str, str]]) -> None:
    body = f"token={office.token}".encode()
    given = [*headers, ("content-length", str(len(body)))]
    assert ask(office.console.app, "/logout", method="POST", headers=given, body=body, cookie=office.cookie).code == 403
    assert office.get("/").code == 200


def test_a_form_needs_the_token_of_its_session(office: Office) -> None:
    for token, code, after in (("guessed", 403, 200), ("", 403, 200), (office.token, 303, 401)):
        body = f"token={token}".encode()
        headers = [OWN, ("content-length", str(len(body)))]
        answer = ask(office.console.app, "/logout", method="POST", headers=headers, body=body, cookie=office.cookie)
        assert answer.code == code
        assert office.get("/").code == after


@pytest.mark.parametrize(("length", "code"), [(None, 411), ("x", 411), ("65537", 413), ("99999999999999", 413)])
def test_a_body_is_small_and_says_so(office: Office, length: str | None, code: int) -> None:
    headers = [OWN, *([("content-length", length)] if length else [])]
    assert office.anonymous("/login", method="POST", headers=headers).code == code


def test_a_form_of_more_fields_than_any_has_is_none(office: Office) -> None:
    body = f"token={office.token}&{'&'.join(f'field{number}=1' for number in range(40))}".encode()
    headers = [OWN, ("content-length", str(len(body)))]
    answer = ask(office.console.app, "/logout", method="POST", headers=headers, body=body, cookie=office.cookie)
    assert answer.code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_pages_are_only_read(office: Office, method: str) -> None:
    headers = [OWN, ("content-length", "0")]
    assert ask(office.console.app, "/changes", method=method, headers=headers, cookie=office.cookie).code == 405


@pytest.mark.parametrize("path", [*PAGES, "/login", "/page.css", "/nowhere", "/changes.json"])
def test_every_answer_forbids_what_it_does_not_need(office: Office, path: str) -> None:
    for answer in (office.get(path), office.anonymous(path), ask(office.console.app, path, host="evil.example")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_the_cookie_stays_with_this_console(office: Office) -> None:
    entered = office.anonymous("/login", query=f"code={office.sign_in.issue()}")
    said = entered.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "domain" not in said


# --- taking back ------------------------------------------------------------------------------------------------------


def test_nothing_is_taken_back_where_that_is_not_allowed(office: Office) -> None:
    query = f"object={guid_text(ADA)}&to=2"
    for path in ("/undo", "/undo.json", "/undo/state", "/undo/state.json"):
        assert office.get(path, query).code == 404
    body = f"{query}&token={office.token}".encode()
    headers = [OWN, ("content-length", str(len(body)))]
    assert ask(office.console.app, "/undo", method="POST", headers=headers, body=body, cookie=office.cookie).code == 404
    assert "Plan how" not in office.get(f"/object/{guid_text(ADA)}", "at=2").text


@pytest.mark.parametrize("name", ["--yes", "a b", "a;b", "-x", "ä", "a\n", "x" * 200])
def test_only_what_may_name_an_attribute_reaches_a_command_line(name: str) -> None:
    with pytest.raises(ConfigError):
        Wish(guids=(ADA,), to=Seq(2), attribute=name)


ECHO = """
import json, sys
words = sys.argv[1:]
steps = [{"op": "modify", "guid": each, "dn": "CN=x", "what": "", "reason": ""} for each in words if "-" in each[1:]]
print(json.dumps({"steps": steps, "words": words, "taken": [], "notes": [], "conflicts": [], "rounds": 1, "left": 0}))
"""
"""A command line that says what it was told."""


def test_what_is_ticked_is_one_plan_to_before_the_first_of_it(tmp_path: Path) -> None:
    office = _office(storied(), tmp_path)
    undo = Undo([sys.executable, "-c", ECHO])
    console = Console(Views(office.desk, health="", undo=undo), office.sign_in, names=NAMES, cookie="adpersist_9390")
    shown = ask(console.app, "/changes", cookie=office.cookie).text
    ticks = re.findall(r'name="change" value="([^"]+)"', shown)
    assert f"4-{guid_text(CREW)}" in ticks
    chosen = f"change=4-{guid_text(CREW)}&change=3-{guid_text(ADA)}"
    told = ask(console.app, "/undo.json", query=chosen, cookie=office.cookie).json
    both = ["--object", guid_text(CREW), "--object", guid_text(ADA), "--to", "2"]
    assert told["plan"]["words"] == ["plan", *both, "--json"]
    assert [(each["seq"], each["guid"]) for each in told["later"]] == [(8, guid_text(ADA))], (
        "what was ticked is no loss"
    )
    page = ask(console.app, "/undo", query=chosen, cookie=office.cookie).text
    form = {**dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)), "agreed": "3"}
    headers = [OWN]

    def agree(agreed: str) -> Answer:
        body = urlencode({**form, "agreed": agreed}).encode()
        more = [*headers, ("content-length", str(len(body)))]
        return ask(console.app, "/undo", method="POST", headers=more, body=body, cookie=office.cookie)

    steps = len(told["plan"]["steps"])
    assert agree(str(steps + 1)).code == 403
    assert undo.state() is None
    assert agree(str(steps)).code == 303
    deadline = time.monotonic() + 60
    while (state := undo.state() or {})["running"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert state["outcome"]["words"] == ["restore", *both, "--yes", "--progress", "--json"]
    assert state["wish"]["guids"] == [guid_text(CREW), guid_text(ADA)]
    office.desk.close()


WORKING = """
import json, os, sys, time
print("not of the progress", file=sys.stderr)
print(json.dumps({"progress": {"doing": "restoring <b>", "done": 3, "of": 7}}), file=sys.stderr, flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
print(json.dumps({"steps": 7, "left": 0, "notes": []}))
"""
"""A command line that is in the middle until a file is there."""


def test_how_far_a_restore_is_shows_while_it_works(tmp_path: Path) -> None:
    office, go_on = _office(storied(), tmp_path), tmp_path / "go on"
    undo = Undo([sys.executable, "-c", WORKING, str(go_on)])
    console = Console(Views(office.desk, health="", undo=undo), office.sign_in, names=NAMES, cookie="adpersist_9390")
    undo.begin(Wish(guids=(ADA,), to=Seq(2)))
    deadline = time.monotonic() + 60
    while not (undo.state() or {})["progress"] and time.monotonic() < deadline:
        time.sleep(0.01)
    page = ask(console.app, "/undo/state", cookie=office.cookie).text
    assert "restoring &lt;b&gt;: 3 of 7" in page
    assert '<progress value="3" max="7">' in page
    assert 'http-equiv="refresh"' in page
    go_on.touch()
    while (state := undo.state() or {})["running"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (state["progress"], state["error"], state["outcome"]["steps"]) == (None, None, 7)
    assert "Proven" in ask(console.app, "/undo/state", cookie=office.cookie).text
    office.desk.close()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("change=x", 404),
        ("change=3", 404),
        (f"change=-1-{guid_text(ADA)}", 404),
        (f"change={'9' * 30}-{guid_text(ADA)}", 404),
        (f"change=99-{guid_text(ADA)}", 400),
        (f"change=1-{guid_text(ADA)}", 200),
        ("change=3---yes", 404),
        ("object=--yes&to=2", 404),
        (f"object={guid_text(ADA)}", 400),
        ("", 404),
        ("to=2", 400),
        ("&".join(f"change=3-{guid_text(ADA)}" for _ in range(200)), 200),
    ],
)
def test_only_changes_that_are_there_are_taken_back(tmp_path: Path, query: str, code: int) -> None:
    office = _office(storied(), tmp_path)
    views = Views(office.desk, health="", undo=Undo([sys.executable, "-c", ECHO]))
    console = Console(views, office.sign_in, names=NAMES, cookie="adpersist_9390")
    assert ask(console.app, "/undo.json", query=query, cookie=office.cookie).code == code
    office.desk.close()


def test_so_many_are_taken_back_together_and_no_more() -> None:
    with pytest.raises(ConfigError, match="101 objects"):
        Wish(guids=tuple(Guid(number.to_bytes(16, "big")) for number in range(101)), to=Seq(2))


def test_a_wish_is_a_guid_a_number_and_a_name() -> None:
    wish = Wish(guids=(ADA,), to=Seq(2), attribute="msDS-x", subtree=True)
    assert wish.words == ["--object", guid_text(ADA), "--to", "2", "--attribute", "msDS-x", "--subtree"]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("print('{')", "gave no answer"),
        ("import sys; sys.exit(3)", "gave no answer"),
        ("import sys; print('{}'); sys.exit(5)", "ended with 5"),
        ('print(\'{"error": {"message": "the DC is away", "hint": "wait"}}\')', "the DC is away"),
    ],
)
def test_a_command_line_that_fails_is_told_in_its_words(program: str, words: str) -> None:
    undo = Undo([sys.executable, "-c", program])
    with pytest.raises(UndoError, match=words):
        undo.plan(Wish(guids=(ADA,), to=Seq(2)))


def test_one_is_taken_back_at_a_time() -> None:
    undo = Undo([sys.executable, "-c", "import time; time.sleep(2); print('{}')"])
    undo.begin(Wish(guids=(ADA,), to=Seq(2)))
    with pytest.raises(BusyError):
        undo.begin(Wish(guids=(ADA,), to=Seq(2)))


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "dc1.corp.example:1", "127.0.0.1", ":9", "x", "127.0.0.1:99999"]
)
def test_nobody_else_is_listened_to(listen: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Address.of(listen)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("listen", "names"),
    [
        ("localhost:90", {"127.0.0.1:90", "localhost:90"}),
        ("[::1]:90", {"[::1]:90", "localhost:90"}),
        ("[0:0:0:0:0:0:0:1]:90", {"[::1]:90", "localhost:90"}),
        ("127.0.0.1:80", {"127.0.0.1:80", "localhost:80", "127.0.0.1", "localhost"}),  # no browser says that port
    ],
)
def test_loopback_has_its_own_names(listen: str, names: set[str]) -> None:
    address = Address.of(listen)
    assert address.names(address.port) == names


def test_an_address_that_is_taken_is_said_in_words() -> None:
    with Address.of("127.0.0.1:0").bound() as taken, pytest.raises(ConfigError, match="cannot listen"):
        Address(host="127.0.0.1", port=taken.getsockname()[1]).bound()


def test_documents_are_plain_json(office: Office) -> None:
    for path in ("/overview.json", "/changes.json", "/heals/1.json"):
        json.loads(office.get(path).body.decode("ascii"))
