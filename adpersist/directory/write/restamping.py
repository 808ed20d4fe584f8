"""Gives what was written over LDAP the stamps it had, so that key version numbers and partners agree.

Samba takes a replPropertyMetaData that is written as it is, as SYSTEM and by itself. Where links stand no search over
LDAP shows, and none can be written so.
"""

from collections.abc import Iterator, Mapping

from adpersist.directory.feed.stamps import asked
from adpersist.directory.ldap.operations import REFUSALS
from adpersist.directory.ldap.session import Session
from adpersist.directory.schema import Schema
from adpersist.directory.wire.controls import RELAX, SHOW_RECYCLED
from adpersist.directory.wire.replication_metadata import restamped
from adpersist.directory.wire.requests import MODIFY_ADD, MODIFY_DELETE
from adpersist.directory.write.step_writes import address
from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Stamp

_METADATA = "replPropertyMetaData"


def restamp(
    session: Session, schema: Schema, wanted: Mapping[Guid, Mapping[str, tuple[Stamp | None, Stamp]]]
) -> Iterator[tuple[Guid, str]]:
    """Write stamps of attributes, also of those without a value.

    What somebody wrote meanwhile keeps its own: nothing is overwritten.

    Args:
        wanted: By attribute the write that was seen last, None for none, and whose stamp it is to have.

    Yields:
        What could not be, and the directory's own words.
    """
    for entry in asked(session, wanted, attributes=["objectGUID", _METADATA]):
        guid = Guid(entry.attributes["objectGUID"][0])
        old = entry.attributes[_METADATA][0]
        by_id = {attid: both for name, both in wanted[guid].items() if (attid := schema[name].attid) is not None}
        new = restamped(old, by_id)
        if new == old:
            continue
        changes = {_METADATA: [(MODIFY_DELETE, (old,)), (MODIFY_ADD, (new,))]}
        try:
            session.modify(address(guid), changes, (RELAX, SHOW_RECYCLED))
        except REFUSALS as error:
            yield guid, error.message
