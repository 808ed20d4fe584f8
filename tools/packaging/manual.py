"""Manual pages, from the help: ``adpersist(1)``, one for each command, and ``adpersist.toml(5)`` from the sample."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from tools.packaging.words import Words

_SOURCE = "adpersist"


def pages(words: Words, *, version: str, date: float, sample: str) -> Mapping[str, str]:
    """Every page by its file's name.

    Args:
        words: All of them.
        version: Of adpersist.
        date: Unix seconds, for the foot of the pages.
        sample: The commented configuration.
    """
    day = datetime.fromtimestamp(date, UTC).date().isoformat()
    made = {
        f"{_file(each)}.1": "\n".join([_title(_file(each), 1, version, day), *_command(each, words)]) + "\n"
        for each in words.walk()
    }
    made["adpersist.toml.5"] = "\n".join([_title("adpersist.toml", 5, version, day), *_configuration(sample)]) + "\n"
    return made


def escaped(text: str) -> str:
    """Text that roff prints as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def _file(words: Words) -> str:
    return "-".join(["adpersist", *words.name.split()])


def _title(name: str, section: int, version: str, day: str) -> str:
    return f'.TH {name.upper()} {section} {day} "{_SOURCE} {version}" "adpersist"'


def _command(words: Words, root: Words) -> Iterator[str]:
    yield ".SH NAME"
    yield rf"{escaped(_file(words))} \- {escaped(words.summary.rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield rf"\fB{escaped(f'adpersist {words.name}'.strip())}\fR {_synopsis(words)}"
    yield ".SH DESCRIPTION"
    for paragraph in words.help:
        yield ".PP"
        yield _marked(paragraph)
    if words.commands:
        yield ".SH COMMANDS"
        for each in words.commands:
            yield from _item(rf"\fB{escaped(each.name)}\fR", each.summary)
    if any(each.help for each in words.arguments):
        yield ".SH ARGUMENTS"
        for argument in words.arguments:
            yield from _item(rf"\fI{escaped(argument.name)}\fR", argument.help)
    yield ".SH OPTIONS"
    for option in words.options:
        names = ", ".join(rf"\fB{escaped(name)}\fR" for name in option.names)
        value = rf" \fI{escaped(option.value)}\fR" if option.value else ""
        yield from _item(names + value, option.help + (" Required." if option.required else ""))
    yield from _item(r"\fB\-\-help\fR", "Print the help and exit.")
    yield ".SH SEE ALSO"
    others = [root, *root.commands] if words is not root else list(root.commands)
    yield ", ".join(rf"\fB{escaped(_file(each))}\fR(1)" for each in others if each is not words) + ","
    yield r"\fBadpersist.toml\fR(5), /usr/share/doc/adpersist"


def _synopsis(words: Words) -> str:
    required = [
        rf"\fB{escaped(each.names[0])}\fR \fI{escaped(each.value)}\fR" for each in words.options if each.required
    ]
    rest = [r"[\fIOPTIONS\fR]", *([r"\fICOMMAND\fR ..."] if words.commands else [])]
    arguments = [
        rf"\fI{escaped(each.name)}\fR" if each.required else rf"[\fI{escaped(each.name.strip('[]'))}\fR]"
        for each in words.arguments
    ]
    return " ".join([*required, *rest, *arguments])


def _item(head: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield head
    yield _marked(text)


def _marked(text: str) -> str:
    """What stands between back-quotes in bold."""
    parts = re.split(r"`([^`]*)`", text)
    shown = (rf"\fB{escaped(part)}\fR" if number % 2 else escaped(part) for number, part in enumerate(parts))
    return "".join(shown) or r"\&"


def _configuration(sample: str) -> Iterator[str]:
    yield ".SH NAME"
    yield r"adpersist.toml \- configuration of adpersist"
    yield ".SH DESCRIPTION"
    yield rf"\fB/etc/adpersist/adpersist.toml\fR, or what \fB{escaped('--config')}\fR or ADPERSIST_CONFIG names."
    yield ".PP"
    yield ".nf"
    yield from (escaped(line) or r"\&" for line in sample.splitlines())
    yield ".fi"
    yield ".SH SEE ALSO"
    yield rf"\fBadpersist\fR(1), \fB{escaped('adpersist-init')}\fR(1)"
