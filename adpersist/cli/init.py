"""``adpersist init``: everything a first run needs, and nothing twice."""

import time
from pathlib import Path
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, settle


def init(
    ctx: typer.Context,
    directory: Annotated[
        str, typer.Option("--directory", help="Directory URL: ldapi:///path/to/ldap_priv/ldapi", metavar="URL")
    ] = "",
    store: Annotated[
        str, typer.Option("--store", help="Store URL: sqlite:///path or azure://account/table", metavar="URL")
    ] = "",
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="Key file; made when it is not there.", metavar="PATH")
    ] = None,
    key_vault: Annotated[
        str,
        typer.Option(
            "--key-vault",
            help="Instead of a key file: the URL of a key in Azure Key Vault, https://NAME.vault.azure.net/keys/KEY.",
            metavar="URL",
        ),
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write configuration and key, create the journal, and say what can and cannot be captured.

    Safe to repeat: a key or journal that is there already is used, never replaced. Keep a copy of the key file
    somewhere else: without it nobody, you included, can read the journal.
    """
    from adpersist.agent.setup import Setup

    common = settle(ctx, config, as_json)
    report = Setup(common.config, directory=directory, store=store, key_file=key_file, key_vault=key_vault).run(
        now=time.time()
    )
    if common.as_json:
        output.machine(report.document())
        return
    for line in report.sentences():
        output.say(line)
