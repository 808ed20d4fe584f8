"""``adpersist mark``: name this point."""

import time
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded, opened_journal


def mark(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What to call it; later `--to @NAME` means this point.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name the journal's newest point, to restore to or compare with. Works while the agent runs; a name may move."""
    from adpersist.journal.holder import Role, new_writer

    common = common_options(ctx, config, as_json)
    with opened_journal(loaded(common)) as journal:
        seq = journal.mark(name.removeprefix("@"), writer=new_writer(Role.VISITOR), now=time.time())
    if common.as_json:
        output.machine({"mark": name.removeprefix("@"), "seq": seq})
    else:
        output.say(f"@{name.removeprefix('@')} is commit {seq}")
