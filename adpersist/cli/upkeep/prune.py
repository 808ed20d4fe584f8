"""``adpersist prune``: forget what is too old."""

import re
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.errors import ConfigError, PointError

if TYPE_CHECKING:
    from adpersist.journal.journal import Journal
    from adpersist.journal.upkeep.retention import PrunePlan
    from adpersist.model.identity.ids import Seq

_AGE: Final = re.compile(r"[1-9]\d{0,8}[smhdw]")


def prune(
    ctx: typer.Context,
    keep: Annotated[
        str,
        typer.Option("--keep", help="Keep every point of so long: 30d, 12h, 8w (s, m, h, d, w).", metavar="AGE"),
    ],
    keep_marks: Annotated[
        bool, typer.Option("--keep-marks", help="Keep every marked point too, however old, and all that came after it.")
    ] = False,
    forget_image: Annotated[
        bool, typer.Option("--forget-image", help="Let go also of what came since the machine's image was taken.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget commits that no kept point needs: every point of the last AGE can still be restored afterwards.

    What came since the machine's image was taken (`adpersist image mark`) is kept, too: by that a heal tells what was
    lost from what was written since. First a checkpoint takes the place of what goes; killed anywhere, the journal
    is whole and the next run goes on. Fences nobody: the agent may run. What went cannot be brought back.
    """
    from adpersist.agent import checkpoints
    from adpersist.journal.upkeep.retention import PrunePlan

    if not _AGE.fullmatch(keep):
        raise ConfigError(f"{keep!r} is no age", hint="Say 30d, 12h or 8w: a number and one of s, m, h, d, w.")
    common = common_options(ctx, config, as_json)
    with opened_journal(loaded(common)) as journal:
        before = journal.head
        oldest = _oldest(journal, keep)
        image = before.image
        for_image = bool(image and oldest and not forget_image and before.pruned <= image.seq < oldest)
        if for_image and image:
            oldest = image.seq
        if oldest is None:
            plan = PrunePlan(through=before.pruned, checkpoints=(), marks=(), wanted=None)
        elif dry_run:
            plan = checkpoints.planned(before, oldest=oldest, keep_marks=keep_marks)
        else:
            with output.Bar(shown=not common.as_json) as bar:
                bar.looking("writing the checkpoint, then forgetting")
                plan = checkpoints.prune(journal, oldest=oldest, keep_marks=keep_marks, now=time.time())
        document = _document(plan, journal, oldest, gone=plan.through - before.pruned, dry_run=dry_run)
        document["kept_for_image"] = image.seq if for_image and image else None
    if common.as_json:
        output.machine(document)
    else:
        _print(document)


def _oldest(journal: "Journal", keep: str) -> "Seq | None":
    """The oldest point to keep; None when the journal does not go back that far."""
    try:
        return journal.resolve(f"-{keep}", now=time.time())
    except PointError:
        return None


def _document(
    plan: "PrunePlan", journal: "Journal", oldest: "Seq | None", *, gone: int, dry_run: bool
) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "oldest_kept": oldest,
        "commits": gone,
        "through": plan.through,
        "checkpoints": list(plan.checkpoints),
        "marks": list(plan.marks),
        "head": journal.head.seq,
    }


def _print(document: dict[str, Any]) -> None:
    verb = "would go" if document["dry_run"] else "went"
    if document["kept_for_image"]:
        output.say(
            f"What came since the image at commit {document['kept_for_image']} is kept: take a new image, or say "
            "--forget-image."
        )
    if not document["commits"]:
        output.say(f"Nothing {verb}: every commit is needed by a point that is kept.")
        return
    output.say(f"{document['commits']} commits {verb}: those up to {document['through']}, of {document['head']}.")
    if document["checkpoints"]:
        output.say(f"Checkpoints that {verb}: {', '.join(map(str, document['checkpoints']))}")
    if document["marks"]:
        output.say(f"Marks that {verb}: {', '.join(f'@{name}' for name in document['marks'])}")
    output.say(
        f"The oldest point that can be restored {'would be' if document['dry_run'] else 'is'} {document['through']}."
    )
