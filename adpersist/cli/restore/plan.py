"""``adpersist plan``: what a restore would do."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded
from adpersist.cli.restore.restore import (
    AttributeOption,
    ConflictOption,
    KeepOption,
    ObjectOption,
    RenameOption,
    SubtreeOption,
    ToOption,
    conflict_documents,
    conflict_words,
    half_policy_words,
    note_documents,
    note_words,
)
from adpersist.directory.lineage.proof import lineage_of, require_own
from adpersist.errors import ExitCode
from adpersist.model.journal.lineage import Verdict
from adpersist.model.plan.step import Step
from adpersist.model.plan.terms import Keep, OnConflict, Terms
from adpersist.reading.text.file_text import difference_document, difference_row
from adpersist.reading.text.policy_text import half_document
from adpersist.restore.plan.collisions import Collision
from adpersist.restore.plan.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adpersist.config import Config
    from adpersist.directory.domain_controller import DomainController
    from adpersist.files.differences import FileDifference
    from adpersist.journal.journal import Journal
    from adpersist.reading.policies.halves import HalfPolicy
    from adpersist.restore.convergence.convergence import Convergence
    from adpersist.restore.wanted import WantedState


def plan(
    ctx: typer.Context,
    to: ToOption = None,
    names: ObjectOption = None,
    subtree: SubtreeOption = False,
    attribute: AttributeOption = "",
    rename: RenameOption = "",
    on_conflict: ConflictOption = OnConflict.JOURNAL,
    keep: KeepOption = Keep.MACHINE_SECRETS,
    limit: Annotated[int, typer.Option("--limit", help="Show so many steps at most (0: all).", min=0)] = 0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the steps a restore would take, in order, with the reason for each. Writes nothing.

    Exit code 2 when there are any, or something that no step closes, 0 when the DC already is what the journal says.
    """
    from adpersist.agent import connections
    from adpersist.restore.convergence.convergence import Convergence
    from adpersist.restore.wanted import healing_point, wanted_state, within_scope

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    with connections.connected_journal(settings) as (dc, journal):
        require_own(dc, journal)
        verdict = lineage_of(dc, journal).verdict
        target = journal.resolve(to, now=time.time()) if to else None
        if target is None and verdict is Verdict.REVERTED:
            target = healing_point(journal)
        wanted = wanted_state(journal, target, dc=dc)
        with output.Bar(shown=not common.as_json) as bar:
            wanted = within_scope(dc, wanted, names or (), below=subtree, attribute=attribute, rename=rename)
            terms = Terms(
                policy=on_conflict,
                engine=settings.restore.engine,
                keep_machine_secrets=keep is Keep.MACHINE_SECRETS,
            )
            convergence = Convergence(dc, wanted, terms, bar, is_living=verdict is Verdict.SAME)
            found = convergence.plan(heals=wanted.is_newest and verdict is Verdict.REVERTED)
            taken = convergence.collisions()
            back = files_to_restore(settings, dc, journal, wanted, convergence, on_conflict)
    differs = bool(found.steps or found.left or (back and back.differences))
    if common.as_json:
        told = {"taken": [_taken(each) for each in taken], "files": _files(back) if back else None}
        output.machine({**document(found, wanted.target), **told})
        raise typer.Exit(int(ExitCode.DIFFERENCES if differs else ExitCode.OK))
    note_words(found.notes)
    for each in taken:
        output.say(output.printable(f"Taken: {each.dn} needs the {each.attribute} {each.value}; {each.holder} has it"))
    if found.steps:
        shown = found.steps[: limit or None]
        output.table(
            f"{len(found.steps)} steps to commit {wanted.target}",
            ("#", "step", "object", "what", "why"),
            ((str(number), step.op, step.dn, _what(step), step.reason) for number, step in enumerate(shown, 1)),
        )
        conflict_words(found.conflicts)
    if back is not None and back.differences:
        title = f"{len(back.differences)} files of SYSVOL and entries of local databases to commit {wanted.target}"
        rows = map(difference_row, back.differences[: limit or None])
        output.table(title, ("kind", "place", "path"), rows)
        for written in back.local:
            output.say(output.printable(f"Written locally after the revert: {' '.join(difference_row(written)[1:])}"))
    half_policy_words(back.half if back is not None else (), wanted.target)
    if not differs:
        output.say(f"Nothing to do: the domain controller is what commit {wanted.target} says.")
    raise typer.Exit(int(ExitCode.DIFFERENCES if differs else ExitCode.OK))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFiles:
    """What a restore would do to SYSVOL and the local databases.

    Attributes:
        differences: What it would close.
        local: What was written there after the DC was put back.
        smb_conf_differs: smb.conf says something else than it did.
        half: Policies that the point has half of.
    """

    differences: "Sequence[FileDifference]" = ()
    local: "Sequence[FileDifference]" = ()
    smb_conf_differs: bool = False
    half: "Sequence[HalfPolicy]" = ()


def files_to_restore(
    settings: "Config",
    dc: "DomainController",
    journal: "Journal",
    wanted: "WantedState",
    convergence: "Convergence",
    policy: OnConflict,
) -> PlannedFiles | None:
    """What a restore would put back beside the directory, of policies their files; None: that is left alone."""
    from adpersist.agent import connections
    from adpersist.restore.files.files_back import FilesBack
    from adpersist.restore.files.policy_files import policy_differences
    from adpersist.restore.files.stale_policies import halves_at

    if (here := connections.local_files(settings, dc)) is None:
        return None
    if not wanted.scope.is_everything:
        found = policy_differences(here, journal, wanted, convergence.seen)
        half = halves_at(journal, wanted)
        return PlannedFiles(differences=found or (), half=half) if found is not None or half else None
    back = FilesBack(here, journal, wanted.target, policy)
    differs = back.outcome.smb_conf_differs
    half = halves_at(journal, wanted)
    return PlannedFiles(differences=back.differences, local=back.local, smb_conf_differs=differs, half=half)


def _files(back: PlannedFiles) -> dict[str, Any]:
    return {
        "differences": [difference_document(each) for each in back.differences],
        "local": [difference_document(each) for each in back.local],
        "smb_conf_differs": back.smb_conf_differs,
        "half_policies": [half_document(each) for each in back.half],
    }


def _taken(each: Collision) -> dict[str, str]:
    return {"dn": each.dn, "attribute": each.attribute, "value": each.value, "holder": each.holder}


def document(found: Plan, target: int) -> dict[str, Any]:
    """The plan for machines; never the value of an attribute."""
    return {
        "target": target,
        "steps": [
            {"op": step.op, "guid": output.guid(step.guid), "dn": step.dn, "what": _what(step), "reason": step.reason}
            for step in found.steps
        ],
        "notes": note_documents(found.notes),
        "conflicts": conflict_documents(found.conflicts),
    }


def _what(step: Step) -> str:
    match step.op:
        case "create" | "modify" | "reanimate":
            given = {**step.values, **step.more} if step.op == "reanimate" else step.values
            return ", ".join(f"{name}{'' if values else ' (clear)'}" for name, values in sorted(given.items()))
        case "move":
            return f"to {step.rdn},{step.parent_dn}"
        case "link":
            added = [f"{name} +{len(refs)}" for name, refs in sorted(step.added.items())]
            return ", ".join([*added, *(f"{name} -{len(refs)}" for name, refs in sorted(step.removed.items()))])
        case _:
            return ""
