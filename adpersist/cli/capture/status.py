"""``adpersist status``: how far the journal is behind the DC."""

from typing import TYPE_CHECKING, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded
from adpersist.errors import ExitCode
from adpersist.model.journal.commit import Commit
from adpersist.model.journal.head import Head

if TYPE_CHECKING:
    from adpersist.config import Config


def status(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show lag, what is durable, lineage and the store's health; works while the agent runs.

    Exit code for monitoring: 0 well; 1 the lag is over [status] max_lag_s; 3 the journal was moved to another
    store; 4 the DC is not the journal's; 5 the store or 6 the directory does not answer; 8 the journal is damaged;
    9 the key is missing or wrong; 10 there is no journal.
    """
    from adpersist.agent import connections
    from adpersist.agent.status import status as measure
    from adpersist.journal.holder import is_held
    from adpersist.reading.rfc3339 import rfc3339

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    with connections.connected_journal(settings) as (dc, journal):
        found = measure(dc, journal)
    head = found.head
    document: dict[str, Any] = {
        "lag": {"usn": found.lag_usn, "seconds": round(found.lag_s, 3), "objects": found.pending},
        "durable": durable(head, found.durable_time),
        "lineage": str(found.lineage.verdict),
        "evidence": found.lineage.evidence,
        "phase": str(head.phase),
        "timeline": head.timeline,
        "store": "ok",
        "writer": {"host": head.writer.host, "pid": head.writer.pid},
        "restored": restored(found.restored),
        "files": {"left": head.files_left, "lag_s": files_lag(settings, head)},
        "image": image(head),
        "moved_to": head.gone_to,
        "quarantined": [
            {
                "guid": output.guid(each.guid),
                "dn": each.dn,
                "reason": each.reason,
                "time": rfc3339(each.time),
            }
            for each in head.quarantined
        ],
    }
    if common.as_json:
        output.machine(document)
    else:
        output.say(f"Lag       {found.lag_usn} USNs, {found.lag_s:.1f} s ({found.pending} objects)")
        when = "never" if found.durable_time is None else rfc3339(found.durable_time)
        output.say(f"Durable   commit {head.seq}, USN {document['durable']['usn']}, {when}")
        output.say(f"Lineage   {found.lineage.verdict}: {found.lineage.evidence}")
        output.say(
            f"Store     ok; timeline {head.timeline}, {head.phase}, {'' if is_held(head.writer) else 'last '}"
            f"held by {head.writer.pid}@{head.writer.host}"
        )
        if head.gone_to is not None:
            output.say(f"Moved     to {head.gone_to}: set `[store] url`; what is newer than this lies there")
        taken = document["image"]
        if taken is not None:
            output.say(
                f"Image     {taken['age_days']:.1f} days old, {taken['commits']} commits behind: `adpersist image show`"
            )
        if found.restored is not None and (left := found.restored.left_now(head.files_left)):
            output.say(
                f"Restored  at commit {found.restored.seq}, but for {left} differences: "
                f"`adpersist log --from {found.restored.seq} --to {found.restored.seq} --json` lists them"
            )
        behind = document["files"]["lag_s"]
        if behind is not None:
            output.say(f"Files     {behind:.1f} s behind in SYSVOL and the local databases, says the agent")
        if head.files_left:
            output.say(
                f"Files     {head.files_left} of SYSVOL and the local databases are still to be put back: "
                "`adpersist guard` goes on with them, and says what is in the way"
            )
        for each in head.quarantined:
            output.say(output.printable(f"Not read  {each.dn}: {each.reason}"))
    if head.gone_to is not None:
        raise typer.Exit(ExitCode.FENCED)
    raise typer.Exit(verdict_code(str(found.lineage.verdict), late=found.lag_s > settings.status.max_lag_s))


def files_lag(settings: "Config", head: Head) -> float | None:
    """How many seconds SYSVOL and the local databases are behind, by this DC's agent; None: it does not say.

    To find that out here would take reading all of them; `adpersist verify` does.
    """
    from adpersist.console.agent_word import agent_word
    from adpersist.model.identity.ids import guid_text

    said = agent_word(settings.health.listen) if settings.files.sysvol != "off" else None
    if said is None or said["server"] != guid_text(head.identity.server):
        return None
    lag: float | None = said["files_lag_s"]
    return lag


def image(head: Head) -> dict[str, Any] | None:
    """When the machine's image was taken; None where nobody noted it."""
    import time

    from adpersist.agent.image import DAY_S, image_age
    from adpersist.reading.rfc3339 import rfc3339

    found = image_age(head, time.time())
    if found is None:
        return None
    age_days = round(found.age_s / DAY_S, 3)
    return {"seq": found.mark.seq, "time": rfc3339(found.mark.time), "age_days": age_days, "commits": found.commits}


def restored(commit: Commit | None) -> dict[str, Any] | None:
    """How the last restore of everything ended."""
    from adpersist.reading.rfc3339 import rfc3339

    if commit is None:
        return None
    return {"seq": commit.seq, "time": rfc3339(commit.time), "to": commit.target, "left": commit.left_count}


def durable(head: Head, time: float | None) -> dict[str, Any]:
    """What is in the store for good."""
    from adpersist.reading.rfc3339 import rfc3339

    when = None if time is None else rfc3339(time)
    return {"seq": head.seq, "usn": head.position.usn if head.position else 0, "time": when}


def verdict_code(verdict: str, *, late: bool) -> int:
    """The exit code monitoring sees."""
    if verdict != "same":
        return int(ExitCode.REVERTED)
    return int(ExitCode.FAILURE if late else ExitCode.OK)
