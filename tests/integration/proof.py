"""Whether a database that was restored is the one that was lost, told from the files alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tools.samba_dc import Dump, SambaDC, Stamped, dump

NEVER_THE_SAME: Final = frozenset({"uSNChanged", "uSNCreated", "whenChanged", "replPropertyMetaData"})
"""Every write makes these anew, and a restore is made of writes."""

WRITTEN_BY_LOGINS: Final = frozenset({"lastLogon", "logonCount", "badPwdCount", "badPasswordTime"})
"""Not replicated: each DC keeps its own, and no feed carries them."""

CANARY: Final = "lastLogoff"
"""On the DC's own account adpersist keeps a note here, which is another after every commit."""


RENEWED: Final = "invocationId"
"""A DC that was healed goes on under another one, so that whoever has read it before reads on."""


def unlike(
    before: Path, after: Path, *, ignoring: frozenset[str] = NEVER_THE_SAME | WRITTEN_BY_LOGINS | {CANARY, RENEWED}
) -> list[str]:
    """What differs between the living objects of two databases, secrets included; one line each."""
    return list(_unlike(dump(before), dump(after), ignoring))


def _unlike(before: Dump, after: Dump, ignoring: frozenset[str]) -> Iterator[str]:
    for guid in sorted({*before, *after}):
        if guid not in after or guid not in before:
            where = "lost" if guid in before else "extra"
            yield f"{where}: {name_of((before | after)[guid])}"
            continue
        old, new = before[guid], after[guid]
        for attribute in sorted({*old, *new} - ignoring):
            if sorted(old.get(attribute, ())) != sorted(new.get(attribute, ())):
                yield f"{name_of(old)}: {attribute}"


_OF_THE_MACHINE: Final = ("CN=RID Set,", "CN=RID Manager$,")
"""Raised above every RID that was handed out, which is a write of its own."""


def stamps_unlike(before: Mapping[str, Stamped], after: Mapping[str, Stamped]) -> Iterator[tuple[str, list[str]]]:
    """Objects whose replication stamps differ, tombstones included: objectGUID and a line for each difference.

    The naming attribute's own is left out: every database makes it from the name, and none sends it to another.
    """
    for guid, one in before.items():
        other = after.get(guid)
        if other is None:
            yield guid, [f"{one.dn}: missing"]
            continue
        if one.dn.startswith(_OF_THE_MACHINE):
            continue
        naming = one.dn.partition("=")[0].casefold()
        lines = [
            f"{one.dn}: {name}: {one.attributes.get(name)} became {other.attributes.get(name)}"
            for name in sorted({*one.attributes, *other.attributes} - {RENEWED})
            if name.casefold() != naming and one.attributes.get(name) != other.attributes.get(name)
        ]
        lines += [
            f"{one.dn}: {name}: {target}: {links.get(target)} became {other.links.get(name, {}).get(target)}"
            for name, links in one.links.items()
            for target in links
            if links[target] != other.links.get(name, {}).get(target)
        ]
        if lines:
            yield guid, lines


Ids = Mapping[str, tuple[int, ...]]
"""What attributes are called inside a database: by ``ids`` those with a stamp, in their order; or msDS-IntId."""

_HEAD, _ENTRY = struct.Struct("<IIII"), struct.Struct("<II40x")
"""replPropertyMetaData: version, reserved, count, reserved; then id, version, and all else ([MS-ADTS] 3.1.1.1.9)."""


def attribute_ids(dumped: Dump) -> dict[str, Ids]:
    """What replication calls the attributes of each object, by objectGUID, read from the raw values."""
    return {
        guid: {
            "ids": tuple(
                number
                for (blob,) in [entry.get("replPropertyMetaData", (_HEAD.pack(1, 0, 0, 0),))]
                for number, _ in _ENTRY.iter_unpack(blob[_HEAD.size :])
            ),
            "msDS-IntId": tuple(int(value) for value in entry.get("msDS-IntId", ())),
        }
        for guid, entry in dumped.items()
    }


def name_of(entry: Mapping[str, tuple[bytes, ...]]) -> str:
    """distinguishedName."""
    return entry["distinguishedName"][0].decode()


def by_name(judged: SambaDC | Path) -> dict[str, Mapping[str, tuple[bytes, ...]]]:
    """The living objects of a stopped DC by their RDN and their container's, short enough to read in a test."""
    return {name_of(entry): entry for entry in dump(judged).values()}


def highest_rid(judged: SambaDC | Path) -> int:
    """The highest RID of the domain's own accounts, tombstones included."""
    found = dump(judged, deleted=True)
    domain = next(entry["objectSid"][0] for entry in found.values() if b"domainDNS" in entry["objectClass"]
                  and "objectSid" in entry)  # fmt: skip
    sids = [sid for entry in found.values() for sid in entry.get("objectSid", ())]
    # sub-authorities follow 8 bytes of head, [MS-DTYP] 2.4.2.2
    return max(int.from_bytes(sid[-4:], "little") for sid in sids if sid[8:-4] == domain[8:])
