"""``adpersist files``: SYSVOL and the local databases at a point."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import AtOption, ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.errors import ConfigError, PointError
from adpersist.model.files.file_state import FileKind, Place, written_path
from adpersist.system.standard_streams import while_read

if TYPE_CHECKING:
    from adpersist.journal.journal import Journal
    from adpersist.model.files.file_changes import Files
    from adpersist.model.identity.ids import Seq

files = typer.Typer(
    name="files",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="SYSVOL and the local databases, as the journal has them at a point.\n\n"
    "A path is relative to the share SYSVOL: corp.example/Policies/{GUID}/GPT.INI; a byte that is no UTF-8 is \\\\xff. "
    "`guard`, `boot` and `restore` put all of it back together with the directory; this is for one file or folder.",
)

PathArgument = Annotated[str, typer.Argument(help="A file or a folder, relative to the share SYSVOL.", metavar="PATH")]
PlaceOption = Annotated[
    Place,
    typer.Option(
        "--in",
        help="SYSVOL's files; whose Unix number is whose; what who may do; who may use a share; smb.conf; what "
        "`net conf` wrote.",
    ),
]


@files.callback()
def places(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Options before the subcommand's name."""
    common_options(ctx, config, as_json)


@files.command(name="list")
def list_files(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(help="Only what lies there and below.", metavar="[PATH]")] = "",
    place: PlaceOption = Place.SYSVOL,
    at: AtOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List files with permissions, owner, size and time. Reads only the store.

    The owner is shown by the SID that had that Unix number at the same point.
    """
    from adpersist.reading.text.file_text import below, document, owners, row

    common = common_options(ctx, config, as_json)
    with opened_journal(loaded(common)) as journal:
        point, found = files_at(journal, at)
    sids, shown = owners(found), list(below(found, place, written_path(path)))
    if common.as_json:
        output.machine({"at": point, "files": [document(each, sids) for each in shown]})
        return
    title = f"{len(shown)} {'files and folders' if place is Place.SYSVOL else 'entries'} at commit {point}"
    output.table(title, ("mode", "owner", "bytes", "modified", "path"), (row(each, sids) for each in shown))


@files.command()
def show(
    ctx: typer.Context,
    path: PathArgument,
    place: PlaceOption = Place.SYSVOL,
    content: Annotated[
        bool, typer.Option("--content", help="Write its content to standard output, byte by byte, and nothing else.")
    ] = False,
    at: AtOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one file: owner, permissions, attributes; or its content. Reads only the store."""
    from adpersist.reading.text.file_text import document, in_order, named, owners

    common = common_options(ctx, config, as_json)
    wanted = written_path(path)
    with opened_journal(loaded(common)) as journal:
        point, found = files_at(journal, at)
        state = named(found, place, wanted)
        if state is None:
            raise PointError(
                f"there is no {path} at commit {point}", hint="`adpersist files list --at POINT` lists what there is."
            )
        if content:
            if state.kind is not FileKind.FILE:
                raise ConfigError(f"{path} is a {state.kind} and has no content")
            for part in while_read(in_order(state.pieces, journal.content(point, state.pieces))):
                sys.stdout.buffer.write(part)
            sys.stdout.buffer.flush()
            return
    shown = {"at": point, **document(state, owners(found))}
    if common.as_json:
        output.machine(shown)
        return
    for name, value in shown.items():
        for line in value.items() if isinstance(value, dict) else [("", value)]:
            output.say(output.printable(f"{f'{name} {line[0]}'.rstrip():<28}  {line[1]}"))


@files.command()
def history(
    ctx: typer.Context,
    path: PathArgument,
    place: PlaceOption = Place.SYSVOL,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what happened to a file, or in a folder: when, and to what. Reads only the store.

    What a restore left behind is marked `abandoned`, and what that undid `taken-back`. A renamed file is gone under its
    old name, and created under the new one.
    """
    from adpersist.cli.read.log import abandoned
    from adpersist.reading.file_events import file_events
    from adpersist.reading.text.file_text import event_document, event_line

    common = common_options(ctx, config, as_json)
    with opened_journal(loaded(common)) as journal:
        told = [
            event_document(each, abandoned=abandoned(each.commit, journal.head))
            for each in file_events(journal, place, written_path(path))
        ]
    if not told:
        raise PointError(
            f"the journal tells of nothing at {path}", hint="`adpersist files list --at POINT` lists what there was."
        )
    if common.as_json:
        output.machine({"path": path, "events": told})
        return
    for event in told:
        output.say(output.printable(event_line(event)))


@files.command()
def restore(
    ctx: typer.Context,
    path: PathArgument,
    at: AtOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring one file or folder of SYSVOL to what it was at a point, with owner and permissions, on the running DC.

    What is there now is captured before it is overwritten, so that the way back is the same command with another
    --at. Whoever reads a file meanwhile has the old one or the new one, whole. On a DC that was put back run
    `adpersist guard` first.
    """
    from adpersist.agent import connections
    from adpersist.directory.lineage.proof import require_own
    from adpersist.journal.holder import visiting
    from adpersist.reading.text.file_text import difference_document, difference_row
    from adpersist.restore.files.some_files import restore_some_files, some_files

    common = common_options(ctx, config, as_json)
    settings, wanted = loaded(common), written_path(path).strip("/")
    with connections.connected_journal(settings) as (dc, journal):
        require_own(dc, journal)
        here = connections.local_files(settings, dc)
        if here is None:
            raise ConfigError(
                "SYSVOL cannot be reached from here, or [files] sysvol is off",
                hint="Run this as root on the domain controller; `adpersist init` says what it finds.",
            )
        point, _ = files_at(journal, at)
        if not yes:
            found = some_files(here, journal, point, [wanted]).differences
            rows = (difference_row(each) for each in found)
            if not common.as_json:
                output.table(f"{len(found)} differences from commit {point}", ("kind", "place", "path"), rows)
            if common.as_json or not typer.confirm("Make them what they were?"):
                raise ConfigError("nothing was written", hint="Add --yes to restore without being asked.")
        with visiting(journal.id) as writer, output.Bar(shown=not common.as_json) as bar:
            done = restore_some_files(dc, journal, writer, here, point, wanted, progress=bar)
    if common.as_json:
        output.machine({"at": point, "restored": [difference_document(each) for each in done.differences]})
    else:
        output.say(f"{len(done.differences)} files and folders were made what they were at commit {point}, and proven.")


def files_at(journal: "Journal", at: str | None) -> "tuple[Seq, Files]":
    """A point and its files. Raises: PointError: nobody had looked at files then."""
    point = journal.resolve(at, now=time.time())
    found = journal.files(point)
    if not found:
        raise PointError(
            f"at commit {point} nobody had looked at SYSVOL yet",
            hint="An agent captures it on the domain controller, unless [files] sysvol is off.",
        )
    return point, found
