"""``adpersist agent``: capture until stopped."""

from typing import Annotated

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, TakeOverOption, common_options, loaded_unattended
from adpersist.errors import ConfigError


def agent(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="One look, then exit when it is durable.")] = False,
    scrub: Annotated[
        bool, typer.Option("--scrub", help="With --once: compare everything, not only what changed, and tell.")
    ] = False,
    accept_store_behind: Annotated[
        bool,
        typer.Option("--accept-store-behind", help="Go on though the store was put back: what it lost is given up."),
    ] = False,
    take_over: TakeOverOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Capture every change of the domain controller until stopped.

    SIGTERM ends it within a second; killing it at any moment loses nothing that was acknowledged. It waits out a DC or
    a store that is away. SIGHUP has it read its configuration again; one it could not run with is refused, and the old
    one stays. [health] listen serves /healthz and /metrics. It ends with exit code 4 when the DC was reverted, and with
    3 when another agent took over.
    """
    from adpersist.agent.service import Service
    from adpersist.cli.capture.status import durable
    from adpersist.config import load

    common = common_options(ctx, config, as_json)
    service = Service(
        loaded_unattended(common),
        accept_store_behind=accept_store_behind,
        take_over=take_over,
        reload=lambda: loaded_unattended(common),
        look_up=lambda: load(common.config),
    )
    if scrub and not once:
        raise ConfigError("--scrub goes with --once", hint="A running agent compares as often as [capture] scrub says.")
    if not once:
        service.run()
        return
    head, committed, drifted = service.once(scrub=scrub)
    if common.as_json:
        output.machine({"durable": durable(head, committed), **({"drifted": drifted} if scrub else {})})
        return
    output.say(f"Durable: commit {head.seq}, USN {head.position.usn if head.position else 0}")
    if scrub:
        output.say(f"Compared: everything; {drifted or 'no'} objects differed though nobody wrote to them")
