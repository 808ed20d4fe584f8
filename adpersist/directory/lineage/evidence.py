"""What the database says of itself and of objects the journal knows, asked for in one go.

A question costs the DC next to nothing and its asker a round trip, so all of them travel together.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from adpersist.directory.feed.stamps import STAMPED, asked, stamped
from adpersist.directory.ldap.session import Session
from adpersist.directory.lineage import canary
from adpersist.directory.schema import Schema
from adpersist.errors import DirectoryError
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.journal.lineage import Evidence
from adpersist.model.objects.stamps import EVER, Stamps

_ASK: Final = (*STAMPED, canary.ATTRIBUTE, "invocationId", "rIDNextRID")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnObjects:
    """Objects of the DC's own.

    Attributes:
        machine: Its machine account, which holds the canary.
        server: Its NTDS Settings, which name the database.
        rid_set: Its RID set; None while it has none.
    """

    machine: Guid
    server: Guid
    rid_set: Guid | None


def gather_evidence(
    session: Session,
    schema: Schema,
    objects: OwnObjects,
    witnesses: Collection[Guid],
    changed: Iterable[Guid],
    since: Usn,
) -> Evidence:
    """Ask for the evidence, for all stamps of the witnesses, and for those after a USN of what changed."""
    own = [guid for guid in (objects.machine, objects.server, objects.rid_set) if guid is not None]
    stamps: dict[Guid, Stamps] = {}
    numbers = {canary.ATTRIBUTE: 0, "rIDNextRID": 0}
    invocation: Guid | None = None
    for entry in asked(session, dict.fromkeys([*own, *witnesses, *changed]), attributes=_ASK):
        found = Guid(entry.attributes["objectGUID"][0])
        guid, written = stamped(entry, schema, after=EVER if found in witnesses else since)
        stamps[guid] = written
        if guid == objects.server:
            invocation = Guid(entry.attributes["invocationId"][0])
        for name, holder in ((canary.ATTRIBUTE, objects.machine), ("rIDNextRID", objects.rid_set)):
            if guid == holder and name in entry.attributes:
                numbers[name] = int(entry.attributes[name][0])
    if invocation is None:
        raise DirectoryError("the domain controller's NTDS Settings are gone from its own directory")
    return Evidence(
        usn=session.usn(),
        invocation=invocation,
        remembered=numbers[canary.ATTRIBUTE],
        last_given_rid=numbers["rIDNextRID"],
        stamps=stamps,
    )
