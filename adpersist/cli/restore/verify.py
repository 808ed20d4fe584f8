"""``adpersist verify``: compare DC and journal."""

import time
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded
from adpersist.cli.restore.restore import (
    AttributeOption,
    ObjectOption,
    SubtreeOption,
    half_policy_words,
    note_documents,
    note_words,
)
from adpersist.directory.lineage.proof import require_own
from adpersist.errors import ExitCode


def verify(
    ctx: typer.Context,
    at: Annotated[
        str | None, typer.Option("--at", help="Point to compare with; the newest if left out.", metavar="POINT")
    ] = None,
    names: ObjectOption = None,
    subtree: SubtreeOption = False,
    attribute: AttributeOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the DC with the journal and list every difference. Writes nothing; exit code 2 when there are any.

    SYSVOL and the local databases too, on the DC's own machine; with --object and --subtree the files of
    the group policies among them. What this
    connection cannot compare, or nobody can restore, comes first; it does not count as a difference.
    """
    from adpersist.agent import connections
    from adpersist.reading.policies.halves import HalfPolicy
    from adpersist.reading.text.file_text import difference_document, difference_row
    from adpersist.reading.text.policy_text import half_document
    from adpersist.restore.convergence.convergence import Convergence
    from adpersist.restore.files.files_back import verify_files
    from adpersist.restore.files.policy_files import policy_differences
    from adpersist.restore.files.stale_policies import halves_at
    from adpersist.restore.wanted import wanted_state, within_scope

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    with connections.connected_journal(settings) as (dc, journal):
        require_own(dc, journal)
        wanted = wanted_state(journal, journal.resolve(at, now=time.time()) if at else None)
        with output.Bar(shown=not common.as_json) as bar:
            wanted = within_scope(dc, wanted, names or (), below=subtree, attribute=attribute)
            convergence = Convergence(dc, wanted, progress=bar)
            found = convergence.verify()
            files, half = None, list[HalfPolicy]()
            if (here := connections.local_files(settings, dc)) is not None:
                bar.looking("looking at SYSVOL")
                everything = wanted.scope.is_everything
                files = (
                    verify_files(here, journal, wanted.target)
                    if everything
                    else policy_differences(here, journal, wanted, convergence.seen)
                )
                half = halves_at(journal, wanted)
    if common.as_json:
        output.machine(
            {
                "at": wanted.target,
                "differences": [output.difference(each) for each in found],
                "notes": note_documents(convergence.notes),
                "files": [difference_document(each) for each in files] if files is not None else None,
                "half_policies": [half_document(each) for each in half],
            }
        )
        raise typer.Exit(int(ExitCode.DIFFERENCES if found or files else ExitCode.OK))
    note_words(convergence.notes)
    if found:
        rows = ((each.kind, each.dn, each.attribute) for each in found)
        output.table(f"{len(found)} differences from commit {wanted.target}", ("kind", "object", "attribute"), rows)
    if files:
        title = f"{len(files)} differences of SYSVOL and the local databases from commit {wanted.target}"
        output.table(title, ("kind", "place", "path"), (difference_row(each) for each in files))
    half_policy_words(half, wanted.target)
    if not found and not files:
        output.say(f"No difference: the domain controller is what commit {wanted.target} says.")
    raise typer.Exit(int(ExitCode.DIFFERENCES if found or files else ExitCode.OK))
