"""Accounts that cannot come back because somebody else has their SID rightfully: a directory was damaged. Pure."""

from collections.abc import Collection

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.sid import sid_text
from adpersist.state.state import State


def shared_sids(missing: Collection[Guid], want: State, have: State) -> dict[Guid, str]:
    """Why each of those cannot come back, in words for people.

    Args:
        missing: Objects that the DC was to have and has not.
        want: What it was to have.
        have: What it has.
    """
    sids = {sid: guid for guid in missing if guid in want for sid in want[guid].values.get("objectSid", ())}
    if not sids:
        return {}
    return {
        sids[sid]: f"its SID {sid_text(sid)} is also that of {have.dn(item.guid)}, and no two objects can have one; "
        "the journal goes on holding both as they were"
        for item in have.values()
        for sid in item.values.get("objectSid", ())
        if sid in sids and sids[sid] != item.guid and want.is_live(item.guid)
    }
