"""Debian's Chromium on the console's pages: what it refused to load, what it ran, and what axe finds wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page


CHROMIUM: Final = Path("/usr/bin/chromium")
AXE: Final = Path(__file__).parents[2] / ".cache/axe/node_modules/axe-core/axe.min.js"
SCREENSHOTS: Final = os.environ.get("ADPERSIST_SCREENSHOTS", "")
"""A directory to leave them in, as docs/CONTRIBUTING.md says; empty: none are made."""
LARGEST_SCREENSHOT: Final = 60_000
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_GUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_NUMBER: Final = re.compile(r"(?<=/)\d+")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, for as long as the block lasts."""
    for needed in (CHROMIUM, AXE):
        assert needed.exists(), f"{needed} is missing: run tools/setup --azurite"
    from playwright.sync_api import sync_playwright  # loaded by whoever needs it, and not by each collection

    with sync_playwright() as playwright:
        # root has no sandbox; nothing but our own pages is shown
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """Somebody at a console, with or without scripts; anything the browser complains of is kept.

    Attributes:
        complaints: Violations of the content security policy, scripts that failed, dialogs, requests to elsewhere.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        scripts: bool,
        dark: bool = False,
        cookies: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self.complaints: list[str] = []
        self.url = url.rstrip("/")
        self.scripts = scripts
        self.context: BrowserContext = browser.new_context(
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
            viewport={"width": 1000, "height": 640},
        )
        self.context.add_cookies([{"name": each["name"], "value": each["value"], "url": self.url} for each in cookies])
        self.page: Page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self._asked(request.url))

    def open(self, path: str, code: int = 200) -> None:
        """Go to a page."""
        answer = self.page.goto(path if path.startswith("http") else f"{self.url}{path}")
        assert answer is not None
        assert answer.status == code, f"{path}: {answer.status}"

    def links(self) -> list[str]:
        """Where the page leads to on this console, as paths with their queries."""
        # in one question: a page has hundreds of links
        hrefs = self.page.eval_on_selector_all("a[href]", "all => all.map(each => each.getAttribute('href'))")
        found = [urlsplit(str(each)) for each in hrefs]
        return [f"{each.path}?{each.query}".rstrip("?") for each in found if each.path.startswith("/")]

    def violations(self) -> list[dict[str, Any]]:
        """What axe finds: rule, and the elements it is about."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("rules => axe.run({runOnly: rules})", _RULES)
        assert len(found["passes"]) > 5, "axe looked at nothing"
        return [{"rule": each["id"], "at": [node["html"] for node in each["nodes"]]} for each in found["violations"]]

    def screenshot(self, name: str) -> None:
        """For the documentation, where it is asked for."""
        if SCREENSHOTS:
            path = Path(SCREENSHOTS) / f"{name}.jpg"
            for quality in (80, 65, 50, 35):
                self.page.screenshot(path=path, type="jpeg", quality=quality)
                if path.stat().st_size < LARGEST_SCREENSHOT:
                    return
            raise AssertionError(f"{path} has {path.stat().st_size} bytes")

    def _said(self, message: ConsoleMessage) -> None:
        # a page that answers 404 or 401 is told of here, too, and is asked for its code where it is opened
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(f"{urlsplit(self.page.url).path}: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.url}/", "data:")):
            self.complaints.append(f"asked for {url}")


def kind_of(path: str) -> str:
    """Pages of one kind differ in the object, the number and the words of the question."""
    parts = urlsplit(path)
    names = "&".join(sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}))
    return _NUMBER.sub("N", _GUID.sub("GUID", parts.path)) + (f"?{names}" if names else "")
