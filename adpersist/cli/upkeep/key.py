"""``adpersist key``: the keys that seal the journal."""

import time
from pathlib import Path
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.errors import ConfigError

key = typer.Typer(
    name="key",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The keys that seal the journal.\n\n"
    "Data keys seal commits and lie in the journal, wrapped by a key in a file, in Azure Key Vault or in the "
    "environment. Who has that key and the store reads everything; without it nobody does: keep a copy elsewhere.",
)


@key.callback()
def keys(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Options before the subcommand's name."""
    common_options(ctx, config, as_json)


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
    new_key_vault: Annotated[
        str,
        typer.Option("--new-key-vault", help="The same with a key in Azure Key Vault.", metavar="URL"),
    ] = "",
    new_key_variable: Annotated[
        str,
        typer.Option("--new-key-variable", help="The same with the key in this environment variable.", metavar="NAME"),
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal with a new data key from the next commit on; or, with one of --new-key-..., change the key that wraps them.

    What was sealed before stays readable, and a running agent goes on. With --new-key-... the configuration is made to
    name the new key; if that run is cut off, the same command finishes it. Keep the old key for as long as you keep old
    copies of the store. If a key has leaked, do both: a new key, restart the agent, then `key rotate`.
    """
    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    if sum(map(bool, (new_key_file, new_key_vault, new_key_variable))) > 1:
        raise ConfigError("more than one new key was named", hint="Name one: a file, a vault's key or a variable.")
    if not (new_key_file or new_key_vault or new_key_variable):
        with opened_journal(settings) as journal:
            head = journal.rotate_data_key(now=time.time())
        if common.as_json:
            output.machine({"rotated": "data key", "after": head.seq})
        else:
            output.say(f"A new data key seals every commit after {head.seq}.")
        return
    from adpersist.agent import key_change
    from adpersist.config import find

    path = find(common.config)
    key_change.require_writable(path)
    if new_key_file:
        new = key_change.in_file(new_key_file)
    elif new_key_vault:
        new = key_change.in_vault(new_key_vault, settings.key.vault_algorithm)
    else:
        new = key_change.in_variable(new_key_variable)
    done = key_change.rewrap(settings, path, new)
    if common.as_json:
        output.machine(
            {
                "rotated": "key",
                "journal": done.journal,
                "key_id": done.key_id,
                "created": new.created,
                "already": done.already,
                "config": str(done.updated) if done.updated else None,
                "todo": done.todo or None,
            }
        )
        return
    where = new.value or f"the variable {new_key_variable}"
    output.say(f"Key         {done.key_id} in {where} ({'created' if new.created else 'was there'})")
    output.say(f"Journal     {done.journal} {'had gone over to it already' if done.already else 'is opened by it now'}")
    if done.updated:
        output.say(f"Config      {done.updated} {'names it' if new.source else 'names no other'}")
    if done.todo:
        output.say(f"To do       {done.todo}")
    if new.source != "vault":
        output.say("\nKeep a copy of the new key away from this machine: without it the journal cannot be read.")
