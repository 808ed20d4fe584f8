"""``adpersist console``: look at the journal with a browser."""

import sys
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded
from adpersist.errors import ConfigError


def console(
    ctx: typer.Context,
    listen: Annotated[
        str, typer.Option("--listen", help="Loopback address; port 0 takes a free one.", metavar="HOST:PORT")
    ] = "127.0.0.1:9390",
    login: Annotated[
        bool,
        typer.Option(
            "--login", help="Only print an address that signs in once, within a minute, at a running console."
        ),
    ] = False,
    allow_restore: Annotated[
        bool,
        typer.Option(
            "--allow-restore",
            help="Let who signed in by a code, or is an operator, take objects back to a point: with a plan, and a "
            "typed number. Needs what `adpersist restore` needs.",
        ),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve pages about the journal to a browser on this machine, until stopped.

    Overview, changes, every object as of any time with its history, two points compared, restores; each page is a URL
    that ends in `.json` for machines. It reads the store, and writes there who signed in, looked and took back, as
    `log --kind use` tells; without --allow-restore nothing else is written anywhere. Whoever opens the address it
    prints is signed in, once; `--login` gives another. Members of the groups that `[console] viewers`
    and `operators` name sign in with their own passwords. From elsewhere, come through SSH:
    `ssh -L 9390:127.0.0.1:9390 root@dc1`. Needs the extra: `pip install 'adpersist[console]'`.
    """
    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    try:
        from adpersist.console.web.access.listening import Address
        from adpersist.console.web.server import new_login, serve
        from adpersist.console.web.undo import Undo
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the console needs {error.name}, which is not installed",
            hint="/opt/adpersist/bin/pip install 'adpersist[console]'",
        ) from error
    address = Address.of(listen)
    if login:
        url = new_login(address)
        output.machine({"login_url": url}) if common.as_json else output.say(url)
        return

    def listening(url: str, login_url: str) -> None:
        if common.as_json:
            sys.stdout.write(output.json_text({"url": url, "login_url": login_url}) + "\n")
        else:
            output.say(f"The console is at {url}; sign in once, within ten minutes, by opening\n  {login_url}")
        sys.stdout.flush()

    program = [sys.executable, "-m", "adpersist", *(("--config", str(common.config)) if common.config else ())]
    undo = Undo(program) if allow_restore else None
    with output.Bar(shown=not common.as_json) as bar:

        def reading(done: int, of: int) -> None:
            bar.counting("reading", done, of)
            if done == of:
                bar.__exit__()

        serve(settings, address, listening=listening, told=reading, undo=undo)
