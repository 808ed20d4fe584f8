"""``adpersist verify``: compare DC and journal."""

import time
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded
from adpersist.cli.restore.restore import AttributeOption, ObjectOption, SubtreeOption, note_documents, note_words
from adpersist.directory.lineage.proof import require_own
from adpersist.errors import ExitCode


def verify(
    ctx: typer.Context,
    at: Annotated[
        str | None, typer.Option("--at", help="Point to compare with; the newest if left out.", metavar="POINT")
    ] = None,
    name: ObjectOption = None,
    subtree: SubtreeOption = False,
    attribute: AttributeOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the DC with the journal and list every difference. Writes nothing; exit code 2 when there are any.

    What this connection cannot compare, or nobody can restore, comes first; it does not count as a difference.
    """
    from adpersist.agent import connections
    from adpersist.restore.restoring import prepared, scoped
    from adpersist.restore.wanted import wanted_state

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    dc = connections.connect(settings)
    try:
        journal = connections.journal(settings, dc.identity)
        require_own(dc, journal)
        aim = wanted_state(journal, journal.resolve(at, now=time.time()) if at else None)
        with output.Bar(shown=not common.as_json) as bar:
            scope = scoped(dc, aim, name, below=subtree, attribute=attribute)
            restore = prepared(dc, aim, progress=bar, scope=scope)
            found = restore.verify()
        journal.close()
    finally:
        dc.close()
    if common.as_json:
        output.machine(
            {
                "at": aim.target,
                "differences": [
                    {"guid": output.guid(each.guid), "dn": each.dn, "attribute": each.attribute, "kind": each.kind}
                    for each in found
                ],
                "notes": note_documents(restore.notes),
            }
        )
        raise typer.Exit(int(ExitCode.DIFFERENCES if found else ExitCode.OK))
    note_words(restore.notes)
    if found:
        rows = ((each.kind, each.dn, each.attribute) for each in found)
        output.table(f"{len(found)} differences from commit {aim.target}", ("kind", "object", "attribute"), rows)
    else:
        output.say(f"No difference: the domain controller is what commit {aim.target} says.")
    raise typer.Exit(int(ExitCode.DIFFERENCES if found else ExitCode.OK))
