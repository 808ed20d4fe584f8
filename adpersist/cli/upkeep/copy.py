"""``adpersist copy``: the journal in another store."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded
from adpersist.errors import ConfigError

if TYPE_CHECKING:
    from adpersist.agent.upkeep.copying import OpenCopy, OpenMove
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
    move: Annotated[
        bool, typer.Option("--move", help="Have the journal go on there: this store says so, and takes no more writes.")
    ] = False,
    undo_move: Annotated[
        bool, typer.Option("--undo-move", help="Give up a move there that was not finished: it goes on here again.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --undo-move: also where the store there is lost, with what it had.")
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

    --move makes it the journal. All is copied first; then this store says where the journal went, and whatever would
    write here is refused from then on (exit code 3; reading goes on); in one step the other store becomes the journal.
    A running agent ends with 3. Killed anywhere, the journal goes on at one place or at none, and the same command
    finishes the move. Set `[store] url` then, in the machine's image, too. The way back is another --move, from there.

    Where the copy lies in another account, its credentials are ADPERSIST_COPY_AZURE_SAS and its like. A copy protects
    from the loss of a store, and with other credentials from who holds the first; keep a copy of the key, too.
    """
    from adpersist.agent.upkeep import copying

    common = common_options(ctx, config, as_json)
    if move + undo_move + follow > 1:
        raise ConfigError("--follow, --move and --undo-move exclude each other", hint="Say one of them.")
    if move or undo_move:
        with copying.opened_move(loaded(common), to, forgets=not append_only) as way:
            if undo_move:
                _print_undone(way, done=way.move.undo(sure=yes), as_json=common.as_json)
                return
            with output.Bar(shown=not common.as_json) as bar:
                bar.looking("copying checkpoints")
                moved = way.move.run(
                    now=time.time(), progress=lambda seq, last: bar.counting("copying commits", seq, last)
                )
        _print_moved(way, moved, as_json=common.as_json)
        return
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


def _print_moved(way: "OpenMove", done: "Copied", *, as_json: bool) -> None:
    if as_json:
        output.machine(
            {
                "to": way.location,
                "from": way.left,
                "journal": way.journal,
                "seq": done.seq,
                "commits": done.commits,
                "bytes": done.size,
                "changed": done.changed,
            }
        )
        return
    if done.changed:
        output.say(f"The journal goes on in {way.location}, from commit {done.seq}; {way.left} says so.")
    else:
        output.say(f"The journal was moved to {way.location} already.")
    output.say(f"Set `[store] url` to {way.location}, in the machine's image, too, and start the agent again.")


def _print_undone(way: "OpenMove", *, done: bool, as_json: bool) -> None:
    if as_json:
        output.machine({"to": way.location, "from": way.left, "journal": way.journal, "changed": done})
    elif done:
        output.say(f"The journal goes on in {way.left}; the move to {way.location} is given up.")
    else:
        output.say(f"The journal was not moved: it goes on in {way.left}.")
