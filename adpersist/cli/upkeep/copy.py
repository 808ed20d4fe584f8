"""``adpersist copy``: the journal in another store."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded

if TYPE_CHECKING:
    from adpersist.agent.upkeep.copying import OpenCopy
    from adpersist.journal.upkeep.copy import Copied


def copy(
    ctx: typer.Context,
    to: Annotated[
        str,
        typer.Option("--to", help="Store URL of the copy: sqlite:///path or azure://account/table.", metavar="URL"),
    ],
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on: keep the copy within seconds of the journal until stopped.")
    ] = False,
    append_only: Annotated[
        bool,
        typer.Option("--append-only", help="Delete nothing there: what the journal was pruned of stays as it lies."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the journal to another store, or bring the copy that is there up to date.

    The copy is the journal, commit by commit, sealed with the same key: to restore from it, or to move, name it as
    `[store] url`. Every commit is proven on its way, so damage is not carried over. The copy never names what is not
    there yet; killed anywhere, the same command goes on where it stopped. The agent may run. Another journal, and a
    copy that was written to by an agent of its own, are refused (exit code 7).

    Where the copy lies in another account, its credentials are ADPERSIST_COPY_AZURE_SAS and its like. A copy protects
    from the loss of a store, and with other credentials from who holds the first; keep a copy of the key, too.
    """
    from adpersist.agent.upkeep import copying

    common = common_options(ctx, config, as_json)
    with copying.opened(loaded(common), to, forgets=not append_only) as place:
        if follow:
            copying.follow(place.copy, lambda done: _print(place, done, as_json=common.as_json))
            return
        with output.Bar(shown=not common.as_json) as bar:
            bar.looking("copying checkpoints")
            done = place.copy.run(lambda seq, last: bar.counting("copying commits", seq, last))
    _print(place, done, as_json=common.as_json)


def _print(place: "OpenCopy", done: "Copied", *, as_json: bool) -> None:
    document: dict[str, Any] = {
        "to": place.location,
        "journal": place.journal,
        "seq": done.seq,
        "commits": done.commits,
        "bytes": done.size,
        "checkpoints": done.checkpoints,
        "changed": done.changed,
    }
    if as_json:
        output.machine(document)
    elif done.changed:
        output.say(
            f"{place.location} is a copy up to commit {done.seq} now: "
            f"{done.commits} commits, {done.size} bytes, and {done.checkpoints} checkpoints were copied."
        )
    else:
        output.say(f"{place.location} is a copy up to commit {done.seq} already.")
