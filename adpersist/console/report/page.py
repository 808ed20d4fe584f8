"""Documents as pages: one file that needs nothing else, runs nothing, and prints."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from adpersist.console.report.span import TITLES
from adpersist.console.report.time_line import span_words, time_line
from adpersist.reading.text.entry_text import SIGNS

_HERE: Final = Path(__file__).parent / "templates"
WHAT: Final = {
    "missing": "was gone, and is there again",
    "alive": "had been deleted, lived again, and is deleted",
    "unknown": "was made on the DC after it was put back",
    "moved": "lay elsewhere or had another name",
    "changed": "had other values",
}
"""What a restore found, in words."""


def environment(*more: Path) -> Environment:
    """Templates in which every value is escaped, and a missing one is an error.

    Args:
        more: Directories with templates beside the reports' own.
    """
    found = Environment(
        loader=FileSystemLoader([*map(str, more), str(_HERE)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"signs": SIGNS, "what_words": WHAT, "titles": TITLES, "time_line": time_line}
    found.filters |= {"span_words": span_words, "visible": visible, "listed": listed}
    return found


def visible(text: object) -> str:
    """Text in which nothing turns the line round or hides: such characters are shown by their number.

    A name may hold what makes `txt.exe` of `exe.txt`, or a line's end.
    """
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in str(text))


def listed(texts: Iterable[object]) -> str:
    """Several of them, with commas between."""
    return ", ".join(map(visible, texts))


@lru_cache(maxsize=1)
def style() -> str:
    """The one style sheet."""
    return (_HERE / "page.css").read_text(encoding="utf-8")


def style_source() -> str:
    """What a content security policy calls that style sheet where it stands in a page."""
    return f"'sha256-{b64encode(hashlib.sha256(style().encode()).digest()).decode()}'"


def policy() -> str:
    """What a report's page may do: nothing but look as it does."""
    return f"default-src 'none'; style-src {style_source()}; base-uri 'none'; form-action 'none'"


@lru_cache(maxsize=1)
def _pages() -> Environment:
    return environment()


def page(document: dict[str, Any]) -> str:
    """The whole page of a report."""
    kind = document["report"]
    found = _pages().get_template("report.html")
    return found.render(
        document=document,
        body=f"{kind}_body.html",
        # our own file, which a browser must read byte for byte
        style=Markup(style()),  # noqa: S704
        policy=policy(),
    )
