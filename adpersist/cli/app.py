"""All commands under one name. The module of a command is imported when that command is asked for."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from adpersist import __version__
from adpersist.cli.options import ConfigOption, JsonOption, common_options

if TYPE_CHECKING:  # typer exports neither
    from typer._click import Command, Context

COMMANDS: Final[Mapping[str, str]] = {
    "init": "Write configuration and key, create the journal, and say what can and cannot be captured.",
    "agent": "Capture every change of the domain controller until stopped.",
    "status": "Show lag, what is durable, lineage and the store's health; works while the agent runs.",
    "doctor": "Look for what stands in the way of capturing and healing here, and name the command that mends each.",
    "guard": "Check once whether the DC was reverted; restore it if so. Exit code 0 only when it is proven right.",
    "boot": "Start the DC where nobody reaches it, prove it or heal it, then start it for everyone.",
    "plan": "Show the steps a restore would take, in order, with the reason for each. Writes nothing.",
    "restore": "Plan, apply and verify until the DC is what the journal says. Can be killed anywhere and run again.",
    "verify": "Compare the DC with the journal and list every difference. "
    "Writes nothing; exit code 2 when there are any.",
    "log": "List the journal's commits, newest first, each verified before it is shown. Reads only the store.",
    "show": "Show one object as the journal has it: name, identity, attributes, links, and who links to it.",
    "history": "Tell what happened to one object: when, what to what, and who wrote it where replication says so.",
    "mark": "Name the journal's newest point, to restore to or compare with. "
    "Works while the agent runs; a name may move.",
    "image": "The machine's golden image: note when it is taken, and see how far it is behind.",
    "check": "Prove chain, seals, head and checkpoints, and say what of a damaged journal can still be restored.",
    "checkpoint": "Store the whole state at the newest look beside the journal, sealed like it.",
    "prune": "Forget commits that no kept point needs: every point of the last AGE can still be restored afterwards.",
    "copy": "Copy the journal to another store, or bring the copy that is there up to date.",
    "report": "Tell a restore, or a span of time, from the journal: for people, as a page, or as JSON.",
    "console": "Serve pages about the journal to a browser on this machine, until stopped.",
    "export": "Write the whole directory as of a point: every living object, containers before what lies in them.",
    "diff": "List what differs between two points: objects and, attribute by attribute, both values, and who wrote.",
    "fleet": "List every journal in a store: whose it is, whether somebody captures, and up to when it is whole.",
    "alerts": "Tell somebody when something in the directory should be looked at.",
    "key": "The keys that seal the journal.",
    "files": "SYSVOL and the local databases, as the journal has them at a point.",
}
"""What ``adpersist --help`` says of each, in its order: the first line of the command's own help."""

_ROOMS: Final[Mapping[str, tuple[str, ...]]] = {
    "capture": ("init", "agent", "status", "doctor", "mark", "image"),
    "restore": ("guard", "boot", "plan", "restore", "verify"),
    "read": ("log", "show", "history", "diff", "report", "console", "export", "fleet"),
    "files": ("files",),
    "upkeep": ("check", "checkpoint", "prune", "copy", "alerts", "key"),
}
"""Where the module of each command lies."""

_POINTS_ARE_NO_OPTIONS: Final = {"ignore_unknown_options": True}
"""``diff -2h @now``"""


class Commands(TyperGroup):
    """Every command by its name; its module is imported when it is to run or to show its help."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(**attributes)
        for name, summary in COMMANDS.items():
            self.add_command(TyperCommand(name, short_help=summary))

    def resolve_command(self, ctx: "Context", args: list[str]) -> "tuple[str | None, Command | None, list[str]]":
        """The command that the words begin with, and the words behind it."""
        _refuse_empty(args)
        name, listed, rest = super().resolve_command(ctx, args)
        return name, imported(listed.name) if listed and listed.name else None, rest


def _refuse_empty(words: Sequence[str]) -> None:
    """What is not said narrows nothing: with an empty --attribute all would be restored. Raises: typer.BadParameter."""
    for before, word in pairwise(("", *takewhile(lambda each: each != "--", words))):
        option, is_value, value = word.partition("=")
        if not word.strip() or (word.startswith("--") and is_value and not value.strip()):
            after = option if is_value else before
            message = f"nothing stands after {after}" if after else "a word is empty"
            raise typer.BadParameter(f"{message}: is a variable of a script not set?")


def module_of(name: str) -> str:
    """The module that holds a command."""
    room = next(room for room, names in _ROOMS.items() if name in names)
    return f"adpersist.cli.{room}.{name}"


def imported(name: str) -> "Command":
    """A command, whole."""
    found: typer.Typer | Callable[..., None] = getattr(import_module(module_of(name)), name)
    if isinstance(found, typer.Typer):
        return get_command(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(context_settings=_POINTS_ARE_NO_OPTIONS if name == "diff" else None)(found)
    return get_command(alone)


app = typer.Typer(
    name="adpersist",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: drawing it with boxes costs more than all else a command does to start
    help="Litestream for Active Directory.\n\n"
    "Streams every change of a domain controller into durable storage, notices when the controller was put back to an "
    "old image, and replays what was lost: same GUIDs, same SIDs, same passwords.\n\n"
    "Begin with `adpersist init`, keep `adpersist agent` running, and start every boot with `adpersist guard`.\n\n"
    "Exit codes: 0 done; 1 failure; 2 differences found; 3 fenced by another writer; 4 reverted and not restored; "
    "5 store unreachable; 6 directory unreachable; 7 bad configuration or usage; 8 integrity failure; "
    "9 wrong or missing key; 10 no journal there; 11 store full.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def common(
    ctx: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Options that every command takes, here or after its name."""
    common_options(ctx, config, as_json)
