"""A state as LDIF ([RFC2849]): containers before what lies in them, references as the DNs their targets have. Pure."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Final

from adpersist.model.identity.dn import depth
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import target_of
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.journal_schema import JournalSchema
from adpersist.state.state import State

_LINE_BYTES: Final = 76
_UNSAFE_FIRST: Final = frozenset(b" :<")
"""Bytes a value in the clear may not begin with; nor may it hold NUL, line ends or anything above 127 ([RFC2849] 4).

Nor any other control character here: Samba's own tools read a tab in front as nothing.
"""


def records(state: State, facts: JournalSchema, *, secrets: bool) -> Iterator[bytes]:
    """One entry each, with the empty line after it; living objects only.

    Args:
        state: The directory.
        facts: Its schema.
        secrets: With password hashes, keys and whatever else is shown to nobody.
    """
    names = Names(state, facts)
    for item in sorted((each for each in state.values() if not each.deleted), key=lambda each: names.key(each.guid)):
        lines = [_line("dn", names.dn(item.guid).encode())]
        lines += (
            _line(name, value) for name, values in _attributes(item, names, facts, secrets=secrets) for value in values
        )
        yield b"".join(lines) + b"\n"


def _attributes(
    item: ObjectState, names: "Names", facts: JournalSchema, *, secrets: bool
) -> Iterator[tuple[str, list[bytes]]]:
    yield "objectClass", list(item.values.get("objectClass", ()))
    yield "objectGUID", [item.guid]
    for name, values in sorted(item.values.items()):
        if name != "objectClass" and (secrets or not facts.is_secret(name)):
            yield name, [names.resolved(name, value) for value in values]
    for name, refs in sorted(item.links.items()):
        lit = (each for each in refs if (target := target_of(each)) is None or names.is_live(target))
        yield name, sorted(names.resolved(name, each) for each in lit)


class Names:
    """DNs of a state's objects, each made once."""

    def __init__(self, state: State, facts: JournalSchema) -> None:
        self._state = state
        self._facts = facts
        self._dns: dict[Guid, str] = {}
        self._depths: dict[Guid, int] = {}

    def dn(self, guid: Guid) -> str:
        """The object's DN."""
        if guid not in self._dns:
            item = self._state[guid]
            above = f",{self.dn(item.parent)}" if item.parent is not None and item.parent in self._state else ""
            self._dns[guid] = item.rdn + above
        return self._dns[guid]

    def key(self, guid: Guid) -> tuple[int, str]:
        """Sorts containers before what lies in them, over all naming contexts."""
        dn = self.dn(guid)
        return depth(dn), dn.casefold()

    def is_live(self, guid: Guid) -> bool:
        """It is there and no tombstone."""
        return self._state.is_live(guid)

    def resolved(self, name: str, value: bytes) -> bytes:
        """An attribute's reference with its target's DN for the GUID; any other value as it is."""
        target = target_of(value) if value.endswith(b">") and self._facts.may_refer(name) else None
        if target is None or target not in self._state:
            return value
        return value[: value.rindex(b"<GUID=")] + self.dn(target).encode()


def _line(name: str, value: bytes) -> bytes:
    if _is_safe(value):
        return _folded(name.encode() + b": " + value)
    return _folded(name.encode() + b":: " + b64encode(value))


def _is_safe(value: bytes) -> bool:
    if not value:
        return True
    return (
        value.isascii()
        and value.decode("ascii").isprintable()
        and value[0] not in _UNSAFE_FIRST
        and not value.endswith(b" ")
    )


def _folded(line: bytes) -> bytes:
    if len(line) <= _LINE_BYTES:
        return line + b"\n"
    rest = (line[at : at + _LINE_BYTES - 1] for at in range(_LINE_BYTES, len(line), _LINE_BYTES - 1))
    return b"\n ".join([line[:_LINE_BYTES], *rest]) + b"\n"
