"""``adpersist diff``: what differs between two points."""

import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, audit_log_read, common_options, loaded, opened_journal
from adpersist.errors import ExitCode

if TYPE_CHECKING:
    from adpersist.journal.journal import Journal
    from adpersist.model.identity.ids import Seq
    from adpersist.model.objects.change import Change
    from adpersist.reading.past.past import Past
    from adpersist.state.journal_schema import JournalSchema
    from adpersist.state.state import State


def diff(
    ctx: typer.Context,
    before: Annotated[str, typer.Argument(help="Sequence number, @mark, RFC 3339 time, -2h, usn:N.", metavar="P1")],
    after: Annotated[
        str | None, typer.Argument(help="Another point; the newest if left out.", metavar="[P2]", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what differs between two points: objects and, attribute by attribute, both values, and who wrote.

    Who wrote between the points is known as `history` knows it: the person where Samba's audit log has the line, else
    the domain controller. After the objects files of SYSVOL and entries of the local databases. The points may lie on
    different timelines. Exit code 2 when anything differs, 0 when nothing does. Reads only the store.
    """
    from adpersist.reading.past.past import Past
    from adpersist.reading.text.entry_text import writes
    from adpersist.reading.text.file_text import between
    from adpersist.state.fold import fold, without_gc
    from adpersist.state.journal_schema import JournalSchema

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    audit_log = audit_log_read(settings)
    with opened_journal(settings) as journal:
        now = time.time()
        first = journal.resolve(before, now=now)
        last = journal.head.seq if after is None else journal.resolve(after, now=now)
        old, new = fold(journal, first), fold(journal, last)
        files = between(journal.files(first), journal.files(last))
        changes = list(_changes(old, new))
        facts = JournalSchema.of(new)
        documents = [_document(change, old, new, facts) for change in changes]
        begins, earlier, ends = (first, old, last) if first <= last else (last, new, first)
        with without_gc():  # nothing of it is given up before the end
            past = Past.since(journal, begins, earlier.values() if changes else (), through=begins)
            past.audit_log = audit_log
            problem = _followed(past, journal, ends, shown=not common.as_json) if changes else None
    documents = [
        document | _written(writes(past, change.guid, begins, ends), problem)
        for change, document in zip(changes, documents, strict=True)
    ]
    if common.as_json:
        output.machine({"from": first, "to": last, "objects": documents, "files": files, "who_problem": problem})
        raise typer.Exit(int(ExitCode.DIFFERENCES if documents or files else ExitCode.OK))
    if documents:
        output.table(
            f"{len(documents)} objects differ between commit {first} and commit {last}",
            ("what", "object", "attribute", "before", "after", "by"),
            (row for document in documents for row in _rows(document)),
        )
    if problem:
        output.say(output.printable(f"Who wrote is known in part only: {problem}"))
    if files:
        rows = ((each["kind"], each["place"], each["path"] or "/") for each in files)
        title = f"{len(files)} files differ between commit {first} and commit {last}"
        output.table(title, ("what", "place", "path"), rows)
    if not documents and not files:
        output.say(f"No difference between commit {first} and commit {last}.")
    raise typer.Exit(int(ExitCode.DIFFERENCES if documents or files else ExitCode.OK))


def _changes(old: "State", new: "State") -> "Iterator[Change]":
    from adpersist.model.objects.change import Change, Kind
    from adpersist.state.changes import difference

    for guid in dict.fromkeys([*old, *new]):
        was, now = old.get(guid), new.get(guid)
        if now is None:
            yield Change(kind=Kind.EXPUNGED, guid=guid, nc=old[guid].nc)
        elif was is not now and (change := difference(was, now)) is not None:
            yield change


def _followed(past: "Past", journal: "Journal", through: "Seq", *, shown: bool) -> str | None:
    """Reads who wrote; what keeps it from reading on, which is in nobody's way who wants to know what differs."""
    from adpersist.errors import PointError
    from adpersist.journal.damage import DamagedError

    with output.Bar(shown=shown) as bar:
        try:
            past.follow(journal, through=through, told=partial(bar.counting, "reading who wrote"))
        except (DamagedError, PointError) as error:
            return error.message
    return None


def _written(writes: list[dict[str, Any]], problem: str | None) -> dict[str, Any]:
    """Who wrote an object between the points, and `who` did last."""
    if not writes:
        return {"writes": [], "who": None, "why": problem or "no look that ended between the points tells of it"}
    return {"writes": writes, **{name: writes[0][name] for name in ("who", "why") if name in writes[0]}}


def _document(change: "Change", old: "State", new: "State", facts: "JournalSchema") -> dict[str, Any]:
    from adpersist.reading.text.value_text import readable, resolved

    guid = change.guid
    before = old[guid].values if guid in old else {}
    return {
        "kind": str(change.kind),
        "guid": output.guid(guid),
        "dn_from": old.dn(guid) if guid in old else None,
        "dn_to": new.dn(guid) if guid in new else None,
        "attributes": {
            name: {
                "from": [readable(name, value, facts, old) for value in before.get(name, ())],
                "to": [readable(name, value, facts, new) for value in values],
                **({"secret": True} if facts.is_secret(name) else {}),
            }
            for name, values in sorted(change.values.items())
        },
        "links": {
            name: {
                "added": sorted(resolved(each, new) for each in change.added.get(name, ())),
                "removed": sorted(resolved(each, old) for each in change.removed.get(name, ())),
            }
            for name in sorted({*change.added, *change.removed})
        },
    }


def _rows(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    dn = document["dn_to"] or document["dn_from"]
    kind = document["kind"]
    if kind in ("created", "expunged"):  # every attribute of it differs: `show` tells them
        yield kind, dn, "", "", "", _by(document)
        return
    if document["dn_from"] != document["dn_to"]:
        yield kind, dn, "", document["dn_from"] or "", document["dn_to"] or "", _by(document)
    for name, change in document["attributes"].items():
        yield kind, dn, name, " | ".join(change["from"]), " | ".join(change["to"]), _by(document, name)
    for name, links in document["links"].items():
        yield (
            kind,
            dn,
            name,
            " | ".join(f"- {each}" for each in links["removed"]),
            " | ".join(f"+ {each}" for each in links["added"]),
            _by(document, name),
        )


def _by(document: dict[str, Any], name: str | None = None) -> str:
    """Who wrote an attribute last, or the object: a person, else the domain controllers."""
    write = next((each for each in document["writes"] if name is None or name in each["names"]), None)
    if write is None:
        return ""
    return output.person(write["who"]) if write["who"] else " and ".join(write["dcs"])
