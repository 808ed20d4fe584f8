"""``adpersist show``: one object as of a point."""

import time
from base64 import b64encode
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import AtOption, ConfigOption, JsonOption, answered, common_options, loaded, opened_journal
from adpersist.model.identity.reference import target_of
from adpersist.model.identity.sid import sid_text

if TYPE_CHECKING:
    from adpersist.model.identity.ids import Guid, Seq
    from adpersist.reading.folded import Reading
    from adpersist.reading.view import View
    from adpersist.state.journal_schema import JournalSchema
    from adpersist.state.state import State

ObjectArgument = Annotated[str, typer.Argument(help="DN, GUID, SID or sAMAccountName.", metavar="X")]


def show(
    ctx: typer.Context,
    name: ObjectArgument,
    at: AtOption = None,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Also print password hashes, keys and other secrets, in base64.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one object as the journal has it: name, identity, attributes, links, and who links to it.

    Values are decoded for people (SIDs, GUIDs, times, account flags, references as the DN their target has at that
    point); `--json` also has every value raw, in base64. Deleted objects are found too, also by the DN they had. Reads
    only the store: the domain controller may be away.
    """

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    with opened_journal(settings) as journal:
        point = journal.head.seq if at is None else journal.resolve(at, now=time.time())

        def ask(reading: "Reading") -> dict[str, Any]:
            view = reading.view(point)
            return _document(view, view.find(name), point, secrets=secrets)

        document = answered(journal, settings, ask, as_json=common.as_json)
    if common.as_json:
        output.machine(document)
    else:
        _print(document)


def _document(view: "View", guid: "Guid", point: "Seq", *, secrets: bool) -> dict[str, Any]:
    from adpersist.reading.find import former_dn
    from adpersist.reading.text.value_text import readable

    state, facts = view.state, view.facts()
    item = state[guid]
    sids = item.values.get("objectSid", ())
    return {
        "at": point,
        "dn": state.dn(item.guid),
        "former_dn": former_dn(state, item) if item.deleted else None,
        "guid": output.guid(item.guid),
        "sid": sid_text(sids[0]) if sids else None,
        "naming_context": item.nc,
        "deleted": item.deleted,
        "attributes": {
            name: {
                "values": [readable(name, value, facts, state) for value in values]
                if not (secrets and facts.is_secret(name))
                else [b64encode(value).decode() for value in values],
                **(
                    {"raw": [b64encode(value).decode() for value in values]}
                    if secrets or not facts.is_secret(name)
                    else {}
                ),
                **({"secret": True} if facts.is_secret(name) else {}),
            }
            for name, values in sorted(item.values.items(), key=_order)
        },
        "links": {
            name: sorted((_link(reference, state) for reference in refs), key=lambda each: str(each["dn"]))
            for name, refs in sorted(item.links.items())
        },
        "backlinks": _backlinks(view, facts, item.guid),
    }


def _link(reference: bytes, state: "State") -> dict[str, Any]:
    from adpersist.reading.text.value_text import resolved

    target = target_of(reference)
    return {
        "dn": resolved(reference, state),
        "guid": output.guid(target) if target else None,
        "dormant": target is not None and not state.is_live(target),
    }


def _backlinks(view: "View", facts: "JournalSchema", guid: "Guid") -> dict[str, list[str]]:
    """Who links here."""
    found: dict[str, list[str]] = {}
    for name, source in view.linking_to(guid):
        found.setdefault(facts.backlink(name) or f"{name} of", []).append(view.state.dn(source))
    return {name: sorted(dns) for name, dns in sorted(found.items())}


def _order(attribute: tuple[str, object]) -> tuple[bool, str]:
    return attribute[0] != "objectClass", attribute[0].casefold()


def _print(document: dict[str, Any]) -> None:
    output.say(
        output.printable(f"{document['dn']}  (commit {document['at']}{', deleted' if document['deleted'] else ''})")
    )
    if document["former_dn"]:
        output.say(output.printable(f"{'formerly':<30} {document['former_dn']}"))
    output.say(f"{'objectGUID':<30} {document['guid']}")
    for name, attribute in document["attributes"].items():
        _say_values(name, attribute["values"])
    for name, links in document["links"].items():
        _say_values(name, [link["dn"] + (" (deleted)" if link["dormant"] else "") for link in links])
    for name, dns in document["backlinks"].items():
        _say_values(f"({name})", dns)


def _say_values(name: str, values: list[str]) -> None:
    for number, value in enumerate(values):
        output.say(output.printable(f"{name if number == 0 else '':<30} {value}"))
