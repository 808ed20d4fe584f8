"""``adpersist guard``: heal a reverted DC, once."""

from typing import Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, TakeOverOption, common_options, loaded_unattended
from adpersist.cli.restore.restore import (
    ConflictOption,
    EngineOption,
    ReportOption,
    outcome_document,
    outcome_words,
    report_writer,
    restart_where_needed,
)
from adpersist.errors import ExitCode
from adpersist.model.plan.terms import OnConflict, OnRevert

DifferencesOption = Annotated[
    bool,
    typer.Option(
        "--accept-differences", help="End the restore also where the DC refuses most of what was lost; it is listed."
    ),
]
OldImageOption = Annotated[
    bool,
    typer.Option(
        "--accept-old-image",
        help="Restore however old the image is, or the journal: see [restore] max_age_days and max_silence_days.",
    ),
]


def guard(
    ctx: typer.Context,
    on_revert: Annotated[
        OnRevert, typer.Option("--on-revert", help="What to do when the DC was put back to an older state.")
    ] = OnRevert.RESTORE,
    on_conflict: ConflictOption = OnConflict.JOURNAL,
    engine: EngineOption = None,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for a DC or a store that is away.", min=0)] = 0,
    accept_old_image: OldImageOption = False,
    accept_differences: DifferencesOption = False,
    take_over: TakeOverOption = False,
    report: ReportOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check once whether the DC was reverted; restore it if so. Exit code 0 only when it is proven right.

    Made for boot: run it before anybody else may reach the DC. On a DC that was not reverted it writes nothing. Exit
    code 2: it is restored but for what the DC will not take, which is listed here, in the journal and by the agent.
    """
    from adpersist.agent import connections
    from adpersist.agent.guard import GuardResult, GuardTerms
    from adpersist.agent.guard import guard as check
    from adpersist.stores.registry import with_room_made
    from adpersist.system.backoff import Backoff, Told, may_pass

    common = common_options(ctx, config, as_json)
    settings = loaded_unattended(common)
    terms = GuardTerms.of(
        settings,
        on_revert=on_revert,
        policy=on_conflict,
        engine=engine,
        accept_old_image=accept_old_image,
        accept_differences=accept_differences,
        take_over=take_over,
    )

    def once(bar: output.Bar) -> GuardResult:
        with connections.connected_journal(settings) as (dc, journal):
            files = connections.local_files(settings, dc)
            return check(dc, journal, terms, progress=bar, files=files, ended=report_writer(report))

    with output.Bar(shown=not common.as_json) as bar:

        def guarded() -> GuardResult:
            return with_room_made(settings.store.url, lambda: once(bar), spare_prune=True)[0]

        found = Backoff(budget_s=wait, first_s=0.1, waits_for=may_pass, on_wait=Told()).call(guarded)
    if found.outcome:
        restart_where_needed(settings, found.outcome)
    document: dict[str, Any] = {
        "lineage": str(found.lineage.verdict),
        "evidence": found.lineage.evidence,
        "proven": found.proven and not found.differs,
        "restored": outcome_document(found.outcome) if found.outcome else None,
    }
    if common.as_json:
        output.machine(document)
    else:
        output.say(f"Lineage: {found.lineage.verdict} ({found.lineage.evidence})")
        if found.outcome:
            outcome_words(found.outcome)
        elif found.files_left:
            output.say(f"{found.files_left} files and entries are still to be put back: `adpersist guard` on the DC.")
        elif not found.proven:
            output.say("Nothing was written. `adpersist plan` shows what was lost; `adpersist guard` restores it.")
    if not found.proven:
        raise typer.Exit(int(ExitCode.REVERTED))
    raise typer.Exit(int(ExitCode.DIFFERENCES if found.differs else ExitCode.OK))
