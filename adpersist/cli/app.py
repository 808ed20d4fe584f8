"""All commands under one name."""

from typing import Annotated

import typer

from adpersist import __version__
from adpersist.cli.capture.agent import agent
from adpersist.cli.capture.init import init
from adpersist.cli.capture.mark import mark
from adpersist.cli.capture.status import status
from adpersist.cli.options import ConfigOption, JsonOption, common_options
from adpersist.cli.read.diff import diff
from adpersist.cli.read.export import export
from adpersist.cli.read.history import history
from adpersist.cli.read.log import log
from adpersist.cli.read.show import show
from adpersist.cli.restore.boot import boot
from adpersist.cli.restore.guard import guard
from adpersist.cli.restore.plan import plan
from adpersist.cli.restore.restore import restore
from adpersist.cli.restore.verify import verify
from adpersist.cli.upkeep.check import check
from adpersist.cli.upkeep.checkpoint import checkpoint
from adpersist.cli.upkeep.key import key
from adpersist.cli.upkeep.prune import prune

app = typer.Typer(
    name="adpersist",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Litestream for Active Directory.\n\n"
    "Streams every change of a domain controller into durable storage, notices when the controller was put back to an "
    "old image, and replays what was lost: same GUIDs, same SIDs, same passwords.\n\n"
    "Begin with `adpersist init`, keep `adpersist agent` running, and start every boot with `adpersist guard`.\n\n"
    "Exit codes: 0 done; 1 failure; 2 differences found; 3 fenced by another writer; 4 reverted and not restored; "
    "5 store unreachable; 6 directory unreachable; 7 bad configuration or usage; 8 integrity failure.",
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


for command in (
    init,
    agent,
    status,
    guard,
    boot,
    plan,
    restore,
    verify,
    log,
    show,
    history,
    mark,
    check,
    checkpoint,
    prune,
    export,
):
    app.command()(command)
app.command(context_settings={"ignore_unknown_options": True})(diff)  # `diff -2h @now`: a point is no option
app.add_typer(key)
