"""Pages as a browser would take them apart."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """What is in a page: its elements, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data

    def runs_nothing(self) -> bool:
        """No script, no handler, nothing from elsewhere."""
        loaded = [value for name, value in self.attributes if name in ("src", "srcset", "data")]
        return (
            "script" not in self.tags and not loaded and not any(name.startswith("on") for name, _ in self.attributes)
        )
