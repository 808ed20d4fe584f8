"""What people and machines see; commands hand over a document and a way to say it in words."""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from adpersist.errors import AdpersistError
from adpersist.model.identity.ids import guid_text
from adpersist.restore.progress import Progress
from adpersist.telemetry import is_for_machines, logger

if TYPE_CHECKING:
    from adpersist.cli.progress_bar import ProgressBar
    from adpersist.model.plan.difference import Difference

Document = Mapping[str, Any]

log = logger("command")

_LONGEST: Final = 1500
"""Characters of an error's message for people."""


def machine(document: Document | Sequence[Document]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json_text(document, indent=2) + "\n")


def json_text(document: Document | Sequence[Document], *, indent: int | None = None) -> str:
    """JSON as people like to read it, where standard output takes every character as it is."""
    takes_all = (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(document, indent=indent, ensure_ascii=not takes_all, default=str)


def say(text: str) -> None:
    """A line for people, on standard output."""
    sys.stdout.write(text + "\n")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people; names are shown as they are, whatever characters they hold."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 160).print(shown)


def printable(text: str) -> str:
    """Text without control characters, which a hostile name could use to rewrite the screen."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def failure(error: AdpersistError, *, as_json: bool) -> None:
    """One clear sentence, and what to do next; where the log is for machines, an event of it, too."""
    if is_for_machines():
        kind, code = type(error).__name__.removesuffix("Error"), int(error.exit_code)
        log.error("command.failed", kind=kind, error=error.message, hint=error.hint, exit_code=code)
    if as_json and not error.is_answered:
        machine(_error(error))
    sys.stderr.write(
        f"adpersist: {_sentence(error.message)}\n" + (f"  {_sentence(error.hint)}\n" if error.hint else "")
    )


def _error(error: AdpersistError) -> Document:
    return {
        "error": {
            "kind": type(error).__name__.removesuffix("Error"),
            "message": error.message,
            "hint": error.hint,
            "exit_code": int(error.exit_code),
        }
    }


def array(documents: Iterable[Document]) -> None:
    """A JSON array on standard output, written as it comes; what ends it too early is its last element.

    Raises:
        AdpersistError: As ``documents``; :func:`failure` does not answer it again.
    """
    separator = "[\n"
    try:
        for document in documents:
            sys.stdout.write(separator + json_text(document))
            separator = ",\n"
    except AdpersistError as error:
        if separator == ",\n":
            sys.stdout.write(f"{separator}{json_text(_error(error))}\n]\n")
            error.is_answered = True
        raise
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def _sentence(text: str) -> str:
    """A line a person can take in, even where it repeats input of a hundred thousand characters."""
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 300]} ... {text[-300:]}"


def difference(found: "Difference") -> dict[str, Any]:
    """One difference, for machines; never a value."""
    return {"guid": guid(found.guid), "dn": found.dn, "attribute": found.attribute, "kind": found.kind}


def difference_left(found: "Difference") -> dict[str, Any]:
    """One that a restore could not close, for machines; never a value."""
    return {**difference(found), "gives_more": found.gives_more, "reason": found.reason}


def guid(value: bytes) -> str:
    """objectGUID as people write it."""
    return guid_text(value)  # type: ignore[arg-type]  # every bytes of 16 reads alike


def person(who: Mapping[str, Any]) -> str:
    """Who wrote, in a line: the name as of then, from where, and how."""
    address = f" from {who['address']}" if who["address"] else ""
    return f"{who['name'] or who['sid']}{address}, {who['how']}"


_LINES_APART_S: Final = 0.2
"""Progress is told so seldom to a machine, however fast the work is."""


class Bar(Progress):
    """A progress bar on a terminal's standard error; for a machine JSON, an object a line; nothing elsewhere."""

    def __init__(self, *, shown: bool, lines: bool = False) -> None:
        self._bar: ProgressBar | None = None
        self._lines = lines
        self._last: tuple[str, float] = ("", 0.0)
        if shown and not lines and sys.stderr.isatty():
            from adpersist.cli import progress_bar

            self._bar = progress_bar.ProgressBar()

    def __enter__(self) -> "Bar":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def looking(self, what: str) -> None:
        """A look is under way."""
        self._show(what, 0, None)

    def applying(self, done: int, total: int) -> None:
        """So many steps of the round are done."""
        self._show("restoring", done, total)

    def counting(self, what: str, done: int, total: int) -> None:
        """So much of something else is done."""
        self._show(what, done, total)

    def _show(self, what: str, done: int, total: int | None) -> None:
        if self._bar:
            self._bar.show(what, done, total)
        if self._lines and (
            what != self._last[0] or time.monotonic() > self._last[1] + _LINES_APART_S or done == total
        ):
            self._last = what, time.monotonic()
            sys.stderr.write(json.dumps({"progress": {"doing": what, "done": done, "of": total}}) + "\n")
            sys.stderr.flush()
