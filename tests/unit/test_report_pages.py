"""Reports: what they tell, and that a name in them is text, whatever it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adpersist.console.report.heal import ended_document, heal_document
from adpersist.console.report.page import page, style_source, visible
from adpersist.console.report.span import span_document
from adpersist.console.report.time_line import bars, span_words, time_line
from adpersist.console.report.writing import write_report
from adpersist.errors import PointError
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.account import Account, Reason, Remark, Result
from adpersist.reading.past.past import Past
from tests.cases import cases
from tests.golden.journal_samples import NOON, OTHER, fresh_store, new_journal
from tests.pages import Page
from tests.unit.storied import SECRET, opened_again, storied

ADVERSE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    "\u202egpj.exe",
    "a\nb\x00c\x1b[2J",
    "&lt;b&gt;",
    "javascript:alert(1)",
    "x" * 5000,
)


def _span(name: str, described: str = "old") -> dict[str, Any]:
    journal = storied(name, described)
    return span_document(journal, Past.of(journal, Seq(1)), since=NOON, until=NOON + 100)


def test_a_heal_is_told_from_the_journal() -> None:
    document = heal_document(storied())
    assert (document["number"], document["verdict"], document["target"]) == (1, "reverted", 5)
    assert document["lost"]["by_kind"][0] == {"what": "missing", "class": "user", "count": 1}
    assert document["lost"]["unlisted"] == 1
    assert document["times"]["captured_again"] == "2026-01-01T12:01:10.000Z"
    assert document["seconds"] == {"restore": 2.0, "image_to_captured": 30.0, "blind": 20.0}
    assert [each["kind"] for each in document["commits"]] == ["look", "restore-begin", "restore-end"]
    json.dumps(document)


def test_a_restore_of_before_there_were_accounts_says_so() -> None:
    restorer = opened_again(storied())
    restorer.begin_restore(target=Seq(3), writer=OTHER, now=NOON + 90)
    restorer.end_restore(now=NOON + 91)
    document = heal_document(restorer, 2)
    assert document["lost"] is None
    assert document["why"]
    assert document["why"] in Page(page(document)).text


def test_a_restore_that_was_begun_twice_says_so() -> None:
    restorer = opened_again(storied())
    for second in (90, 95):
        restorer.begin_restore(target=Seq(3), writer=OTHER, now=NOON + second)
        restorer.mark("between", writer=OTHER, now=NOON + second)
    restorer.end_restore(now=NOON + 99)
    document = heal_document(restorer)
    assert document["tries"] == 2
    assert document["seconds"]["restore"] == 9.0


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_restore_that_never_was_is_refused(number: int) -> None:
    with pytest.raises(PointError, match="no restore"):
        heal_document(storied(), number)


def test_a_journal_without_restores_says_what_else_there_is() -> None:
    with pytest.raises(PointError) as refused:
        heal_document(new_journal(fresh_store()))
    assert "--since" in refused.value.hint


def test_a_restore_that_left_differences_is_no_success() -> None:
    journal = opened_again(storied())
    journal.begin_restore(target=Seq(5), writer=OTHER, now=NOON + 90)
    why = Reason(verdict="reverted", evidence="it is", noticed=NOON, on_conflict="journal", engine="ldap")
    left = (Remark(guid="g", dn="CN=ada", kind="value", attributes=("mail",)),)
    came = Result(began=NOON + 90, ended=NOON + 95, objects=3, left=1, left_listed=left)
    document = ended_document(journal, Account(reason=why, result=came))
    assert not document["finished"]
    assert document["number"] is None
    shown = Page(page(document))
    assert "nothing is captured until a restore succeeds" in shown.text
    assert "mail" in shown.text


def test_a_restore_that_ended_with_differences_says_which() -> None:
    journal = opened_again(storied())
    journal.begin_restore(target=Seq(5), writer=OTHER, now=NOON + 90)
    left = (Remark(guid="g", dn="CN=ada", kind="link", attributes=("member",), what="no room", gives_more=True),)
    came = Result(began=NOON + 90, ended=NOON + 95, objects=3, left=1, left_listed=left)
    journal.end_restore(now=NOON + 95, account=came.model_dump_json())
    document = ended_document(journal, Account(result=came))
    assert (document["number"], document["finished"], document["left"]["count"]) == (2, True, 1)
    shown = Page(page(document)).text
    assert "Done, with 1 differences" in shown
    assert "gives somebody more than they should have: link member no room" in shown


def test_a_part_is_told_apart_from_a_whole() -> None:
    came = Result(began=NOON + 90, ended=NOON + 95, objects=3)
    document = ended_document(storied(), Account(result=came))
    assert document["in_part"]
    assert document["finished"]
    assert "Restore of a part" in Page(page(document)).text


@pytest.mark.parametrize("name", ADVERSE)
def test_a_name_is_text_whatever_it_holds(name: str) -> None:
    for document in (heal_document(storied(name, name)), _span(name, name)):
        html = page(document)
        found = Page(html)
        assert found.runs_nothing()
        assert set(found.tags) <= {
            *("html", "head", "meta", "title", "style", "body", "main", "footer", "h1", "h2", "p", "dl", "dt", "dd"),
            *("table", "thead", "tbody", "tr", "th", "td", "ul", "li", "b", "em", "code", "small", "br", "del", "ins"),
            *("figure", "figcaption", "svg", "line", "circle", "text", "details", "summary", "strong"),
        }
        assert not [each for each in html if not each.isprintable() and each != "\n"]
        html.encode()
    assert visible(name)[:900] in Page(page(heal_document(storied(name)))).text


@settings(max_examples=cases(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(min_size=1, max_size=60).filter(lambda each: each.encode(errors="ignore")))
def test_any_name_is_text(name: str) -> None:
    printable = name.encode(errors="ignore").decode()
    found = Page(page(_span(printable, printable)))
    assert found.runs_nothing()


def test_no_secret_is_in_a_report() -> None:
    html = page(_span("ada"))
    assert "secret set" in Page(html).text
    assert SECRET.decode() not in html + json.dumps(_span("ada"))


def test_a_quiet_day_has_a_page_too() -> None:
    journal = storied()
    document = span_document(journal, Past.of(journal, journal.head.seq), since=NOON, until=NOON)
    assert document["changes"] == 0
    assert "Nothing happened" in Page(page(document)).text


def test_the_page_allows_its_own_style_alone() -> None:
    html = page(heal_document(storied()))
    assert f"style-src {style_source().replace(chr(39), '&#39;')}" in html
    assert "default-src &#39;none&#39;" in html
    assert html.count("<style>") == 1


def test_a_report_is_written_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    path = write_report(heal_document(storied()), tmp_path / "new" / "reports")
    assert path.name.startswith("heal-0001-")
    assert {each.suffix for each in path.parent.iterdir()} == {".html", ".json"}
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in path.parent.iterdir())
    assert json.loads(path.with_suffix(".json").read_text())["report"] == "heal"


def test_a_time_line_leaves_out_what_is_not_known() -> None:
    found = time_line([("a", "2026-01-01T00:00:00.000Z"), ("b", None), ("c", "2026-01-03T12:00:00.000Z")])
    assert [point["label"] for point in found["points"]] == ["a", "c"]
    assert [gap["words"] for gap in found["gaps"]] == ["2.5 d"]
    assert time_line([])["points"] == []


def test_spans_have_their_unit() -> None:
    assert [span_words(each) for each in (0, 3.25, 60, 5400, 86_400)] == ["0 s", "3.25 s", "1 min", "1.5 h", "1 d"]


def test_bars_stand_on_the_ground() -> None:
    found = bars([("a", 0), ("b", 2), ("c", 4)])
    assert [(each["label"], each["y"] + each["height"]) for each in found["bars"]] == [("b", 80.0), ("c", 80.0)]
    assert bars([])["bars"] == []
