"""``adpersist alerts``: who is told what happened."""

import socket
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.errors import ConfigError, ExitCode, PointError
from adpersist.model.identity.ids import Seq

if TYPE_CHECKING:
    from adpersist.config import Config
    from adpersist.console.alerts.ways import Way
    from adpersist.journal.journal import Journal

alerts = typer.Typer(
    name="alerts",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Tell somebody when something in the directory should be looked at.\n\n"
    "Rules look at every change the journal holds: privileged groups, the right to read passwords, policy links, "
    "krbtgt, trusts, mass deletions and more. [alerts] in the configuration says who is told: by webhook, mail, syslog "
    "or a command.",
)


@alerts.callback()
def all_alerts(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Options before the subcommand's name."""
    common_options(ctx, config, as_json)


@alerts.command()
def rules(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the rules: what each is called, how soon somebody should look, and what it means."""
    from adpersist.console.alerts.catalogue import RULES, STATES

    common = common_options(ctx, config, as_json)
    found = [*RULES.values(), *STATES.values()]
    if common.as_json:
        output.machine(
            [
                {
                    "rule": each.name,
                    "severity": str(each.severity),
                    "what": each.words,
                    "technique": each.technique or None,
                }
                for each in found
            ]
        )
        return
    for each in sorted(found, key=lambda rule: rule.severity.rank):
        output.say(f"{each.severity:<9} {each.name:<24} {each.words}{f' ({each.technique})' if each.technique else ''}")


@alerts.command("try")
def try_out(
    ctx: typer.Context,
    since: Annotated[str, typer.Option("--since", help="Look at all that happened since this point.", metavar="POINT")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what would have been told since a point, by every rule. Sends nothing and notes nothing down."""
    from adpersist.audit.log import KeptLog
    from adpersist.console.alerts.rules import findings
    from adpersist.console.alerts.watching import told, whose
    from adpersist.reading.past.past import Past

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    is_told = told(settings.alerts)
    with opened_journal(settings) as journal, output.Bar(shown=not common.as_json) as bar:
        begins = _begins(journal, since)
        past = Past.of(journal, begins, told=lambda done, total: bar.counting("reading", done, total))
        past.audit_log = KeptLog(settings.capture.audit_log).now()
        found = [(is_told(each), {**each.document(), **whose(journal)}) for each in findings(past)]
    counts = Counter(document["rule"] for _, document in found)
    if common.as_json:
        documents = [{**document, "told": is_it} for is_it, document in found]
        output.machine({"since": begins, "counts": dict(counts), "findings": documents})
        return
    for is_it, document in found:
        quiet = "" if is_it else "  (not told, by [alerts])"
        about = f"{document['what']}: {document['dn'] or ''} {document['detail']}".rstrip(": ")
        output.say(output.printable(f"{document['time']}  {document['severity']:<8}  {about}{quiet}"))
    for name, count in counts.most_common():
        output.say(f"{name} would have fired {count} {'time' if count == 1 else 'times'}.")
    if not counts:
        output.say("No rule would have fired.")


def _begins(journal: "Journal", since: str) -> Seq:
    """The point; all there is, where that is younger than a time or an age that was asked for."""
    from adpersist.journal.points import parse_moment

    now = time.time()
    try:
        return journal.resolve(since, now=now)
    except PointError as error:
        try:
            parse_moment(since, now)
        except PointError:
            raise error from None
        return journal.head.pruned


@alerts.command()
def test(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Send a test by every configured way, and say of each whether it was taken. Exit code 1 when one was not."""
    from adpersist.console.alerts.finding import Finding, Rule, Severity
    from adpersist.console.alerts.outbox import way_document
    from adpersist.console.alerts.watching import whose
    from adpersist.console.alerts.ways import NotSentError, send

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    ways = _ways(settings)
    with opened_journal(settings) as journal:
        rule = Rule(name="test", severity=Severity.MEDIUM, words="A test: nothing happened")
        finding = Finding(rule=rule, seq=journal.head.seq, time=time.time(), occasion=str(time.time_ns()))
        document = {**finding.document(), **whose(journal)}
    tried: list[dict[str, Any]] = []
    for way in ways:
        try:
            send(way, [document])
        except NotSentError as error:
            tried.append({**way_document(way.name), "sent": False, "error": error.message})
        else:
            tried.append({**way_document(way.name), "sent": True, "error": None})
    if common.as_json:
        output.machine({"id": finding.id, "ways": tried})
    else:
        for each in tried:
            output.say(output.printable(f"{_shown(each):<8} {'sent' if each['sent'] else each['error']}"))
    raise typer.Exit(int(ExitCode.OK if all(each["sent"] for each in tried) else ExitCode.FAILURE))


@alerts.command()
def watch(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Look once, send what is due, and end: for a timer.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow the journal and tell what its rules find, until stopped.

    It begins where it was when it ended last, or at the journal's end the first time. What it finds lies in the outbox
    until every way took it: nothing is lost when the receiver is away or this is killed. Each alert has an id; one may
    come twice when this was killed in the middle of sending. It also tells when the agent, or the journal, is not well.
    """
    from adpersist.agent.signals import Pause, Reloaded, Stopped, heeded
    from adpersist.console.alerts.outbox import Outbox
    from adpersist.console.alerts.watching import EVERY_S, AlertWatch
    from adpersist.system.sd_notify import notify

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    ways = _ways(settings)
    with opened_journal(settings) as journal:
        outbox = Outbox(settings.alerts.outbox)
        try:
            watching = AlertWatch(
                journal,
                outbox,
                ways,
                settings.alerts,
                health=settings.health.listen,
                audit_log=settings.capture.audit_log,
                alive=lambda: notify("WATCHDOG=1"),
            )
            if once:
                _say_once(watching.once(), as_json=common.as_json)
                return
            pause = Pause(time.sleep)
            with heeded(pause):
                try:
                    while True:
                        watching.once()
                        notify("READY=1\nWATCHDOG=1")
                        try:
                            pause(EVERY_S)
                        except Reloaded:
                            continue
                except Stopped:
                    notify("STOPPING=1")
        finally:
            outbox.close()


def _say_once(new: int, *, as_json: bool) -> None:
    if as_json:
        output.machine({"new": new})
    else:
        output.say(f"{new} new alerts.")


@alerts.command("list")
def list_alerts(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Show so many at most.", min=1)] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is in the outbox, newest first: what was told, by which way, and what is still waiting and why."""
    from adpersist.console.alerts.outbox import Outbox
    from adpersist.console.alerts.ways import sentence

    common = common_options(ctx, config, as_json)
    outbox = Outbox(loaded(common).alerts.outbox)
    found = outbox.everything(limit)
    outbox.close()
    if common.as_json:
        output.machine(found)
        return
    for each in found:
        state = "sent" if each["sent"] else f"waiting: {each['error']}" if each["error"] else "waiting"
        output.say(output.printable(f"{each['time']}  {_shown(each):<8} {state:<8}  {sentence(each)}"))


def _shown(way: dict[str, Any]) -> str:
    return f"{way['way']} {way['to']}" if way["to"] else str(way["way"])


def _ways(settings: "Config") -> "list[Way]":
    """Raises: ConfigError: None is configured."""
    from adpersist.console.alerts.ways import ways

    found = ways(settings.alerts, host=socket.gethostname())
    if not found:
        raise ConfigError(
            "[alerts] says nobody who is to be told",
            hint="Set webhook, mail_to, syslog or command; `adpersist alerts try --since -7d` shows what they'd get.",
        )
    return found
