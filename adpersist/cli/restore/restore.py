"""``adpersist restore``: bring the DC to what the journal says."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, TakeOverOption, common_options, loaded
from adpersist.directory.lineage.proof import lineage_of, require_own
from adpersist.errors import ConfigError, ExitCode
from adpersist.model.journal.lineage import Verdict
from adpersist.model.plan.engine import Engine
from adpersist.model.plan.terms import Keep, OnConflict, Terms

if TYPE_CHECKING:
    from adpersist.agent.guard import Ended
    from adpersist.config import Config
    from adpersist.model.plan.conflict import Conflict
    from adpersist.model.plan.difference import Difference
    from adpersist.reading.policies.halves import HalfPolicy
    from adpersist.restore.files.files_back import FilesOutcome
    from adpersist.restore.files.stale_policies import StalePolicy
    from adpersist.restore.outcome import RestoreOutcome
    from adpersist.restore.plan.limitations import Limitation

ToOption = Annotated[
    str | None,
    typer.Option(
        "--to", help="Point: sequence number, @mark, RFC 3339 time, -2h, usn:N. Newest if left out.", metavar="POINT"
    ),
]
ConflictOption = Annotated[
    OnConflict,
    typer.Option("--on-conflict", help="Whose word counts where the DC was written to after it was put back."),
]
EngineOption = Annotated[
    Engine | None,
    typer.Option(
        "--engine",
        help="How to write: over LDAP, or into this machine's own Samba database, many steps in one transaction; "
        "auto takes the latter where it is safe. [restore] engine if left out.",
        show_default=False,
    ),
]
ObjectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--object",
        help="Only this object and its memberships: DN, GUID, SID or sAMAccountName. May be given several times.",
        metavar="X",
        show_default=False,
    ),
]
SubtreeOption = Annotated[bool, typer.Option("--subtree", help="With --object: everything below it too.")]
KeepOption = Annotated[
    Keep,
    typer.Option("--keep", help="Taking the whole domain back in time: what computers and trusts know by heart stays."),
]
RenameOption = Annotated[
    str,
    typer.Option(
        "--rename", help="With --object: what it is to be called, where its old name is taken.", show_default=False
    ),
]
AttributeOption = Annotated[
    str,
    typer.Option("--attribute", help="Only this attribute, of living objects.", metavar="A", show_default=False),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a page about it and its JSON into this directory; `adpersist report` tells the same later.",
        metavar="DIR",
        show_default=False,
    ),
]


def restore(
    ctx: typer.Context,
    to: ToOption = None,
    names: ObjectOption = None,
    subtree: SubtreeOption = False,
    attribute: AttributeOption = "",
    rename: RenameOption = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    on_conflict: ConflictOption = OnConflict.JOURNAL,
    engine: EngineOption = None,
    keep: KeepOption = Keep.MACHINE_SECRETS,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Over the network: make lost accounts again under new SIDs."),
    ] = False,
    accept_differences: Annotated[
        bool,
        typer.Option("--accept-differences", help="End also where the DC refuses most of what was lost; it is listed."),
    ] = False,
    take_over: TakeOverOption = False,
    report: ReportOption = None,
    progress: Annotated[
        bool,
        typer.Option("--progress", help="Tell a machine on standard error how far it is: JSON, an object a line."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan, apply and verify until the DC is what the journal says. Can be killed anywhere and run again.

    On a DC that was not reverted, what is new there is captured first, so that nothing is lost by going back in time.
    With --object or --attribute only that is brought back, and everything else stays as it is. Exit code 2: done, but
    for what the DC will not take, which is listed.
    """
    from adpersist.agent import connections
    from adpersist.journal.holder import require_silent, visiting
    from adpersist.restore.convergence.convergence import Convergence
    from adpersist.restore.errors import UnfinishedError
    from adpersist.restore.restoring import capture_news
    from adpersist.restore.restoring import restore as run
    from adpersist.restore.wanted import WantedState, wanted_state, within_scope

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    terms = Terms(
        policy=on_conflict,
        engine=engine or settings.restore.engine,
        accept_loss=accept_loss,
        accept_differences=accept_differences,
        keep_machine_secrets=keep is Keep.MACHINE_SECRETS,
    )
    with connections.connected_journal(settings) as (dc, journal):
        require_own(dc, journal)
        if not take_over:
            require_silent(journal.head, beat_s=settings.agent.beat_s, now=time.time())
        point = journal.resolve(to, now=time.time()) if to else None

        def wanted() -> WantedState:
            found = wanted_state(journal, point, dc=dc)
            return within_scope(dc, found, names or (), below=subtree, attribute=attribute, rename=rename)

        if not yes:
            # nothing is written before the answer: taking the journal over would end a running agent
            living = lineage_of(dc, journal).verdict is Verdict.SAME
            from adpersist.cli.restore.plan import files_to_restore

            want = wanted()
            convergence = Convergence(dc, want, terms, is_living=living)
            found = convergence.plan()
            back = files_to_restore(settings, dc, journal, want, convergence, on_conflict)
            files_too = f" and {len(back.differences)} files" if back is not None else ""
            note_words(found.notes)
            conflict_words(found.conflicts)
            asked = f"{len(found.steps)} steps{files_too} to the point asked for. Go on?"
            if common.as_json or not typer.confirm(asked):
                raise ConfigError("nothing was written", hint="Add --yes to restore without being asked.")
        with visiting(journal.id) as writer, output.Bar(shown=not common.as_json, lines=progress) as bar:
            files = connections.local_files(settings, dc)
            capture_news(dc, journal, writer, files=files)
            try:
                outcome = run(dc, journal, wanted(), terms, writer, progress=bar, files=files)
            except UnfinishedError as error:
                report_writer(report)(journal, error.outcome)
                raise
        report_writer(report)(journal, outcome)
    restart_where_needed(settings, outcome)
    if common.as_json:
        output.machine(outcome_document(outcome))
    else:
        outcome_words(outcome)
    raise typer.Exit(int(ExitCode.DIFFERENCES if outcome.differs else ExitCode.OK))


def restart_where_needed(settings: "Config", outcome: "RestoreOutcome") -> None:
    """Have a DC restarted that goes on with what it knew before, by the configured command if there is one.

    Raises:
        AdpersistError: The command failed.
    """
    from adpersist.agent.restart import restart

    if outcome.restart_needed and settings.restore.restart_command:
        restart(settings.restore.restart_command)
        outcome.restart_for = ()


def report_writer(directory: Path | None) -> "Ended":
    """Writes reports into a directory, if one was named."""
    if directory is None:
        return lambda *_: None
    from adpersist.console.report.writing import ReportWriter

    return ReportWriter(directory)


def outcome_document(outcome: "RestoreOutcome") -> dict[str, Any]:
    """What a restore did, for machines."""
    return {
        "lost": len(outcome.lost),
        "steps": len(outcome.applied),
        "by_kind": dict(Counter(step.op for step in outcome.applied)),
        "rounds": outcome.rounds,
        "left": len(outcome.left),
        "differences": [output.difference_left(each) for each in outcome.left],
        "notes": note_documents(outcome.notes),
        "conflicts": conflict_documents(outcome.conflicts),
        "renamed": [{"dn": each.dn, "now": each.now, "account": each.account or None} for each in outcome.renamed],
        "restart_needed": outcome.restart_needed,
        "files": files_document(outcome.files) if outcome.files else None,
    }


def outcome_words(outcome: "RestoreOutcome") -> None:
    """What a restore did, for people."""
    kinds = ", ".join(f"{count} {op}" for op, count in sorted(Counter(step.op for step in outcome.applied).items()))
    output.say(f"{len(outcome.lost)} objects differed; {len(outcome.applied)} steps done ({kinds or 'none'}).")
    from adpersist.reading.rfc3339 import rfc3339

    why = outcome.account.reason
    if why is not None and why.journal_time is not None:
        ago = max(why.noticed - why.journal_time, 0) / 60
        output.say(f"The journal's last word is of {rfc3339(why.journal_time)}, {ago:.0f} minutes before.")
    note_words(outcome.notes)
    conflict_words(outcome.conflicts)
    for each in outcome.renamed:
        account = f", account {each.account}" if each.account else ""
        output.say(output.printable(f"Goes on under another name: {each.dn} is {each.now}{account} now"))
    if outcome.left:
        difference_table(f"{len(outcome.left)} differences are left, and are kept in the journal", outcome.left)
    if outcome.files:
        files_words(outcome.files)
    if not outcome.differs:
        output.say("Proven: the domain controller is what the journal says.")
    if outcome.restart_needed:
        output.say(
            f"Restart Samba now: until then {' and '.join(outcome.restart_for)}. "
            "With [restore] restart_command a guard does that itself."
        )


def difference_table(title: str, found: "Sequence[Difference]") -> None:
    """What differs, for people."""
    rows = ((each.kind, each.dn, each.attribute, each.reason) for each in found)
    output.table(title, ("kind", "object", "attribute", "the domain controller said"), rows)


def files_document(files: "FilesOutcome") -> dict[str, Any]:
    """What became of SYSVOL and the local databases, for machines."""
    from adpersist.reading.text.file_text import difference_document, keys_document

    return {
        "restored": len(files.restored),
        "removed": len(files.removed),
        "local": keys_document(files.local),
        "saved": files.saved or None,
        "left": [difference_document(each) | {"reason": files.refused.get(each.key[1], "")} for each in files.left],
        "troubles": [*files.troubles, *([files.unknown] if files.unknown else [])],
        "smb_conf_differs": files.smb_conf_differs,
        "stale_policies": policy_documents(files.stale),
    }


def policy_documents(policies: "Sequence[StalePolicy]") -> list[dict[str, Any]]:
    """Policies whose container is newer than their files, for machines."""
    return [{"dn": each.dn, "container_version": each.container, "files_version": each.files} for each in policies]


def half_policy_words(policies: "Sequence[HalfPolicy]", point: int) -> None:
    """Policies that a point has half of, for people."""
    from adpersist.reading.text.policy_text import half_document, half_words

    for each in policies:
        said = f"Half of a policy at commit {point}: {half_words(half_document(each))}: {each.dn}."
        output.say(output.printable(f"{said} A point a little before or after it may have both halves."))


def files_words(files: "FilesOutcome") -> None:
    """The same, for people."""
    from adpersist.model.files.file_state import Place, path_text

    output.say(f"SYSVOL and local databases: {len(files.restored)} put back, {len(files.removed)} taken away.")
    for place, path in files.local:
        kept = f"kept in commit {files.saved}" if files.saved else "left as it is"
        output.say(output.printable(f"Written locally after the revert, {kept}: {place}/{path_text(path)}"))
    if files.left:
        from adpersist.reading.text.file_text import difference_row

        rows = ((*difference_row(each), files.refused.get(each.key[1], "")) for each in files.left)
        title = f"{len(files.left)} files and entries are left as they are, and are kept in the journal"
        output.table(title, ("kind", "place", "path", "the system said"), rows)
    for policy in files.stale:
        has = "none" if policy.files is None else f"version {policy.files}"
        output.say(
            output.printable(
                f"Older files than its container, which has version {policy.container}: {policy.dn}, {has}. "
                "Copy them from the DC where it was edited."
            )
        )
    for trouble in [*files.troubles, *([files.unknown] if files.unknown else [])]:
        output.say(output.printable(f"In the way: {trouble}"))
    if files.lines:
        output.say("`adpersist guard` goes on with these once nothing is in the way; the directory needs no more.")
    if any(place is Place.SETTINGS for place, _ in files.restored):
        output.say("smb.conf is what it was: restart Samba, so that it runs with it.")
    if files.smb_conf_differs:
        output.say("smb.conf is not what it was: `adpersist files show smb.conf --in settings --content` shows that.")


def note_documents(notes: "Sequence[Limitation]") -> list[dict[str, str]]:
    """What cannot be as the journal has it, for machines."""
    return [{"guid": output.guid(each.guid), "dn": each.dn, "what": each.what} for each in notes]


def note_words(notes: "Sequence[Limitation]") -> None:
    """What cannot be as the journal has it, each on a line."""
    for each in notes:
        output.say(output.printable(f"Not exactly: {each.dn}: {each.what}"))


def conflict_documents(conflicts: "Sequence[Conflict]") -> list[dict[str, Any]]:
    """What was written since the revert, for machines; never a value."""
    return [
        {
            "guid": output.guid(each.guid),
            "dn": each.dn,
            "attributes": list(each.attributes),
            "replicated": each.replicated,
            "meanwhile": each.meanwhile,
        }
        for each in conflicts
    ]


def conflict_words(conflicts: "Sequence[Conflict]") -> None:
    """What was written since the revert, each on a line."""
    for each in conflicts:
        if each.stays:
            what = ", ".join(each.attributes) or "the whole object"
            whence = "from another DC" if each.replicated else "written while restoring"
            output.say(output.printable(f"Newer, {whence}, and kept: {each.dn}: {what}"))
            continue
        what = ", ".join(each.attributes) if each.attributes else "the whole object, unknown to the journal"
        output.say(output.printable(f"Written locally after the revert: {each.dn}: {what}"))
