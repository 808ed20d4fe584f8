"""Which objects are group policies, and where each says its files are. Pure."""

from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.policies.folders import policy_named
from adpersist.state.state import State

CLASS: Final = b"groupPolicyContainer"


def is_policy(item: ObjectState) -> bool:
    """It is a group policy's container."""
    return CLASS in item.values.get("objectClass", ())


def place_of(item: ObjectState) -> str | None:
    """Where a group policy says its files are, whether it lives or not; None: it does not say.

    As ``\\\\corp.example\\sysvol\\corp.example\\Policies\\{...}`` ([MS-GPOL] 2.2.2); a place that does not end with its
    own name is nobody's, or somebody else's, and so is one of a container that is not called as policies are: whoever
    may make one could call it as the folder is in which all of them lie.
    """
    place = b"".join(item.values.get("gPCFileSysPath", ())).decode("utf-8", "replace")
    _server, _share, *names = [*place.strip("\\").split("\\"), ""]
    path = "/".join(name for name in names if name not in {"", ".", ".."})
    own = policy_named(item.rdn.partition("=")[2])
    return path if own is not None and policy_named(path.rpartition("/")[2]) == own else None


def policy_place(state: State, guid: Guid) -> str | None:
    """The same of an object; None also for what is no policy, or is not there."""
    item = state.get(guid)
    return place_of(item) if item is not None and is_policy(item) else None
