"""Replication stamps of objects: who wrote each attribute last."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from adpersist.directory.ldap.session import LOOK_TIMEOUT_S, Session
from adpersist.directory.schema import Schema
from adpersist.directory.wire.controls import ALL_CONTEXTS, SHOW_RECYCLED, Control
from adpersist.directory.wire.filters import at_least, equals, or_
from adpersist.directory.wire.messages import Entry
from adpersist.directory.wire.replication_metadata import parse_replmeta
from adpersist.errors import DirectoryError
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.directory_time import generalized_time
from adpersist.model.objects.stamps import CHANGED, EVER, UNREADABLE, Stamps, Written

_NOBODY: Final = Guid(bytes(16))

_AT_ONCE: Final = 200
"""Objects asked for in one filter: a few kilobytes, answered from the GUID index."""
_TOGETHER: Final = 8
"""Questions sent before the first answer is read; all of them fit the socket's buffer."""

STAMPED: Final = ("objectGUID", "replPropertyMetaData", CHANGED, "whenChanged")
"""What :func:`stamped` reads."""


def asked(
    session: Session, guids: Iterable[Guid], *, attributes: Sequence[str], more: Sequence[Control] = ()
) -> Iterator[Entry]:
    """Objects by GUID wherever they lie, tombstones included; those that are not there are left out.

    Args:
        more: Controls beside those.
    """
    wanted = iter(guids)
    while parts := [part for _ in range(_TOGETHER) if (part := list(islice(wanted, _AT_ONCE)))]:
        answers = [
            session.search(
                "",
                or_(*(equals("objectGUID", guid) for guid in part)),
                attributes=attributes,
                controls=[ALL_CONTEXTS, SHOW_RECYCLED, *more],
            )
            for part in parts
        ]
        yield from chain.from_iterable(answers)


def read_stamps(session: Session, schema: Schema, guids: Iterable[Guid], *, after: Usn = EVER) -> dict[Guid, Stamps]:
    """Stamps by attribute name for every object that is there, tombstones included; others are left out.

    Args:
        after: Only those of what was written here after this USN.
    """
    return dict(stamped(entry, schema, after=after) for entry in asked(session, guids, attributes=STAMPED))


def newest_stamps(session: Session, schema: Schema, since: Usn) -> Iterator[tuple[Guid, Stamps]]:
    """Objects written since a USN, and their stamps; one scan of the directory on Samba."""
    written = at_least(CHANGED, since)
    controls = [ALL_CONTEXTS, SHOW_RECYCLED]
    entries = session.search("", written, attributes=STAMPED, controls=controls, timeout_s=LOOK_TIMEOUT_S)
    yield from (stamped(entry, schema) for entry in entries)


def stamped(entry: Entry, schema: Schema, *, after: Usn = EVER) -> tuple[Guid, Stamps]:
    """Which object this is, and its stamps by attribute name: those of what was written here after a USN.

    They are :data:`UNREADABLE` where the database holds something else in their place.
    """
    blob = entry.attributes.get("replPropertyMetaData", ())
    try:
        found = list(parse_replmeta(blob[0], after=after)) if blob else []
    except DirectoryError:
        return Guid(entry.attributes["objectGUID"][0]), UNREADABLE
    stamps = {schema.name_of(written.attid): written for written in found}
    if CHANGED in entry.attributes:
        usn = Usn(int(entry.attributes[CHANGED][0]))
        time = generalized_time(entry.attributes["whenChanged"][0]) if "whenChanged" in entry.attributes else 0
        stamps[CHANGED] = Written(attid=0, stamp=Stamp(version=0, time=time, origin=_NOBODY, usn=usn), local_usn=usn)
    return Guid(entry.attributes["objectGUID"][0]), stamps
