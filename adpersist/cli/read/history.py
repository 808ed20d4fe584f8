"""``adpersist history``: what happened to one object."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import (
    ConfigOption,
    JsonOption,
    answered,
    audit_log_read,
    common_options,
    loaded,
    opened_journal,
)
from adpersist.cli.read.log import abandoned
from adpersist.cli.read.show import ObjectArgument
from adpersist.model.identity.ids import Guid

if TYPE_CHECKING:
    from adpersist.audit.log import AuditLog
    from adpersist.journal.journal import Journal
    from adpersist.model.journal.head import Head
    from adpersist.model.objects.change import Stamp, Values
    from adpersist.reading.folded import Reading
    from adpersist.reading.history import Event
    from adpersist.reading.past.writers import Writers, Written
    from adpersist.reading.view import View
    from adpersist.state.journal_schema import JournalSchema


def history(
    ctx: typer.Context,
    name: ObjectArgument,
    attribute: Annotated[
        str | None, typer.Option("--attribute", help="Only what touched this attribute.", metavar="NAME")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what happened to one object: when, what to what, and who wrote it where replication says so.

    Follows the object by its GUID, through renames, deletion and restores; commits that a restore left behind are
    marked `abandoned`. X may also be a name it once had. Of a group policy its files are told, too. Reads only the
    store.
    """

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    audit_log = audit_log_read(settings)
    with opened_journal(settings) as journal:

        def ask(reading: "Reading") -> tuple[Guid, list[dict[str, Any]], str | None]:
            guid = reading.find_ever(name)
            return (guid, *_told(reading, journal.head, guid, attribute, audit_log))

        guid, told, place = answered(journal, settings, ask, as_json=common.as_json)
        files = [] if attribute or place is None else _files(journal, place)
    if common.as_json:
        output.machine({"guid": output.guid(guid), "events": told, "files": files})
        return
    output.say(f"objectGUID {output.guid(guid)}")
    for event in told:
        _print(event)
    if files:
        from adpersist.reading.text.file_text import event_line

        output.say("Its files:")
        for event in files:
            output.say(output.printable(event_line(event)))


def _files(journal: "Journal", path: str) -> list[dict[str, Any]]:
    """What happened to the files of a group policy."""
    from adpersist.model.files.file_state import Place
    from adpersist.reading.file_events import file_events
    from adpersist.reading.text.file_text import event_document

    return [
        event_document(each, abandoned=abandoned(each.commit, journal.head))
        for each in file_events(journal, Place.SYSVOL, path)
    ]


def _told(
    reading: "Reading", head: "Head", guid: Guid, attribute: str | None, audit_log: "AuditLog | None"
) -> tuple[list[dict[str, Any]], str | None]:
    """What happened to an object; and of a group policy where its files lay last."""
    from adpersist.reading.past.writers import Writers
    from adpersist.reading.policies.places import policy_place

    newest = reading.view(head.seq)
    reading.own.update(newest.invocations(head.identity.server))
    facts, writers = newest.facts(), Writers(newest.databases(), reading.own, audit_log, reading.sealed)
    wanted = attribute.casefold() if attribute else None
    told, place = [], None
    for event, view in reading.history(guid):
        place = policy_place(view.state, guid) or place  # a deleted one does not say it any more
        if wanted is None or wanted in {name.casefold() for name in (*event.values, *event.added, *event.removed)}:
            told.append(_document(event, guid, (view, newest), facts, writers, head, wanted))
    return told, place


def _document(
    event: "Event",
    guid: Guid,
    views: "tuple[View, View]",
    facts: "JournalSchema",
    writers: "Writers",
    head: "Head",
    wanted: str | None,
) -> dict[str, Any]:
    from adpersist.reading.rfc3339 import rfc3339
    from adpersist.reading.text.value_text import called_in, readable

    view, newest = views
    commit, state = event.commit, view.state

    def shown(name: str, values: "Values") -> list[str]:
        return [readable(name, value, facts, state) for value in values]

    def is_wanted(name: str) -> bool:
        return wanted is None or name.casefold() == wanted

    return {
        "seq": commit.seq,
        "time": rfc3339(commit.time),
        "timeline": commit.timeline,
        "abandoned": abandoned(commit, head),
        "kind": event.kind,
        "dn_from": event.dn[0] or None,
        "dn_to": event.dn[1] or None,
        **writers.person(
            event.kind,
            event.dn,
            _written_of(event, guid),
            view.accounts,
            commit.seq,
        ),
        "attributes": {
            name: {
                "from": shown(name, old),
                "to": shown(name, new),
                **({"secret": True} if facts.is_secret(name) else {}),
                **({"written": _written(event.stamps[name], writers.names)} if name in event.stamps else {}),
            }
            for name, (old, new) in sorted(event.values.items())
            if is_wanted(name)
        },
        "links": {
            name: {
                "added": sorted(called_in((state, newest.state), event.added.get(name, ()))),
                "removed": sorted(called_in((state, newest.state), event.removed.get(name, ()))),
            }
            for name in sorted({*event.added, *event.removed})
            if is_wanted(name)
        },
    }


def _written_of(event: "Event", guid: Guid) -> "list[Written]":
    """What the event changed, links among it, with its stamps."""
    changes = [change for change in event.commit.changes if change.guid == guid]
    links = {*event.added, *event.removed}
    return [
        *((name, stamp) for name, stamp in event.stamps.items() if name in event.values or name == "name"),
        *(
            (name, stamp)
            for each in changes
            for name, found in each.link_stamps.items()
            if name in links
            for stamp in found.values()
        ),
    ]


def _written(stamp: "Stamp", writers: Mapping[Guid, str]) -> dict[str, Any]:
    from adpersist.reading.text.time_text import seconds_text

    return {
        "time": seconds_text(stamp.time),
        "by": writers.get(stamp.origin),
        "invocation_id": output.guid(stamp.origin),
        "version": stamp.version,
        "usn": stamp.usn,
    }


def _print(event: dict[str, Any]) -> None:
    aside = f", timeline {event['timeline']}" + (", abandoned" if event["abandoned"] else "")
    output.say(output.printable(f"{event['time']}  {event['kind']}  (commit {event['seq']}{aside})"))
    if event["who"]:
        output.say(output.printable(f"    by {output.person(event['who'])}"))
    elif "names no audit log" not in event["why"]:
        output.say(output.printable(f"    by ?: {event['why']}"))
    if event["dn_from"] != event["dn_to"]:
        if event["dn_from"]:
            output.say(output.printable(f"    was {event['dn_from']}"))
        if event["dn_to"]:
            output.say(output.printable(f"    is  {event['dn_to']}"))
    for name, change in event["attributes"].items():
        written = change.get("written")
        by = (
            f"  [{written['by'] or written['invocation_id']}, {written['time']}, v{written['version']}]"
            if written
            else ""
        )
        old, new = " | ".join(change["from"]), " | ".join(change["to"])
        told = f"{old} -> {new}" if old and new else f"= {new}" if new else f"cleared, was {old}"
        output.say(output.printable(f"    {name}: {told}{by}"))
    for name, links in event["links"].items():
        for sign, which in (("+", "added"), ("-", "removed")):
            for dn in links[which]:
                output.say(output.printable(f"    {name}: {sign} {dn}"))
