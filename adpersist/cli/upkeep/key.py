"""``adpersist key``: the keys that seal the journal."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.errors import ConfigError

if TYPE_CHECKING:
    from adpersist.agent.upkeep.key_change import NewKey, Rekeyed
    from adpersist.config import Config

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
    finish: Annotated[
        bool, typer.Option("--finish", help="Have the new key alone open the journal; the old one opens it no more.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --finish: the new key outlives a restart, though none was seen.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal with a new data key from the next commit on; or, with one of --new-key-..., change the key that wraps them.

    What was sealed before stays readable, and a running agent goes on. With --new-key-... the configuration is made to
    name the new key; if that run is cut off, the same command finishes it. From then on either key opens the journal:
    where the machine's disk goes back to an image, the new key and the configuration that names it go with it. Take the
    image anew, restart, and say `key rotate --finish`: then the old key opens nothing any more.

    Keep the old key for as long as you keep old copies of the store. If a key has leaked, do all of it: a new key,
    `--finish --yes`, restart the agent, then `key rotate`.
    """
    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    if finish:
        if new_key_file or new_key_vault or new_key_variable:
            raise ConfigError("a change of the key is begun or finished, not both", hint="Leave --finish out.")
        _finish(settings, sure=yes, as_json=common.as_json)
        return
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
    from adpersist.agent.upkeep import key_change
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
    else:
        _print(done, new, new.value or f"the variable {new_key_variable}")


def _print(done: "Rekeyed", new: "NewKey", where: str) -> None:
    output.say(f"Key         {done.key_id} in {where} ({'created' if new.created else 'was there'})")
    output.say(f"Journal     {done.journal} {'was opened by it before' if done.already else 'is opened by it too'}")
    if done.updated:
        output.say(f"Config      {done.updated} {'names it' if new.source else 'names no other'}")
    if done.todo:
        output.say(f"To do       {done.todo}")
    if new.source != "vault":
        output.say("\nKeep a copy of the new key away from this machine: without it the journal cannot be read.")
    output.say("Take the machine's image anew, restart, then: adpersist key rotate --finish")


def _finish(settings: "Config", *, sure: bool, as_json: bool) -> None:
    from adpersist.agent.upkeep import key_change

    done = key_change.finish(settings, sure=sure, now=time.time(), booted=key_change.booted_at())
    if as_json:
        output.machine({"finished": True, "journal": done.journal, "key_id": done.key_id, "retired": done.retired})
    elif done.retired:
        output.say(f"The key {done.key_id} alone opens journal {done.journal}; {done.retired} opens it no more.")
    else:
        output.say(f"Nothing to finish: the key {done.key_id} alone opens journal {done.journal}.")


@key.command()
def escrow(
    ctx: typer.Context,
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write it there, for its owner alone; no file is overwritten.", metavar="PATH"
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a recovery sheet: the key itself, and what a stranger needs to read the journal with it.

    Print it on paper or keep it in a safe, away from the machine and from the store: with the store it holds every
    password of the domain. `key check FILE` proves later that a kept sheet, or a copy of the key file, still is the
    right one. A key in a vault never leaves it: the sheet then says which one it is, and what keeps it from being lost.
    """
    from adpersist.agent.upkeep import escrow as sheets

    common = common_options(ctx, config, as_json)
    sheet = sheets.recovery_sheet(loaded(common), now=time.time())
    if output_file is not None:
        sheets.write(sheet, output_file)
    if common.as_json:
        output.machine(sheet.document(written=output_file))
    elif output_file is None:
        output.say(sheet.text)
    else:
        output.say(
            f"{output_file} holds the recovery sheet of journal {sheet.journal}. Keep it away from this machine."
        )


@key.command()
def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A copy of the key file, or a recovery sheet.", metavar="FILE")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that a kept copy of the key opens this journal; exit code 9 when it does not. Reads only the head."""
    from adpersist.agent.upkeep import escrow as sheets

    common = common_options(ctx, config, as_json)
    found = sheets.proven_copy(loaded(common), file)
    if common.as_json:
        output.machine({"opens": True, "journal": found.journal, "key_id": found.key_id, "newest": found.newest})
        return
    output.say(f"ok: {file} holds the key {found.key_id}, which opens journal {found.journal}.")
    if not found.newest:
        output.say("It is the old one of two: after `key rotate --finish` it opens the journal no more.")
