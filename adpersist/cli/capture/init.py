"""``adpersist init``: everything a first run needs, and nothing twice."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import CommonOptions, ConfigOption, JsonOption, common_options


def init(
    ctx: typer.Context,
    directory: Annotated[
        str,
        typer.Option(
            "--directory", help="Directory URL: ldapi:///path/to/ldap_priv/ldapi, ldaps://host", metavar="URL"
        ),
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
    user: Annotated[
        str, typer.Option("--user", help="Over the network: who logs in. Left out: by Kerberos.", metavar="USER@DOMAIN")
    ] = "",
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="The user's password.", metavar="PATH")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", help="The authority of the DC's certificate.", metavar="PATH")
    ] = None,
    supersede: Annotated[
        bool,
        typer.Option("--supersede", help="The journal that watches this DC so far is given up; its agent is stopped."),
    ] = False,
    smb_conf: Annotated[
        Path | None,
        typer.Option(
            "--smb-conf",
            help="The smb.conf that Samba runs with, where it is in no usual place: says where SYSVOL lies.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="Ask nothing: for what is not said, take the domain controller that runs here, "
            "sqlite:///var/lib/adpersist/journal.db, and a key file beside the configuration.",
        ),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write configuration and key, create the journal, and say what can and cannot be captured.

    At a terminal it asks for what no option, no variable and no configuration says, with an answer for each that
    Enter takes. Elsewhere it asks nothing: `--yes` takes those answers.

    Safe to repeat: a key or journal that is there already is used, never replaced. Keep a copy of the key file
    somewhere else: without it nobody, you included, can read the journal.
    """
    from adpersist.agent.initialization import Initialization
    from adpersist.config import DirectorySection

    common = common_options(ctx, config, as_json)
    directory, store, key_file = _completed(common, directory, store, key_file, key_vault, yes=yes)
    given = DirectorySection(url=directory, user=user, password_file=password_file, ca_file=ca_file)
    report = Initialization(
        common.config,
        directory=given,
        store=store,
        key_file=key_file,
        key_vault=key_vault,
        supersede=supersede,
        smb_conf=smb_conf,
    ).run(now=time.time())
    if common.as_json:
        output.machine(report.document())
        return
    for line in report.sentences():
        output.say(line)


def _completed(
    common: CommonOptions, directory: str, store: str, key_file: Path | None, key_vault: str, *, yes: bool
) -> tuple[str, str, Path | None]:
    """Directory, store and key file, where nothing says them: as answered, or with ``--yes`` as usual."""
    from adpersist import config as configuration
    from adpersist.agent import usual_places
    from adpersist.agent.initialization import known_configuration
    from adpersist.cli.capture import questions

    known = known_configuration(common.config)
    asks = not yes and not common.as_json and questions.somebody_is_there()
    if not yes and not asks:
        return directory, store, key_file
    url = directory or known.directory.url
    if not url:
        url = directory = questions.ask_directory() if asks else usual_places.directory_url()
    if not (store or known.store.url):
        store = questions.ask_store(url) if asks else usual_places.STORE
    if asks and not (key_file or key_vault or known.key.file or known.key.vault or os.environ.get("ADPERSIST_KEY")):
        key_file = questions.ask_key_file(configuration.find(common.config).parent / "key")
    return directory, store, key_file
