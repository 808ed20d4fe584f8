"""The console in a real browser: every kind of page, with scripts and without, for who sees and who does not."""

from __future__ import annotations

import json
import os
import random
import re
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ldap3.utils.dn import escape_rdn

from tests.forking import Running
from tests.integration.browser import Visitor, chromium, kind_of
from tests.integration.hands import Hands
from tests.integration.scene import World, until
from tests.unit.test_report_pages import ADVERSE

pytestmark = pytest.mark.skipif(
    "SAMBA_DC_VERSION" in os.environ, reason="what differs there is Samba; the browser is this machine's"
)

EXPECTED = {
    "/",
    "/alerts",
    "/bin",
    "/changes",
    "/changes?before&limit",
    "/changes?since&until",
    "/compare",
    "/compare?from",
    "/find?q",
    "/fleet",
    "/heals",
    "/heals/N",
    "/heals/N.html",
    "/object/GUID",
    "/object/GUID?at",
    "/permissions/GUID?at",
    "/undo?object&to",
    "/use",
}
"""Kinds of pages that one click after the other must lead to; whatever else there is is looked at, too."""


def names(seed: int) -> list[str]:
    """Names that mean something to a browser, and others nobody thought of."""
    dice = random.Random(seed)
    parts = ["<", ">", '"', "'", "&", "`", "{{", "}}", "script", "<!--", "]]>", "\u202e", "\u200b", "ünï", "日本", "😀"]
    fuzzed = ["".join(dice.choices(parts, k=dice.randint(1, 8))) for _ in range(12)]
    return [name for name in (*ADVERSE, *fuzzed) if "\x00" not in name]


def _a_day(world: World) -> str:
    """What is seen of it; the objectGUID of the one who is taken back."""
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        ada = f"CN=ada,{office}"
        hands.link(f"CN=Domain Admins,{hands.users}", f"CN=bert,{office}")
        hands.delete(f"CN=visitor,{office}")
        world.run("agent", "--once", code=0)
        hands.set(ada, description="Accounts payable", telephoneNumber="+49 30 1234", title="Bookkeeper")
        hands.set(f"CN=crew,{office}", description="Who is on board")
        for number, name in enumerate(names(17)):
            dn = hands.contact(escape_rdn(f"{name[:40]} {number}".replace("\n", " ").strip()), parent=office)
            hands.set(dn, displayName=name[:200], description=name[:1000])
        guid = str(hands.guid(ada))
    world.run("agent", "--once", code=0)
    world.revert()
    world.run("guard", code=0)
    with Hands(world.dc) as hands:
        hands.set(ada, title="Chief bookkeeper", telephoneNumber=())
    world.run("agent", "--once", code=0)
    return guid


@contextmanager
def console(world: World, *words: str) -> Iterator[dict[str, str]]:
    """One that listens; what it said then."""
    log = world.place / "console.log"
    named = world.run.with_environment(ADPERSIST_CONSOLE_OPERATORS="Domain Admins")
    process = named.start("console", "--listen", "127.0.0.1:0", "--json", *words, log=log)
    try:
        yield _line(log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert "Traceback" not in log.read_text()


def test_the_console_in_a_browser(world: World) -> None:
    guid = _a_day(world)
    with console(world, "--allow-restore") as line, chromium() as browser:
        seeing = Visitor(browser, line["url"], scripts=True)
        _signed_in(seeing, line["login_url"])
        _a_violation_is_seen(seeing)
        kinds = _crawled(seeing, "/find?q=ada")
        assert set(kinds) >= EXPECTED
        cookies = [{"name": each["name"], "value": each["value"]} for each in seeing.context.cookies()]
        dark, plain = (
            Visitor(browser, line["url"], scripts=scripts, dark=scripts, cookies=cookies) for scripts in (True, False)
        )
        for path in ("/", f"/object/{guid}"):
            dark.open(path)
            assert dark.violations() == [], path
        for paths in kinds.values():
            plain.open(paths[0])
            assert plain.page.inner_text("h1")
        _pictured(seeing, guid)
        for visitor in (seeing, dark, plain):
            assert visitor.complaints == []


def test_an_undo_in_a_browser_without_scripts(world: World) -> None:
    """An earlier page of the object, the plan, the typed number, the proof; then out again."""
    with Hands(world.dc) as hands:
        ada = f"CN=ada,OU=Office,{hands.base}"
        hands.set(ada, title="Bookkeeper", telephoneNumber="+49 30 1234")
        world.run("agent", "--once", code=0)
        hands.set(ada, title="Chief bookkeeper", telephoneNumber=())
        guid = str(hands.guid(ada))
    world.run("agent", "--once", code=0)
    with console(world, "--allow-restore") as line, chromium() as browser:
        plain = Visitor(browser, line["url"], scripts=False)
        _signed_in(plain, line["login_url"])
        _taken_back(plain, guid)
        _several_taken_back(world, plain)
        plain.page.get_by_role("button", name="Sign out").click()
        plain.open("/changes", code=401)
        assert plain.complaints == []


def _line(log: Path, process: Running) -> dict[str, str]:
    until(lambda: b"}\n" in log.read_bytes() or process.poll() is not None, "the console listens")
    assert process.poll() is None, log.read_text()
    line: dict[str, str] = json.loads(next(each for each in log.read_text().splitlines() if each.startswith("{")))
    return line


def _signed_in(visitor: Visitor, login_url: str) -> None:
    visitor.open("/", code=401)
    visitor.open("/login")
    assert visitor.page.get_by_label("Password").count() == 1
    assert not visitor.scripts or visitor.violations() == []
    visitor.open(login_url)
    assert visitor.page.url == f"{visitor.url}/"


def _a_violation_is_seen(visitor: Visitor) -> None:
    """What the other checks rely on: that a script in a page is refused, and that it is noticed."""
    visitor.page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
    }""")
    assert visitor.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in each for each in visitor.complaints), visitor.complaints
    visitor.page.evaluate('() => document.querySelector("main").insertAdjacentHTML("beforeend", "<img src=/page.css>")')
    assert "image-alt" in {each["rule"] for each in visitor.violations()}
    visitor.complaints.clear()
    visitor.open("/")


def _crawled(visitor: Visitor, begin: str) -> dict[str, list[str]]:
    """Pages by kind: one click after the other, each without a flaw."""
    kinds: dict[str, list[str]] = {}
    flaws: dict[str, object] = {}
    waiting = deque(
        [
            "/",
            begin,
            "/changes?limit=5",
            "/compare?from=1",
            "/object/00000000-0000-0000-0000-000000000000",
            "/no-such-page",
        ]
    )
    while waiting:
        path = waiting.popleft()
        seen = kinds.setdefault(kind_of(path), [])
        if seen or path.partition("?")[0].endswith((".json", ".csv")):
            continue
        missing = path.endswith(("no-such-page", "000000000000"))
        visitor.open(path, code=404 if missing else 200)
        assert visitor.page.evaluate("window.hit") is None
        if found := visitor.violations():
            flaws[path] = found
        assert not visitor.complaints, path
        if not missing:
            seen.append(path)
        waiting += visitor.links()
    assert flaws == {}, json.dumps(flaws, indent=1)
    return {kind: paths for kind, paths in kinds.items() if paths}


def _pictured(visitor: Visitor, guid: str) -> None:
    for name, path in (
        ("overview", "/"),
        ("object", f"/object/{guid}"),
        ("compare", "/compare?from=1"),
        ("use", "/use"),
        ("heal", "/heals/1.html"),
    ):
        visitor.open(path)
        visitor.screenshot(f"console-{name}")


def _taken_back(plain: Visitor, guid: str) -> None:
    page = plain.page
    plain.open(f"/object/{guid}")
    page.get_by_role("link", name="earlier").click()
    assert "As of commit" in page.inner_text("body")
    page.get_by_role("button", name="Plan how to take it back").click()
    page.get_by_label("Type how many steps").wait_for()  # a click does not wait for the page it leads to
    plain.screenshot("console-undo")
    steps = page.locator("main table").last.locator("tbody tr").count()
    page.get_by_label("Type how many steps").fill(str(steps))
    page.get_by_role("button", name="Take it back").click()
    assert page.url.endswith("/undo/state"), page.inner_text("body")
    page.get_by_text("Proven").wait_for(timeout=120_000)
    plain.open(f"/object/{guid}")
    assert "Bookkeeper" in page.inner_text("main")
    assert "+49 30 1234" in page.inner_text("main")


def _several_taken_back(world: World, plain: Visitor) -> None:
    """A deletion, a group and what lies in the deleted one, ticked among the changes: one plan, one typed number."""
    page = plain.page
    with Hands(world.dc) as hands:
        annex, crew = f"OU=Annex,OU=Office,{hands.base}", f"CN=crew,OU=Office,{hands.base}"
        emil = f"CN=emil,{annex}"
        known = str(hands.guid(emil))
        hands.set(crew, description="a mistake")
        hands.delete(emil)
        hands.delete(annex)
    world.run("agent", "--once", code=0)
    plain.open("/changes")
    for name in ("emil", "Annex", "crew"):
        page.get_by_role("checkbox", name=re.compile(rf", {name}$")).first.check()
    page.get_by_role("button", name="Plan how to take back").click()
    page.get_by_label("Type how many steps").wait_for()
    steps = page.locator("main table").last.locator("tbody tr").count()
    assert steps >= len(("emil", "Annex", "crew")), page.inner_text("main")
    page.get_by_label("Type how many steps").fill(str(steps))
    page.get_by_role("button", name="Take it back").click()
    page.get_by_text("Proven").wait_for(timeout=120_000)
    with Hands(world.dc) as hands:
        assert str(hands.guid(emil)) == known
        assert "description" not in hands.read(crew, "description")
