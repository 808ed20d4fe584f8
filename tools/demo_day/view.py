"""A directory's database as comparable facts: what each living object is, has, and is linked to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tools.samba_dc import SECRET_ATTRIBUTES, Dump

Entry = Mapping[str, tuple[bytes, ...]]

IGNORED: Final[Mapping[str, str]] = {
    "uSNCreated": "every DC numbers its own writes",
    "uSNChanged": "every DC numbers its own writes",
    "whenChanged": "every DC stamps the last write it made itself",
    "replPropertyMetaData": "replication's notes on those writes: version, time and number of each",
    "lastLogon": "every DC keeps those it saw itself (lastLogonTimestamp, which replicates, is compared)",
    "logonCount": "every DC counts the logins it saw itself",
    "badPwdCount": "every DC counts the mistakes it saw itself",
    "badPasswordTime": "every DC keeps those it saw itself",
    "invocationId": "a healed DC goes on under another one, so that whoever has read it before reads on",
    "lastLogoff": "never kept by any server; adpersist notes the newest commit there, on the DC's own account",
}
"""Attributes left out of every comparison, and why: replication carries none of them from one DC to another."""

ONLY_RISING: Final = frozenset({"rIDNextRID", "rIDPreviousAllocationPool", "rIDAllocationPool", "rIDAvailablePool"})
"""Where a restored DC hands out RIDs from: a higher number than before is right, a lower one is not."""

_KINDS: Final[Mapping[str, str]] = {
    "computer": "computers",
    "user": "users",
    "group": "groups",
    "contact": "contacts",
    "organizationalUnit": "organizational units",
    "groupPolicyContainer": "group policies",
    "dnsNode": "DNS names",
    "site": "sites",
    "subnet": "subnets",
}
"""Object class to what people call it; the first that fits."""

_ELSEWHERE: Final = frozenset(
    {*IGNORED, *ONLY_RISING, *SECRET_ATTRIBUTES, "distinguishedName", "name", "cn", "ou"},
)
"""No values of an `Item`: its names and secrets have places of their own, the rest is no work of the day."""


@dataclass(frozen=True, slots=True)
class Item:
    """One living object.

    Attributes:
        kind: What people call such objects, in the plural; "other objects" for the rest.
        name: For people.
        parent: GUID of its container; empty at the top.
        rdn: Its own name in the DN.
        values: Attributes and their values, in no order; names, links, secrets and the DC's own numbers aside.
        links: Forward links: attribute and the target's GUID.
        secrets: Hashes, keys, histories.
    """

    kind: str
    name: str
    parent: str
    rdn: str
    values: Mapping[str, frozenset[bytes]]
    links: frozenset[tuple[str, str]]
    secrets: Mapping[str, frozenset[bytes]]


View = Mapping[str, Item]
"""By objectGUID as text."""


def view(dump: Dump) -> View:
    """The living objects of a dump."""
    living = {guid: entry for guid, entry in dump.items() if "isDeleted" not in entry}
    guids = {_text(entry, "distinguishedName").lower(): guid for guid, entry in living.items()}
    links = dict(_linked_attributes(dump))
    return {guid: _item(entry, guids, links) for guid, entry in living.items()}


def _item(entry: Entry, guids: Mapping[str, str], links: Mapping[str, bool]) -> Item:
    dn = _text(entry, "distinguishedName")
    rdn, parent_dn = split_dn(dn)
    return Item(
        kind=_kind(entry),
        name=rdn.partition("=")[2],
        parent=guids.get(parent_dn.lower(), ""),
        rdn=rdn,
        values={
            name: frozenset(values) for name, values in entry.items() if name not in links and name not in _ELSEWHERE
        },
        links=frozenset(
            (name, guids.get(value.decode().lower(), value.decode()))
            for name, values in entry.items()
            if links.get(name)
            for value in values
        ),
        secrets={name: frozenset(entry[name]) for name in SECRET_ATTRIBUTES if name in entry},
    )


def _linked_attributes(dump: Dump) -> Iterator[tuple[str, bool]]:
    """Every link attribute of the schema, and whether it is a forward link: those have even numbers."""
    for entry in dump.values():
        if "linkID" in entry and "lDAPDisplayName" in entry:
            yield _text(entry, "lDAPDisplayName"), int(entry["linkID"][0]) % 2 == 0


def _kind(entry: Entry) -> str:
    classes = {value.decode() for value in entry.get("objectClass", ())}
    return next((words for name, words in _KINDS.items() if name in classes), "other objects")


def _text(entry: Entry, attribute: str) -> str:
    values = entry.get(attribute, ())
    return values[0].decode("utf-8", "replace") if values else ""


def split_dn(dn: str) -> tuple[str, str]:
    """A DN's first part, and the rest: at the first comma that no backslash protects (RFC 4514 2.4)."""
    escaped = False
    for position, character in enumerate(dn):
        if character == "," and not escaped:
            return dn[:position], dn[position + 1 :]
        escaped = character == "\\" and not escaped
    return dn, ""
