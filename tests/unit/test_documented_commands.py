"""Every command that README and docs show is one that adpersist has, with options that it takes."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.examples import PAGES, blocks, inline
from tools.packaging.words import Words, all_words

WORDS = all_words()
SHOWN = sorted(
    {
        (name, line)
        for name, page in PAGES.items()
        for line in (
            *(line for block in blocks(page) for line in block if line.startswith("adpersist ")),
            *inline(page),
        )
    }
)


def unknown(line: str) -> list[str]:
    """Words of a command line that adpersist does not know."""
    line = re.split(r" [|>]|; | \|\| ", line)[0]
    command: Words = WORDS
    names = {"--help", "--version", *(name for option in WORDS.options for name in option.names)}
    wrong: list[str] = []
    for word in shlex.split(line)[1:]:
        if word == "--":
            break
        below = {each.name.rpartition(" ")[2]: each for each in command.commands}
        if word.startswith("-") and re.fullmatch(r"-{1,2}[a-z][a-z-]*", word.partition("=")[0]):
            names |= {name for option in command.options for name in option.names}
            wrong += [] if word.partition("=")[0] in names else [word]
        elif word in below:
            command = below[word]
        elif command is WORDS and not word.isupper():
            wrong.append(word)
    return wrong


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=[f"{page}-{line[:60]}" for page, line in SHOWN])
def test_a_command_that_is_shown_is_one(page: str, line: str) -> None:
    assert unknown(line) == [], f"{page} shows `{line}`"


def test_the_check_finds_what_is_wrong() -> None:
    assert len(SHOWN) > 15
    assert unknown("adpersist nonsense --json") == ["nonsense"]
    assert unknown("adpersist guard --on-reverse restore") == ["--on-reverse"]
    assert unknown("adpersist key turn") == []  # a word of its own, as far as this can tell
    assert unknown("adpersist boot --stay -- samba --nonsense") == []
