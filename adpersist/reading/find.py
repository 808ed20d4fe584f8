"""Which object a person means by a DN, a GUID (its own, or a group policy's name), a SID or a sAMAccountName. Pure."""

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from adpersist.errors import ConfigError
from adpersist.model.identity.dn import comparable, folded
from adpersist.model.identity.ids import GUID_BYTES, Guid, guid_from_text, guid_text
from adpersist.model.identity.reference import target_of
from adpersist.model.identity.sid import sid_from_text
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import DELETED_NAME, ObjectState
from adpersist.state.state import State

_GUID: Final = re.compile(r"\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")
_SID: Final = re.compile(r"S-\d+-\d+(-\d+)*", re.IGNORECASE)
_NAMED: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*=")
SIDS: Final = ("objectSid", "sIDHistory")
ACCOUNT: Final = "sAMAccountName"

_TOMBSTONE_FOLDED: Final = folded(DELETED_NAME)

Match = Callable[[State, ObjectState], bool]


class NoSuchObjectError(ConfigError):
    """Nothing in the journal is what was named."""

    way_out = "Name it by its DN, objectGUID, SID or account name; `adpersist log` tells of all there ever were."


class AmbiguousObjectError(ConfigError):
    """Several deleted objects had the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What a person calls an object by.

    Attributes:
        guid: objectGUID, or what a group policy has in its name.
        policy: With that: the name of such a policy's container, as :func:`folded` has it.
        sid: objectSid, or one it once had.
        dn: Component by component, as :func:`comparable` has it.
        account: sAMAccountName, in one case.
    """

    guid: Guid | None = None
    policy: str = ""
    sid: bytes | None = None
    dn: tuple[str, ...] | None = None
    account: str | None = None

    def matches(self, state: State, item: ObjectState) -> bool:
        """The object is called that at that point."""
        if self.guid is not None:
            return item.guid == self.guid or _is_policy(item, self.policy)
        if self.sid is not None:
            return any(self.sid in item.values.get(name, ()) for name in SIDS)
        if self.dn is not None:
            return _bears(state, item, self.dn)
        return any(value.decode(errors="replace").casefold() == self.account for value in item.values.get(ACCOUNT, ()))


def find(state: State, name: str, among: Iterable[ObjectState] | None = None) -> Guid:
    """The object's GUID: living objects first, then deleted ones, also by the name they had when they lived.

    Args:
        state: The directory at one point.
        name: What it is called.
        among: All objects that may be called that; None: all there are.

    Raises:
        NoSuchObjectError, AmbiguousObjectError.
    """
    match = matching(name)
    found = [item for item in (state.values() if among is None else among) if match(state, item)]
    living = [item for item in found if not item.deleted]
    for candidates in (living, found):
        if len(candidates) == 1:
            return candidates[0].guid
        if candidates:
            listed = ", ".join(guid_text(item.guid) for item in candidates[:10])
            raise AmbiguousObjectError(
                f"{len(candidates)} objects are or were called {name}", hint=f"Say which by its GUID: {listed}"
            )
    raise NoSuchObjectError(
        f"there is no object {name!r} at this point",
        hint="Name it by DN, GUID, SID or sAMAccountName; `adpersist history` also knows names of the past.",
    )


def matching(name: str) -> Match:
    """A test for the object a name means. Raises: NoSuchObjectError: No object can be called that."""
    return called(name).matches


def called(name: str) -> Called:
    """What kind of name it is.

    Raises:
        NoSuchObjectError: No object can be called that.
    """
    text = name.strip()
    if not text:
        raise NoSuchObjectError("an object has a name", hint="Name it by DN, GUID, SID or sAMAccountName.")
    if _GUID.fullmatch(text):
        return Called(guid=guid_from_text(text), policy=folded(f"CN={{{text.strip('{}')}}}"))
    if _SID.fullmatch(text):
        return Called(sid=_sid(text))
    if _NAMED.match(text):
        return Called(dn=tuple(map(_as_text, comparable(text))))
    return Called(account=_as_text(text.rpartition("\\")[2].casefold()))


def _as_text(name: str) -> str:
    """The name. Raises: NoSuchObjectError: It has bytes that are no characters, as no name in a directory has."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise NoSuchObjectError(f"there is no object {name!r}: that is no text") from error
    return name


def stem(component: str) -> str:
    """What the name of an object and that of its tombstone have in common; of a folded component."""
    return component.partition(_TOMBSTONE_FOLDED)[0]


def former_dn(state: State, item: ObjectState) -> str:
    """The DN a deleted object had, as far as its tombstone tells; its present one otherwise."""
    name = former_name(item.rdn) if item.deleted else None
    if name is None:
        return state.dn(item.guid)
    parents = (target_of(value) for value in item.values.get("lastKnownParent", ()))
    above = next((state.dn(parent) for parent in parents if parent is not None and parent in state), "")
    return f"{name},{above}" if above else name


def former_name(rdn: str) -> str | None:
    """What a tombstone's name says the object was called; None: it is no tombstone's."""
    name, mark, _ = rdn.partition(DELETED_NAME)
    return name if mark else None


def _is_policy(item: ObjectState, name: str) -> bool:
    """It is the group policy that is called so, which people know by that GUID and not by its objectGUID."""
    return stem(folded(item.rdn)) == name and b"groupPolicyContainer" in item.values.get("objectClass", ())


def _bears(state: State, item: ObjectState, dn: tuple[str, ...]) -> bool:
    # the first component alone rules out nearly all of them
    return folded(item.rdn).startswith(dn[0]) and dn in (
        comparable(state.dn(item.guid)),
        comparable(former_dn(state, item)),
    )


def _sid(text: str) -> bytes:
    try:
        return sid_from_text(text)
    except (ValueError, OverflowError, struct.error) as error:  # the last two: a part beyond its bits
        raise NoSuchObjectError(f"{text!r} is no SID") from error


def type_ids(values: Mapping[str, Values]) -> Iterator[str]:
    """GUIDs that an object names in permissions: of an attribute, a class, a set of attributes or a right."""
    yield from (guid_text(Guid(each)) for each in values.get("schemaIDGUID", ()) if len(each) == GUID_BYTES)
    yield from (each.decode(errors="replace").casefold() for each in values.get("rightsGuid", ()))


class FoldedDns:
    """DNs in one case, as a part of one is looked for; each container's is made once, as many objects lie in few.

    Args:
        state: Where the containers are.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._below: dict[Guid | None, str] = {}

    def of(self, item: ObjectState) -> str:
        """The object's; of one whose container is not there its name alone."""
        below = self._below.get(item.parent)
        if below is None:
            is_here = item.parent is not None and item.parent in self._state
            below = f",{self._state.dn(item.parent).casefold()}" if is_here and item.parent else ""
            self._below[item.parent] = below
        return item.rdn.casefold() + below
