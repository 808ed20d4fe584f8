"""Principals of other domains: the server makes their objects itself, when one becomes a member of a group.

Nobody may create a foreignSecurityPrincipal ([MS-ADTS] 3.1.1.5.2.6), and the server draws its objectGUID. Who it stands
for is told by its SID alone, so that is what identifies it here. Pure.
"""

from typing import Final

from adpersist.model.identity.reference import Ref
from adpersist.model.identity.sid import sid_text
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.plan.identities.renumbering import with_other_guids
from adpersist.state.state import State

_CLASS: Final = b"foreignSecurityPrincipal"


def is_foreign(item: ObjectState) -> bool:
    """It stands for somebody of another domain."""
    return _CLASS in item.values.get("objectClass", ())


def by_sid(item: ObjectState) -> Ref:
    """What a link names to have the server make the object."""
    return Ref(b"<SID=" + sid_text(item.values["objectSid"][0]).encode() + b">")


def matched_by_sid(want: State, have: State) -> State:
    """What is wanted, with foreign principals under the objectGUID the server gave them anew."""
    lacking = {
        item.values["objectSid"][0]: item.guid
        for item in want.values()
        if is_foreign(item) and not item.deleted and not have.is_live(item.guid)
    }
    if not lacking:
        return want
    renamed = {
        lacking[item.values["objectSid"][0]]: item.guid
        for item in have.values()
        if is_foreign(item) and not item.deleted and item.values["objectSid"][0] in lacking
    }
    if not renamed:
        return want
    return with_other_guids(want, renamed)
