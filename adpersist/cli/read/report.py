"""``adpersist report``: a restore, or a span of time, told from the journal."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.errors import ConfigError, PointError

if TYPE_CHECKING:
    from adpersist.config import Config
    from adpersist.journal.journal import Journal


def report(
    ctx: typer.Context,
    number: Annotated[
        int | None, typer.Argument(help="Which restore, from 1; the newest if left out.", metavar="[N]", min=1)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Instead of a restore: all that happened since this point.", metavar="POINT"),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="With --since: end at this point.", metavar="POINT", show_default=False)
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write it as a page (HTML) that needs nothing else.", metavar="PATH"),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell a restore, or a span of time, from the journal: for people, as a page, or as JSON.

    Of a restore: verdict and evidence, what was lost and came back, conflicts, what stays different and why, times and
    proof; the same that `guard`, `boot` and `restore` write with `--report DIR`. With `--since -1d` it is the page of
    the day: which accounts were made, deleted, enabled and disabled, which memberships, passwords, policies and
    permissions changed. No secret is ever in it. Reads only the store.
    """
    common = common_options(ctx, config, as_json)
    if number is not None and since is not None:
        raise ConfigError("a restore's number and --since exclude each other", hint="Say one of the two.")
    if to is not None and since is None:
        raise ConfigError("--to needs --since", hint="`adpersist report --since -2d --to -1d`")
    settings = loaded(common)
    with opened_journal(settings) as journal, output.Bar(shown=not common.as_json) as bar:
        document = _of_heal(journal, number) if since is None else _of_span(settings, journal, since, to, bar)
    if page is not None:
        from adpersist.console.report.writing import write_page

        write_page(document, page)
    if common.as_json:
        output.machine(document)
        return
    _print(document)
    if page is not None:
        output.say(output.printable(f"The page is {page}."))


def _of_heal(journal: "Journal", number: int | None) -> dict[str, Any]:
    from adpersist.console.report.heal import heal_document

    return heal_document(journal, number)


def _of_span(settings: "Config", journal: "Journal", since: str, to: str | None, bar: output.Bar) -> dict[str, Any]:
    from adpersist.audit.log import KeptLog
    from adpersist.console.report.span import span_document
    from adpersist.journal.points import parse_moment
    from adpersist.reading.past.past import Past

    now = time.time()
    last = journal.head.seq if to is None else journal.resolve(to, now=now)
    first = journal.head.pruned
    try:
        begins: float | None = parse_moment(since, now)
    except PointError:
        begins = None  # a number, a mark or a USN, which must be there
    try:
        first = journal.resolve(since, now=now)
    except PointError:
        if begins is None:
            raise
    if first > last:
        raise ConfigError(f"{since} is after {to}", hint="Name the earlier point with --since.")
    audit_log = KeptLog(settings.capture.audit_log).now()
    past = Past.of(journal, first, through=last, told=lambda done, total: bar.counting("reading", done, total))
    past.audit_log = audit_log
    ends = now if to is None else (past.last.time if past.last else now)
    if begins is None:
        begins = past.looks[0].time if past.looks else ends
    return span_document(journal, past, since=begins, until=ends)


def _print(document: dict[str, Any]) -> None:
    if document["report"] == "span":
        _print_span(document)
        return
    lost, times = document["lost"], document["times"]
    which = f"Restore {document['number']}" if document["number"] else "Restore"
    output.say(output.printable(f"{which} of {document['dc']}: {_ending(document)}"))
    output.say(output.printable(f"Verdict   {document['verdict'] or 'not known'}: {document['evidence'] or ''}"))
    for name in ("image", "last_captured", "began", "ended", "captured_again"):
        output.say(f"{name.replace('_', ' ').capitalize():<15} {times[name] or 'not known'}")
    if lost is None:
        output.say(f"What was lost is not known: {document['why']}.")
        return
    output.say(f"Lost and back: {lost['objects']} objects")
    for each in lost["by_kind"]:
        output.say(output.printable(f"  {each['count']:>7}  {each['class'] or '(unknown)'}: {each['what']}"))
    for title, name in (("Conflicts", "conflicts"), ("Stays different", "notes"), ("Left", "left")):
        output.say(f"{title}: {document[name]['count'] or 'none'}")
        for each in document[name]["listed"]:
            words = " ".join(filter(None, (each["kind"], ", ".join(each["attributes"]), each["what"])))
            output.say(output.printable(f"  {each['dn']}: {words}"))


def _ending(document: dict[str, Any]) -> str:
    if not document["finished"]:
        return "NOT finished"
    left = document["left"]["count"] if document["left"] else 0
    return f"done, with {left} differences" if left else "proven"


def _print_span(document: dict[str, Any]) -> None:
    output.say(
        output.printable(
            f"{document['dc']} from {document['from']['time']} to {document['to']['time']}: "
            f"{document['changes']} changes in {document['commits']} commits, {len(document['heals'])} restores"
        )
    )
    for each in document["by_kind"]:
        output.say(output.printable(f"  {each['count']:>7}  {each['kind']:<10} {each['class']}"))
    for name, found in document["lists"].items():
        if found["count"]:
            output.say(f"{name.replace('_', ' ').capitalize()}: {found['count']}")
            for each in found["listed"]:
                output.say(output.printable(f"  {each['time']}  {each['dn']}"))
