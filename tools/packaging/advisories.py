"""What is known against the libraries in the package, from the package index's own JSON documents.

In: the locks. Out: advisories that are not withdrawn, and which libraries nobody answered for. The tool `pip-audit`
asks for each version's own document alone, and calls one that is not there a success; some indexes have but that of a
library's newest version. Here both are asked for, and no answer is never taken for a good one.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from pip._internal.models.index import PyPI  # where pip itself looks; it offers that nowhere else

from tools.packaging.locking import PYTHONS, lock_file

Ask = Callable[[str], Mapping[str, Any] | None]
"""The document at a path below the index; None: there is none."""

_TIMEOUT_S: Final = 30
_AT_ONCE: Final = 4
_MOST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Advisory:
    """One that a locked version falls under.

    Attributes:
        library: ``name==version``.
        name: As its database calls it, aliases behind it.
        fixed_in: Versions without it; empty: none yet.
    """

    library: str
    name: str
    fixed_in: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was learned of all libraries.

    Attributes:
        advisories: What is known against them.
        unanswered: Libraries of which nothing is known, with the reason.
    """

    advisories: Sequence[Advisory]
    unanswered: Mapping[str, str]


def locked() -> list[tuple[str, str]]:
    """Every library of any lock, and its version."""
    lines = (line for python in PYTHONS for line in lock_file(python).read_text(encoding="utf-8").splitlines())
    found = (re.match(r"([a-z0-9_.-]+)==(\S+) ", line) for line in lines)
    return sorted({(each[1], each[2]) for each in found if each})


def examined(libraries: Sequence[tuple[str, str]], ask: Ask) -> Answer:
    """Ask for each."""
    with ThreadPoolExecutor(_AT_ONCE) as several:
        answers = list(several.map(lambda each: _one(each[0], each[1], ask), libraries))
    return Answer(
        advisories=sorted(found for answer in answers for found in answer.advisories),
        unanswered={library: why for answer in answers for library, why in answer.unanswered.items()},
    )


def _one(name: str, version: str, ask: Ask) -> Answer:
    library = f"{name}=={version}"
    try:
        document = ask(f"{name}/{version}/json")
        if document is None:
            document = ask(f"{name}/json")
            if document is not None and document["info"]["version"] != version:
                return Answer(advisories=(), unanswered={library: "only its newest version's document is there"})
        if document is None:
            return Answer(advisories=(), unanswered={library: "no document is there"})
        return Answer(advisories=tuple(_advisories(library, document["vulnerabilities"])), unanswered={})
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        return Answer(advisories=(), unanswered={library: f"{type(error).__name__}: {error}"})


def _advisories(library: str, known: Sequence[Mapping[str, Any]]) -> Iterator[Advisory]:
    for each in known:
        if not each.get("withdrawn"):
            name = " ".join([each["id"], *each.get("aliases", ())])
            yield Advisory(library=library, name=name, fixed_in=tuple(each.get("fixed_in", ())))


def ask_index(path: str) -> Mapping[str, Any] | None:
    """The index's document. Raises: OSError, http.client.HTTPException, ValueError, TypeError: no answer."""
    try:
        with urllib.request.urlopen(f"{PyPI.pypi_url}/{path}", timeout=_TIMEOUT_S) as reply:  # noqa: S310 - pip's own, https
            document = json.loads(reply.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.NOT_FOUND:
            return None
        raise
    if not isinstance(document, dict):
        raise TypeError("it is no object")
    return document


def report(answer: Answer, libraries: int, *, must_answer: bool) -> bool:
    """Tell it; whether that will do.

    Args:
        answer: What was learned.
        libraries: How many were asked for.
        must_answer: One that nobody answered for will not do.
    """
    for each in answer.advisories:
        fixed = f"fixed in {', '.join(each.fixed_in)}: tools/package --lock" if each.fixed_in else "not fixed yet"
        sys.stdout.write(f"audit: {each.library} falls under {each.name}, {fixed}\n")
    for library, why in answer.unanswered.items():
        sys.stdout.write(f"audit: NOT KNOWN: {library}: {why}\n")
    asked = libraries - len(answer.unanswered)
    sys.stdout.write(
        f"audit: {asked} of {libraries} libraries answered for, {len(answer.advisories)} advisories"
        f"{', THE REST IS NOT KNOWN' if answer.unanswered else ''}\n"
    )
    return not answer.advisories and not (must_answer and answer.unanswered)
