"""``adpersist checkpoint``: save a whole state, so that reading need not begin at the beginning."""

import time

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded, opened_journal


def checkpoint(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Store the whole state at the newest look beside the journal, sealed like it.

    Reading a state then begins there, and `prune` can let go of what lies before. The agent does this by itself, by
    `[journal] checkpoint_every_commits` and `checkpoint_every_bytes`. Disturbs no agent that runs; needs no DC.
    """
    from adpersist.agent.upkeep.checkpoints import write_checkpoint as write
    from adpersist.reading.rfc3339 import rfc3339

    common = common_options(ctx, config, as_json)
    with opened_journal(loaded(common)) as journal, output.Bar(shown=not common.as_json) as bar:
        last = journal.head.seq
        made = write(journal, now=time.time(), progress=lambda seq: bar.counting("reading the journal", seq, last))
    document = {
        "seq": made.seq,
        "time": rfc3339(made.time),
        "objects": made.objects,
        "parts": made.parts,
    }
    if common.as_json:
        output.machine(document)
    else:
        output.say(f"Checkpoint at commit {made.seq}: {made.objects} objects in {made.parts} parts.")
