"""``adpersist prune``: forget what is too old."""

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.errors import ConfigError, PointError

if TYPE_CHECKING:
    from adpersist.config import Config
    from adpersist.journal.journal import Journal
    from adpersist.journal.upkeep.retention import PrunePlan
    from adpersist.model.identity.ids import Seq
    from adpersist.model.journal.head import Head

_AGE: Final = re.compile(r"[1-9]\d{0,8}[smhdw]")


def prune(
    ctx: typer.Context,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            help="Keep every point of so long: 30d, 12h, 8w (s, m, h, d, w). Left out: [journal] keep.",
            metavar="AGE",
            show_default=False,
        ),
    ] = None,
    keep_marks: Annotated[
        bool,
        typer.Option(
            "--keep-marks/--drop-marks",
            help="Keep every marked point too, however old, and all that came after it; or let go of old ones.",
        ),
    ] = True,
    forget_image: Annotated[
        bool, typer.Option("--forget-image", help="Let go also of what came since the machine's image was taken.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also when more than half would go, or the clock is in doubt.")
    ] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="Then give all that is free in a SQLite file back to the disk.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget commits that no kept point needs: every point of the last AGE can still be restored afterwards.

    What came since the machine's image was taken (`adpersist image mark`) is kept, too: by that a heal tells what was
    lost from what was written since. First a checkpoint takes the place of what goes; killed anywhere, the journal
    is whole and the next run goes on. Fences nobody: the agent may run. What went cannot be brought back, so a prune of
    more than half of the journal, and one by a clock that is days past the journal's last word, want --yes. The agent
    does the same by itself, as far as the checkpoints it writes let it: see [journal] keep.

    On a full disk it deletes in the room that is kept for that beside a SQLite file, and goes as far as the checkpoints
    that are there let it. What is free in the file is used again, and more than a quarter of it given back to the disk;
    --compact gives back all, and writes a file that an earlier version made anew for it, which takes twice its room.
    """
    from adpersist.stores.registry import compacted, with_room_made

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    age = settings.journal.keep if keep is None else keep
    if not _AGE.fullmatch(age):
        raise ConfigError(f"{age!r} is no age", hint="Say 30d, 12h or 8w: a number and one of s, m, h, d, w.")
    asked = _Prune(age=age, keep_marks=keep_marks, keep_image=not forget_image, dry_run=dry_run, sure=yes)
    with output.Bar(shown=not common.as_json) as bar:
        bar.looking("writing the checkpoint, then forgetting")
        if dry_run:
            document, made_room = asked.run(settings), False
        else:
            document, made_room = with_room_made(settings.store.url, lambda: asked.run(settings))
        given_back = None
        if compact and not dry_run:
            given_back = compacted(settings.store.url, progress=lambda _: bar.looking("giving room back to the disk"))
    document |= {"reserve_given_up": made_room, "given_back_bytes": given_back}
    if common.as_json:
        output.machine(document)
    else:
        _print(document)


@dataclass(slots=True, kw_only=True)
class _Prune:
    """What the options say; done again where the room for it ran out in the middle."""

    age: str
    keep_marks: bool
    keep_image: bool
    dry_run: bool
    sure: bool
    began: "Head | None" = None
    """The head before anything went."""

    def run(self, settings: "Config") -> dict[str, Any]:
        """Do it, or plan it, and tell what went; safe to repeat."""
        from adpersist.agent.upkeep import checkpoints
        from adpersist.journal.upkeep.retention import PrunePlan, doubts

        with opened_journal(settings) as journal:
            before, now = journal.head, time.time()
            self.began = self.began or before
            oldest = _oldest(journal, self.age, now)
            image = before.image
            for_image = bool(image and oldest and self.keep_image and before.pruned <= image.seq < oldest)
            if for_image and image:
                oldest = image.seq
            keeping = {"keep_marks": self.keep_marks, "keep_image": self.keep_image}
            plan = PrunePlan(through=before.pruned, checkpoints=(), marks=(), wanted=None)
            if oldest is not None:
                plan = checkpoints.planned(before, oldest=oldest, **keeping)
            doubtful = doubts(before, plan, now=now)
            if oldest is not None and not self.dry_run:
                if not self.sure:
                    checkpoints.require_sure(before, plan, now=now)
                checkpoints.prune(journal, oldest=oldest, **keeping, now=now)
                plan = _what_went(self.began, journal.head)
            document = _document(plan, journal, oldest, gone=plan.through - self.began.pruned, dry_run=self.dry_run)
            document["kept_for_image"] = image.seq if for_image and image else None
            document["doubts"] = list(doubtful)
        return document


def _what_went(before: "Head", after: "Head") -> "PrunePlan":
    from adpersist.journal.upkeep.retention import PrunePlan

    left = {each.seq for each in after.checkpoints}
    names = {each.name for each in after.marks}
    return PrunePlan(
        through=after.pruned,
        checkpoints=tuple(each.seq for each in before.checkpoints if each.seq not in left),
        marks=tuple(each.name for each in before.marks if each.name not in names),
        wanted=None,
    )


def _oldest(journal: "Journal", keep: str, now: float) -> "Seq | None":
    """The oldest point to keep; None when the journal does not go back that far."""
    try:
        return journal.oldest(f"-{keep}", now=now)
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
    if document["reserve_given_up"]:
        output.say("The disk is full: this took the room that is kept for it, which is kept anew once there is some.")
    if document["given_back_bytes"] is not None:
        output.say(f"{document['given_back_bytes'] / 1e6:.1f} MB were given back to the disk.")
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
    for doubt in document["doubts"] if document["dry_run"] else ():
        output.say(f"It wants --yes: {doubt}.")
    output.say(
        f"The oldest point that can be restored {'would be' if document['dry_run'] else 'is'} {document['through']}."
    )
