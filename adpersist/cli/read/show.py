"""``adpersist show``: one object as of a point."""

import time
from base64 import b64encode
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adpersist.cli import output
from adpersist.cli.options import AtOption, ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.model.identity.reference import target_of
from adpersist.model.identity.sid import sid_text

if TYPE_CHECKING:
    from adpersist.model.identity.ids import Guid, Seq
    from adpersist.model.objects.object_state import ObjectState
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
    from adpersist.reading.find import find
    from adpersist.state.fold import fold
    from adpersist.state.journal_schema import JournalSchema

    common = common_options(ctx, config, as_json)
    with opened_journal(loaded(common)) as journal:
        point = journal.head.seq if at is None else journal.resolve(at, now=time.time())
        state = fold(journal, point)
    guid = find(state, name)
    facts = JournalSchema.of(state)
    document = _document(state, facts, state[guid], point, secrets=secrets)
    if common.as_json:
        output.machine(document)
    else:
        _print(document)


def _document(
    state: "State", facts: "JournalSchema", item: "ObjectState", point: "Seq", *, secrets: bool
) -> dict[str, Any]:
    from adpersist.reading.find import former_dn
    from adpersist.reading.text.value_text import readable

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
        "backlinks": _backlinks(state, facts, item.guid),
    }


def _link(reference: bytes, state: "State") -> dict[str, Any]:
    from adpersist.reading.text.value_text import resolved

    target = target_of(reference)
    return {
        "dn": resolved(reference, state),
        "guid": output.guid(target) if target else None,
        "dormant": target is not None and not state.is_live(target),
    }


def _backlinks(state: "State", facts: "JournalSchema", guid: "Guid") -> dict[str, list[str]]:
    """Who links here; a deleted object's links sleep."""
    found: dict[str, list[str]] = {}
    for item in state.values():
        if item.deleted:
            continue
        for name, refs in item.links.items():
            if any(target_of(each) == guid for each in refs):
                found.setdefault(facts.backlink(name) or f"{name} of", []).append(state.dn(item.guid))
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
