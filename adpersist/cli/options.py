"""Options every command takes, before its name or after it, and what they come to."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

if TYPE_CHECKING:
    from adpersist.audit.log import AuditLog
    from adpersist.cli.output import Bar
    from adpersist.config import Config
    from adpersist.journal.journal import Journal
    from adpersist.reading.folded import Reading

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="Configuration file (or ADPERSIST_CONFIG).", show_default=False, metavar="PATH"
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        help="Point: sequence number, @mark, RFC 3339 time, -2h, usn:N. The newest if left out.",
        metavar="POINT",
        show_default=False,
    ),
]
TakeOverOption = Annotated[
    bool,
    typer.Option("--take-over", help="Go on in the place of another machine that holds the journal and may live."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.", show_default=False)]

_LONG: Final = 1000
"""So many commits are worth a progress bar."""
_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class CommonOptions:
    """What was said before the command's name."""

    config: Path | None = None
    as_json: bool = False


def common_options(ctx: typer.Context, config: Path | None, as_json: bool) -> CommonOptions:
    """Join what was said before and after the command's name; the later word wins."""
    before = ctx.ensure_object(CommonOptions)
    before.config = config or before.config
    before.as_json = as_json or before.as_json
    return before


def loaded(common: CommonOptions) -> "Config":
    """The configuration, and logging set up by it."""
    from adpersist import telemetry
    from adpersist.config import load

    config = load(common.config)
    telemetry.configure(level=config.log.level, as_json=config.log.format == "json")
    return config


def audit_log_read(config: "Config") -> "AuditLog | None":
    """What Samba's audit log has by now; None: the configuration names none. Raises: as :meth:`AuditLog.read`."""
    if config.capture.audit_log is None:
        return None
    from adpersist.audit.log import AuditLog

    return AuditLog.read(config.capture.audit_log)


def loaded_unattended(common: CommonOptions) -> "Config":
    """As :func:`loaded`, of a command that runs while nobody looks; the log tells of files that others may get at."""
    from adpersist import config as configuration
    from adpersist.agent.doctor.exposed import warn_of_exposed

    config = loaded(common)
    warn_of_exposed(config, configuration.find(common.config))
    return config


@contextmanager
def opened_journal(config: "Config") -> "Iterator[Journal]":
    """The journal alone, without asking the DC: its id must be configured, as ``init`` does."""
    from adpersist.agent import connections

    journal = connections.journal(config, None)
    try:
        yield journal
    finally:
        journal.close()


def answered(
    journal: "Journal", config: "Config", ask: "Callable[[Reading], _Answer]", *, as_json: bool = False
) -> _Answer:
    """What the journal answers, by the index where there is one; making that may take a while, which is shown."""
    from adpersist.cli import output
    from adpersist.reading.index import answering
    from adpersist.reading.index.kept import directory_of

    with ExitStack() as stack:
        bars: list[Bar] = []

        def progress(done: int, total: int) -> None:
            if not bars and total - done > _LONG:
                bars.append(stack.enter_context(output.Bar(shown=not as_json)))
            for bar in bars:
                bar.counting("indexing commits", done, total)

        return answering.answered(journal, directory_of(config.journal.index), ask, progress=progress)
