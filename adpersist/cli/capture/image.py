"""``adpersist image``: the machine's golden image."""

import time
from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.errors import PointError

image = typer.Typer(
    name="image",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The machine's golden image: note when it is taken, and see how far it is behind.\n\n"
    "The older the image that a domain controller is put back to, the more a heal brings back, and the longer the "
    "controller was wrong. `status` and `doctor` tell its age, and `prune` keeps what came since.",
)


@image.callback()
def images(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Options before the subcommand's name."""
    common_options(ctx, config, as_json)


@image.command()
def mark(
    ctx: typer.Context,
    wait: Annotated[
        float, typer.Option("--wait", help="Seconds the agent may take to bring the journal up to the DC.", min=0)
    ] = 30.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Note in the journal that the machine's image is taken now; run it right before, while the DC still runs.

    Refused where the DC is not proven to be the journal's, or where the journal lacks something: the image would not
    be what it is taken for. The note moves with the next image.
    """
    from adpersist.agent import connections
    from adpersist.agent.image import mark_image
    from adpersist.journal.holder import Role, new_writer
    from adpersist.reading.rfc3339 import rfc3339

    common = common_options(ctx, config, as_json)
    with connections.connected_journal(loaded(common)) as (dc, journal):
        made = mark_image(dc, journal, new_writer(Role.VISITOR), wait_s=wait)
    if common.as_json:
        output.machine({"image": {"seq": made.seq, "time": rfc3339(made.time)}})
    else:
        output.say(f"The image is that of commit {made.seq}. Take it now.")


@image.command()
def show(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say when the image was taken, and what a heal from it would bring back.

    Reads only the store: every commit since the image.
    """
    from adpersist.agent.image import DAY_S, changes_since, image_age
    from adpersist.reading.rfc3339 import rfc3339

    common = common_options(ctx, config, as_json)
    with opened_journal(loaded(common)) as journal:
        found = image_age(journal.head, time.time())
        if found is None:
            raise PointError(
                "nobody noted when the image was taken", hint="`adpersist image mark`, right before it is."
            )
        objects, changes = changes_since(journal, found.mark)
    if common.as_json:
        output.machine(
            {
                "image": {"seq": found.mark.seq, "time": rfc3339(found.mark.time)},
                "age_days": round(found.age_s / DAY_S, 3),
                "commits": found.commits,
                "objects": objects,
                "changes": changes,
            }
        )
        return
    output.say(f"Taken     {rfc3339(found.mark.time)}, {found.age_s / DAY_S:.1f} days ago, at commit {found.mark.seq}")
    output.say(f"Since     {changes} changes of {objects} objects, in {found.commits} commits")
