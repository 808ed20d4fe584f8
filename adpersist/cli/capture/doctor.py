"""``adpersist doctor``: what stands in the way, and what mends it."""

from pathlib import Path
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options
from adpersist.errors import ExitCode


def doctor(
    ctx: typer.Context,
    key_copy: Annotated[
        Path | None,
        typer.Option("--key-copy", help="Prove that this file is a copy of the key.", metavar="PATH"),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for what stands in the way of capturing and healing here, and name the command that mends each.

    Rights, the key and its copy, the store's disk, Samba and the way a heal would take, clocks, the journal, the agent,
    units and their sandbox. Writes nothing; run it as root on the controller, at any time.

    Exit code: 0 when nothing is bad, warnings or not; 1 otherwise.
    """
    from adpersist import telemetry
    from adpersist.agent.doctor.examination import examined
    from adpersist.agent.doctor.finding import ORDER, Grade

    common = common_options(ctx, config, as_json)
    telemetry.configure(level="warning", as_json=False)
    found = []
    for each in examined(common.config, key_copy=key_copy):
        found.append(each)
        if not common.as_json:
            output.say(output.printable(f"{each.grade:<8} {each.about:<17} {each.says}"))
            if each.mend:
                output.say(output.printable(f"{'':<8} {'':<17} -> {each.mend}"))
    worst = max((each.grade for each in found), key=ORDER.index)
    if common.as_json:
        output.machine(
            {
                "grade": str(worst),
                "findings": [
                    {"about": each.about, "grade": str(each.grade), "says": each.says, "mend": each.mend or None}
                    for each in found
                ],
            }
        )
    raise typer.Exit(int(ExitCode.FAILURE if worst is Grade.BAD else ExitCode.OK))
