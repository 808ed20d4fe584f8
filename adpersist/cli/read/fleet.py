"""``adpersist fleet``: every journal in a store."""

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from adpersist.cli import output
from adpersist.cli.options import CommonOptions, ConfigOption, JsonOption, common_options, loaded
from adpersist.errors import ConfigError, ExitCode, KeyMissingError, NoJournalError
from adpersist.reading.text.age_text import SILENT_AFTER, age_s

if TYPE_CHECKING:
    from adpersist.config import Config
    from adpersist.journal.keys.key_encryption import KeyEncryption
    from adpersist.reading.fleet import Member

_CODES: Final = {
    "damaged": ExitCode.INTEGRITY,
    "unreadable": ExitCode.STORE_UNREACHABLE,
    "broken off": ExitCode.REVERTED,
    "restoring": ExitCode.FAILURE,
    "silent": ExitCode.FAILURE,
    "clock": ExitCode.FAILURE,
    "beginning": ExitCode.FAILURE,
    "well": ExitCode.OK,
    "moved": ExitCode.OK,
}
"""What monitoring is to see of each, the worst first."""


def fleet(
    ctx: typer.Context,
    store: Annotated[
        str,
        typer.Option(
            "--store",
            help="Where the journals lie: azure://account/table, sqlite:///file, or sqlite:///directory for all files "
            "there. Left out: the configured store.",
            metavar="URL",
        ),
    ] = "",
    key_file: Annotated[
        list[Path] | None,
        typer.Option("--key-file", help="A key to read names with; may be given several times.", metavar="PATH"),
    ] = None,
    silent_after: Annotated[
        str,
        typer.Option(
            "--silent-after",
            help="Silent is what was not heard of for so long (s, m, h, d, w): longer than a beat; off: nothing is.",
            metavar="AGE",
        ),
    ] = SILENT_AFTER,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Also add up the bytes of the commits, which reads them all.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every journal in a store: whose it is, whether somebody captures, and up to when it is whole.

    Asks no domain controller and writes nothing: a workstation with credentials that may only read will do. Names, and
    proof of what is shown, need the key: that of --key-file, of the configuration, or of ADPERSIST_KEY.

    Exit code for monitoring: 0 all are well; 8 one is damaged; 5 one cannot be read; 4 a restore was broken off;
    1 one is silent, or not captured for another reason.
    """
    from adpersist.reading.fleet import Terms, survey
    from adpersist.reading.text.fleet_text import member_document
    from adpersist.stores.finding import find_journals

    quiet_s = age_s(silent_after)
    common = common_options(ctx, config, as_json)
    settings = _settings(common, store)
    url = store or (settings.store.url if settings else "")
    if not url:
        raise ConfigError("no store is configured", hint="Set [store] url, ADPERSIST_STORE_URL or --store.")
    keys, problem = _keys(settings, key_file or [])
    found = find_journals(url)
    if not found:
        raise NoJournalError(f"{url} holds no journal", hint="Correct the store URL, or run `adpersist init` on a DC.")
    terms = Terms(keys=keys, now=time.time(), silent_after_s=quiet_s, sizes=sizes)
    with output.Bar(shown=not common.as_json) as bar:
        members = survey(found, terms, partial(bar.counting, "reading journals"))
    if common.as_json:
        output.machine({"store": url, "key_problem": problem, "journals": [member_document(each) for each in members]})
    else:
        _print(url, members, problem)
    raise typer.Exit(int(next(code for name, code in _CODES.items() if any(each.standing == name for each in members))))


def _settings(common: CommonOptions, store: str) -> "Config | None":
    """The configuration; None where this user may read none and the store was named, as on a workstation."""
    from adpersist.config import find

    if store and common.config is None and not os.access(find(None), os.R_OK, effective_ids=True):
        return None
    return loaded(common)


def _keys(settings: "Config | None", files: list[Path]) -> "tuple[list[KeyEncryption], str | None]":
    """The keys at hand, and why there is none, where a configured one cannot be had: names are missing then."""
    from adpersist.agent import connections
    from adpersist.config import from_environment
    from adpersist.journal.keys.key_file import read_key_file

    keys: list[KeyEncryption] = [read_key_file(file) for file in files]
    try:
        keys.append(connections.key(settings or from_environment(os.environ)))
    except KeyMissingError as error:
        return keys, None if keys else error.message
    return keys, None


def _print(url: str, members: "list[Member]", problem: str | None) -> None:
    from adpersist.reading.rfc3339 import rfc3339

    def when(seconds: float | None) -> str:
        return "-" if seconds is None else rfc3339(seconds).partition(".")[0] + "Z"

    sized = any(member.size is not None for member in members)
    output.table(
        f"{len(members)} {'journal' if len(members) == 1 else 'journals'} in {output.printable(url)}",
        ("DC", "verdict", "durable to", "last heal", "oldest point", "commits", *(("MB",) if sized else ()), "key"),
        (
            (
                member.dns_name or member.journal or member.store,
                str(member.standing),
                when(member.durable),
                when(member.healed),
                when(member.oldest_time),
                "-" if member.commits is None else str(member.commits),
                *(("-" if member.size is None else f"{member.size / 1e6:.1f}",) if sized else ()),
                f"{member.key[-16:] or '-'}{'' if member.opened or not member.key else ' (not at hand)'}",
            )
            for member in members
        ),
    )
    for member in members:
        name = member.dns_name or member.journal or member.store
        if member.standing != "well":
            output.say(output.printable(f"{name}: {member.why}"))
        if member.left:
            output.say(
                output.printable(f"{name}: the last heal left {member.left} differences; `adpersist status` there")
            )
        if member.quarantined:
            output.say(
                output.printable(f"{name}: {member.quarantined} objects cannot be read; `adpersist status` there")
            )
    if problem:
        output.say(f"Names need the key: {problem}")
