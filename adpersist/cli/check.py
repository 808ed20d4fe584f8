"""``adpersist check``: prove the journal."""

from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, loaded, settle
from adpersist.errors import ExitCode
from adpersist.model.ids import Seq


def check(
    ctx: typer.Context,
    start: Annotated[int, typer.Option("--from", help="Begin at this commit.", min=1, metavar="SEQ")] = 1,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove chain, seals, head and checkpoints, and say what of a damaged journal can still be restored.

    Exit code 8 when anything is damaged. Classes: gap, corrupt, forged, store-behind.
    """
    from adpersist.agent import access
    from adpersist.journal.check import check_journal

    common = settle(ctx, config, as_json)
    settings = loaded(common)
    store = access.store(settings, None)
    verdict = check_journal(store, access.key(settings), after=Seq(start - 1))
    store.close()
    if common.as_json:
        output.machine(
            {
                "commits": verdict.commits,
                "bytes": verdict.size,
                "findings": [
                    {
                        "class": str(each.damage),
                        "part": str(each.part),
                        "first": each.first,
                        "last": each.last,
                        "message": each.message,
                    }
                    for each in verdict.findings
                ],
                "restorable": [{"after": span.after, "through": span.through} for span in verdict.restorable],
            }
        )
    elif verdict.findings:
        rows = ((str(e.damage), str(e.part), f"{e.first}-{e.last}", e.message) for e in verdict.findings)
        output.table(f"{len(verdict.findings)} places are damaged", ("class", "part", "commits", "what"), rows)
        spans = ", ".join(f"{span.after + 1}-{span.through}" for span in verdict.restorable) or "none"
        output.say(f"Still restorable: {spans}")
    else:
        output.say(
            f"ok: {verdict.commits} commits, {verdict.size} bytes, chain, seals and head are as they were written."
        )
    raise typer.Exit(int(ExitCode.INTEGRITY if verdict.findings else ExitCode.OK))
