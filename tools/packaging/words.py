"""The command line as its own help has it: the one source of manual pages and completions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from typer.core import TyperGroup
from typer.main import get_command

from adpersist.cli.app import COMMANDS, app, imported

if TYPE_CHECKING:  # typer exports neither
    from typer._click.core import Command, Parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option.

    Attributes:
        names: ``--config``, ``-c``.
        value: What follows it, as the help calls it; empty: nothing does.
        choices: The only values it takes; empty: any.
        is_path: Its value names a file.
        required: The command does not run without it.
        help: What it does.
    """

    names: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    is_path: bool
    required: bool
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A word of a command's own.

    Attributes:
        name: As the help calls it.
        required: The command does not run without it.
        help: What it is.
    """

    name: str
    required: bool
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A command and what may follow it.

    Attributes:
        name: ``key rotate``; empty for adpersist itself.
        help: Paragraphs; the first one is what lists say of it.
        arguments: In order.
        options: In order.
        commands: Those below it.
    """

    name: str
    help: tuple[str, ...]
    arguments: tuple[Argument, ...]
    options: tuple[Option, ...]
    commands: tuple[Words, ...] = ()

    @property
    def summary(self) -> str:
        """What lists say of it."""
        return self.help[0] if self.help else ""

    def walk(self) -> Iterator[Words]:
        """This one, and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def all_words() -> Words:
    """adpersist and every command."""
    root = get_command(app)
    return _words("", root, [(name, imported(name)) for name in COMMANDS])


def _words(name: str, command: Command, below: list[tuple[str, Command]]) -> Words:
    parameters = [each for each in command.params if not getattr(each, "hidden", False)]
    return Words(
        name=name,
        help=tuple(" ".join(part.split()) for part in (command.help or "").split("\n\n") if part.strip()),
        arguments=tuple(_argument(each) for each in parameters if each.param_type_name == "argument"),
        options=tuple(_option(each) for each in parameters if each.param_type_name == "option"),
        commands=tuple(
            _words(
                f"{name} {word}".strip(),
                each,
                list(each.commands.items()) if isinstance(each, TyperGroup) else [],
            )
            for word, each in below
        ),
    )


def _argument(parameter: Parameter) -> Argument:
    name = parameter.metavar or (parameter.name or "").upper()
    return Argument(name=name, required=parameter.required, help=_help(parameter))


def _option(parameter: Parameter) -> Option:
    choices = tuple(str(each) for each in getattr(parameter.type, "choices", ()))
    flag = bool(getattr(parameter, "is_flag", False))
    kind = parameter.type.name.upper()
    value = "" if flag else parameter.metavar or ("|".join(choices) if choices else kind)
    return Option(
        names=(*parameter.opts, *parameter.secondary_opts),
        value=value,
        choices=choices,
        is_path=value == "PATH" or kind in ("PATH", "FILE"),
        required=parameter.required,
        help=_help(parameter),
    )


def _help(parameter: Parameter) -> str:
    return " ".join((getattr(parameter, "help", None) or "").split())


REPOSITORY = Path(__file__).resolve().parents[2]
