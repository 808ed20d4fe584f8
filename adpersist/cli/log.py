"""``adpersist log``: what the journal holds."""

from collections import Counter, deque
from typing import Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, loaded, opened_journal, settle
from adpersist.model.commit import Commit


def log(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", help="So many commits at most (0: all).", min=0)] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List commits, newest first: number, time, kind, timeline, what changed, size. Reads the journal alone."""
    common = settle(ctx, config, as_json)
    with opened_journal(loaded(common)) as journal:
        rows = deque((_row(each) for each in journal.commits(after=journal.head.pruned)), maxlen=limit or None)
    rows.reverse()
    if common.as_json:
        output.machine(list(rows))
        return
    output.table(
        f"{len(rows)} commits, newest first",
        ("seq", "time", "kind", "timeline", "USN", "changes", "bytes"),
        (
            (
                str(row["seq"]),
                row["time"],
                row["kind"] + (f" @{row['mark']}" if row["mark"] else ""),
                str(row["timeline"]),
                str(row["usn"] or ""),
                ", ".join(f"{count} {kind}" for kind, count in row["changes"].items()),
                str(row["bytes"]),
            )
            for row in rows
        ),
    )


def _row(commit: Commit) -> dict[str, Any]:
    from adpersist.agent.status import moment

    return {
        "seq": commit.seq,
        "time": moment(commit.time),
        "kind": str(commit.kind),
        "timeline": commit.timeline,
        "usn": commit.usn_to,
        "changes": dict(Counter(str(change.kind) for change in commit.changes)),
        "mark": commit.mark,
        "target": commit.target,
        "bytes": commit.size,
    }
