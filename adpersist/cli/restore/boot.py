"""``adpersist boot -- CMD...``: what a unit file or a container starts instead of the DC."""

import os
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, TakeOverOption, common_options, loaded_unattended
from adpersist.cli.restore.guard import OldImageOption
from adpersist.cli.restore.restore import ConflictOption, EngineOption, ReportOption, report_writer
from adpersist.model.plan.terms import OnConflict, OnRevert


def boot(
    ctx: typer.Context,
    command: Annotated[
        list[str], typer.Argument(help="What starts the DC in the foreground: samba -F", metavar="CMD...")
    ],
    on_revert: Annotated[
        OnRevert, typer.Option("--on-revert", help="What to do when the DC was put back to an older state.")
    ] = OnRevert.RESTORE,
    on_conflict: ConflictOption = OnConflict.JOURNAL,
    engine: EngineOption = None,
    patience: Annotated[
        float,
        typer.Option("--patience", help="Seconds the DC may take to answer, and a store that is away.", min=1),
    ] = 120,
    accept_old_image: OldImageOption = False,
    take_over: TakeOverOption = False,
    report: ReportOption = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="When the DC stays closed, go on serving the reason until told to stop.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the DC where nobody reaches it, prove it or heal it, then start it for everyone.

    The DC first runs in a network of its own. Once it is what the journal says it is stopped, and this process becomes
    the command: the DC as everybody knows it. A DC that cannot be proven right stays closed; the exit code, the log
    and, while this runs, [health] listen say why. One odd value keeps nobody out: it is listed, and the DC opened,
    unless what is left gives somebody more than the journal does ([boot] open).
    """
    from adpersist.agent.boot.boot import boot as bring_up
    from adpersist.agent.guard import GuardTerms
    from adpersist.system.secrecy import environment_for_others

    common = common_options(ctx, config, as_json)
    settings = loaded_unattended(common)
    terms = GuardTerms.of(
        settings,
        on_revert=on_revert,
        policy=on_conflict,
        engine=engine,
        accept_old_image=accept_old_image,
        take_over=take_over,
    )
    with output.Bar(shown=not common.as_json) as bar:
        ended = report_writer(report)
        bring_up(settings, command, terms, patience_s=patience, stay=stay, progress=bar, ended=ended)
    os.execvpe(command[0], command, environment_for_others())  # noqa: S606 - the command is the administrator's own
