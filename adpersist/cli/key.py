"""``adpersist key``: the keys that seal the journal."""

import time
from pathlib import Path
from typing import Annotated

import typer

from adpersist import config as configuration
from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, loaded, opened_journal, settle

key = typer.Typer(
    name="key",
    no_args_is_help=True,
    help="The keys that seal the journal.\n\n"
    "Data keys seal commits and lie in the journal, wrapped by the key in the key file. Who has the key file and the "
    "store reads everything; without it nobody does: keep a copy elsewhere.",
)


@key.callback()
def keys(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Options before the subcommand's name."""
    settle(ctx, config, as_json)


@key.command()
def rotate(
    ctx: typer.Context,
    new_key_file: Annotated[
        Path | None,
        typer.Option(
            "--new-key-file",
            help="Wrap the data keys with the key in this file from now on; made when it is not there.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal with a new data key from the next commit on; or, with --new-key-file, change the key file.

    What was sealed before stays readable, and a running agent goes on. With --new-key-file the configuration is made to
    name the new file; if that run is cut off, the same command finishes it. Keep the old key file for as long as you
    keep old copies of the store. If a key has leaked, do both: a new key file, restart the agent, then `key rotate`.
    """
    common = settle(ctx, config, as_json)
    settings = loaded(common)
    if new_key_file is None:
        with opened_journal(settings) as journal:
            head = journal.rotate_data_key(now=time.time())
        if common.as_json:
            output.machine({"rotated": "data key", "after": head.seq})
        else:
            output.say(f"A new data key seals every commit after {head.seq}.")
        return
    from adpersist.agent.rekey import rewrap

    done = rewrap(settings, configuration.find(common.config), new_key_file)
    if common.as_json:
        output.machine(
            {
                "rotated": "key file",
                "journal": done.journal,
                "key_id": done.key_id,
                "created": done.created,
                "already": done.already,
                "config": str(done.updated) if done.updated else None,
                "todo": done.todo or None,
            }
        )
        return
    output.say(f"Key         {done.key_id} in {new_key_file.absolute()} ({'created' if done.created else 'was there'})")
    output.say(f"Journal     {done.journal} {'had gone over to it already' if done.already else 'is opened by it now'}")
    if done.updated:
        output.say(f"Config      {done.updated} names it")
    if done.todo:
        output.say(f"To do       {done.todo}")
    output.say("\nKeep a copy of the new key file away from this machine: without it the journal cannot be read.")
